"""Requests of a log as the arrays that off-policy estimates read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pointsman.gateway.replay.entries import Entry, is_number
from pointsman.policies.offpolicy.logged import Logged, Outcomes
from pointsman.policies.select.context import Doubles
from pointsman.policies.select.utility import Weights
from pointsman.policies.types import Choice
from pointsman.signals.prompt import FEATURES, Prompt

KEPT = ("first", "propensity", "shares", "previous", "turn", "budget")
"""What of an entry's `selection` is needed."""


@dataclass(slots=True)
class Row:
    entry: Entry
    prompt: Prompt | None
    told: bool  # whether the selector can be asked
    reward: float | None = None


class Utility(NamedTuple):
    """quality·reward - cost·USD/`usd` - latency·seconds/`seconds`"""

    weights: Weights
    usd: float  # what a request would have cost on average at the dearest model's prices
    seconds: float  # that the slowest model took on average


def first(entry: Entry) -> str:
    """The pool that the selector put first."""
    first = (entry.selection or {}).get("first")
    return first if isinstance(first, str) else entry.asked or ""


def _propensity(entry: Entry) -> float | None:
    told = (entry.selection or {}).get("propensity")
    return float(told) if is_number(told) else entry.propensity


def logged(rows: Sequence[Row], arms: Sequence[str]) -> Logged:
    places = {arm: place for place, arm in enumerate(arms)}
    shares = np.full((len(rows), len(arms)), np.nan)
    for number, row in enumerate(rows):
        told = (row.entry.selection or {}).get("shares")
        if isinstance(told, dict):
            values = [told.get(arm, 0.0) for arm in arms]
            shares[number] = values if all(map(is_number, values)) else np.nan
    action = np.array([places[first(row.entry)] for row in rows], np.int64)
    return Logged(arms, action, numbers([_propensity(row.entry) for row in rows]), shares, _features(rows))


def _features(rows: Sequence[Row]) -> Doubles:
    """Without what differs between prompts of one encoder, and those of another."""
    found = np.zeros((len(rows), FEATURES + 4))
    for number, row in enumerate(rows):
        found[number, 0] = np.log1p(max(0.0, float(row.entry.facts.get("prompt_tokens", 0))))
        if row.prompt is not None:
            found[number, 1:4] = 1.0, row.prompt.need, row.prompt.difficulty
            values = row.prompt.features[:FEATURES]
            found[number, 4 : 4 + len(values)] = values
    return np.nan_to_num(found)


def target(choices: Sequence[Choice], arms: Sequence[str]) -> Doubles:
    """[n, m]; where the selector does not say its probabilities, what it has drawn stands for them."""
    rows = [choice.shares or {choice.pools[0]: 1.0} for choice in choices]
    return np.array([[shares.get(arm, 0.0) for arm in arms] for shares in rows], np.float64).reshape(-1, len(arms))


def outcomes(rows: Sequence[Row], utility: Utility) -> dict[str, Outcomes]:
    entries = [row.entry for row in rows]
    quality = numbers([row.reward for row in rows])
    cost = numbers([None if entry.usage is None else entry.cost for entry in entries])
    seconds = numbers([entry.seconds for entry in entries])
    failed = numbers([entry.failed for entry in entries])
    weights = utility.weights
    worth = weights.quality * quality if weights.quality else np.zeros(len(rows))
    if weights.cost and utility.usd:
        worth = worth - weights.cost * cost / utility.usd
    if weights.latency and utility.seconds:
        worth = worth - weights.latency * seconds / utility.seconds
    return {
        "utility": Outcomes(worth),
        "quality": Outcomes(quality),
        "cost": Outcomes(1000 * cost, less_is_better=True),
        "latency": Outcomes(seconds, less_is_better=True),
        "failed": Outcomes(failed, less_is_better=True),
    }


def numbers(values: Sequence[float | None]) -> Doubles:
    return np.array([np.nan if value is None else value for value in values], np.float64)
