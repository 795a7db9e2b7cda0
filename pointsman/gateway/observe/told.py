"""What becomes known of an answer later: the one thing that the metrics and the decision log are told."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from pointsman.gateway.observe.outcome import Labelled
from pointsman.policies.outcome import Source


class Status(StrEnum):
    RECORDED = "recorded"
    UNCHANGED = "unchanged"  # it was known already
    UNKNOWN = "unknown"  # no such request is remembered


class Compared(NamedTuple):
    """Whether a kept answer was right for another question."""

    time: float  # Unix
    category: str
    source: Labelled
    same: bool
    similarity: float
    entry: str
    asked: str
    kept: str  # the question that the answer was made for


class Told(NamedTuple):
    time: float  # Unix
    id: str
    tenant: str | None
    decision: str
    pool: str
    source: Source
    quality: float  # that this source says
    reward: float  # the quality that all sources say together
    weight: float  # of all of them
