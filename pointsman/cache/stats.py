"""What happened in one category since the start, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pointsman.cache import worth


@dataclass(slots=True)
class Counts:
    lookups: int = 0
    exact: int = 0  # hits of equal texts
    similar: int = 0  # and of similar ones
    refused: int = 0  # similar texts that the guard kept apart
    stale: int = 0  # found, and too old
    unshared: int = 0  # found, and not yet for others
    explored: int = 0  # similar ones found, and the model asked all the same
    lost: int = 0  # found, and the document had gone
    away: int = 0  # found, and the document could not be had in time
    stored: int = 0
    evicted: int = 0
    expired: int = 0
    purged: int = 0


class Stats(NamedTuple):
    counts: Counts
    entries: int
    bytes: int
    max_entries: int
    max_bytes: int
    threshold: float | None  # of the moment
    ttl: float  # likewise, seconds
    relief: float
    off: bool  # because it does not pay
    worth: worth.Verdict
    saved_seconds: float
    saved_usd: float
