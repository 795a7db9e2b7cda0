"""Whether answers are better with something than without it, where chance decided who had it."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from pointsman.cache.interval import Z

ENOUGH = 30
"""Rewards on either side before a verdict."""


class Sums(NamedTuple):
    """Of rewards in [0, 1], each with a weight; what was said can be taken back."""

    rewards: int = 0
    weight: float = 0.0
    weight2: float = 0.0  # sum of squares
    reward: float = 0.0  # times the weight
    reward2: float = 0.0  # times the weight's square
    square2: float = 0.0  # the reward's square, likewise

    def plus(self, weight: float, reward: float, sign: int = 1) -> Sums:
        square = sign * weight * weight
        return Sums(
            self.rewards + sign,
            self.weight + sign * weight,
            self.weight2 + square,
            self.reward + sign * weight * reward,
            self.reward2 + square * reward,
            self.square2 + square * reward * reward,
        )

    @property
    def mean(self) -> float | None:
        return self.reward / self.weight if self.rewards else None


class Difference(NamedTuple):
    """Mean reward with less that without, and its interval (95 %)."""

    estimate: float
    low: float
    high: float


class Effect(NamedTuple):
    """For people and metrics: of one decision's examples on one pool."""

    decision: str
    pool: str
    given: Sums
    without: Sums
    difference: Difference | None
    off_for: float  # seconds that examples are still left out, because they did harm


def difference(given: Sums, without: Sums) -> Difference | None:
    """None while one side has no reward.

    The interval is Agresti and Caffo's (2000): as if each side had one reward of 0 and one of 1 more, so that few
    rewards that agree by chance are not taken for certainty."""
    if given.mean is None or without.mean is None:
        return None
    (one, variance), (other, others) = _padded(given), _padded(without)
    half = Z * sqrt(variance + others)
    return Difference(given.mean - without.mean, one - other - half, one - other + half)


def is_harmful(given: Sums, without: Sums) -> bool:
    found = difference(given, without)
    return found is not None and min(given.rewards, without.rewards) >= ENOUGH and found.high < 0.0


def _padded(sums: Sums) -> tuple[float, float]:
    """The mean, and its variance."""
    usual = sums.weight / sums.rewards
    padded = sums.plus(usual, 0.0).plus(usual, 1.0)
    mean = padded.reward / padded.weight
    spread = padded.square2 - 2 * mean * padded.reward2 + mean * mean * padded.weight2
    return mean, max(0.0, spread) / padded.weight**2
