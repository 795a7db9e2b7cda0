"""What an answer turned out to be worth, from whatever became known of it.

Each source has a weight (how far it is trusted) and says a quality in [0, 1]; the reward is the weighted mean of those
that said something. What nobody spoke of has no reward, which is not zero. What selectors learn are sums of weights and
of weights × qualities, so what becomes known later is told as a difference, and the order does not matter."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class Source(StrEnum):
    FEEDBACK = "feedback"  # somebody said so
    JUDGE = "judge"  # a model did
    IMPLICIT = "implicit"  # the conversation's next turn shows it
    MEASURED = "measured"  # the answer itself does


TRUST: Mapping[Source, float] = {
    Source.FEEDBACK: 1.0,
    Source.JUDGE: 0.5,
    Source.IMPLICIT: 0.25,
    Source.MEASURED: 0.2,
}
"""What somebody says outweighs all else together."""

PREFERENCE = 0.5
"""Trust in each side of a preference: it tells which answer is better, and little of how good either is."""

VERDICTS: Mapping[str, float] = {
    "good": 1.0, "up": 1.0, "thumbs_up": 1.0, "👍": 1.0,
    "bad": 0.0, "down": 0.0, "thumbs_down": 0.0, "👎": 0.0,
}  # fmt: skip

PREFERRED, REFUSED = 0.8, 0.2
TURNS: Mapping[str, float] = {"satisfied": 0.9, "clarification": 0.4, "alternative": 0.3, "dissatisfied": 0.1}
"""By what the user's next turn says of the answer, as the signal `feedback` reads it."""
REASKED, REGENERATED = 0.2, 0.2
FAILED, TRUNCATED = 0.0, 0.3


class Evidence(NamedTuple):
    weight: float
    quality: float  # in [0, 1]
    over: str | None = None  # the arm whose answer was found worse
    under: str | None = None  # the arm whose answer was found better

    @property
    def reward(self) -> float:
        return self.weight * self.quality


Parts = Mapping[str, Evidence]
"""What is known of one answer, by who said it. Each has one say; what it says later takes its place."""


class Change(NamedTuple):
    """What a selector is told, as differences to what it knew of this answer."""

    weight: float
    reward: float
    over: str | None = None
    under: str | None = None


class Reward(NamedTuple):
    quality: float
    weight: float


def evidence(source: Source, quality: float, certainty: float = 1.0) -> Evidence:
    """`certainty`: how sure the source itself is, in [0, 1]."""
    return Evidence(TRUST[source] * certainty, min(max(quality, 0.0), 1.0))


def combined(parts: Parts) -> Reward | None:
    """None where nothing is known."""
    weight = sum(part.weight for part in parts.values())
    return Reward(sum(part.reward for part in parts.values()) / weight, weight) if weight > 0 else None


def changes(before: Parts, after: Parts) -> list[Change]:
    """What is new in `after`: at most one change for each arm that was found worse or better, and one for all else."""
    found: dict[_Pair, list[float]] = {}
    for name in before.keys() | after.keys():
        if before.get(name) != after.get(name):
            _add(found, before.get(name), -1.0)
            _add(found, after.get(name), 1.0)
    return [Change(weight, reward, *pair) for pair, (weight, reward) in found.items() if weight or reward]


_Pair: TypeAlias = tuple[str | None, str | None]


def _add(found: dict[_Pair, list[float]], part: Evidence | None, sign: float) -> None:
    if part is not None:
        total = found.setdefault((part.over, part.under), [0.0, 0.0])
        total[0] += sign * part.weight
        total[1] += sign * part.reward
