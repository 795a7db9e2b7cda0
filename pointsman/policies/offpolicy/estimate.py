"""What another policy would have been worth: inverse propensity scores, and doubly robust (Dudík et al., 2011).

Outcomes that are missing are taken as missing at random among the requests of one arm: those that are there stand for
the others. Intervals are percentiles of a bootstrap over requests (Poisson counts); how often outcomes are missing, and
the model of them, are held fixed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pointsman.policies.offpolicy.logged import Logged, Mask, Outcomes, unexplored, weights
from pointsman.policies.offpolicy.outcome_model import FOLDS, predict
from pointsman.policies.select.context import Doubles

CONFIDENCE = 0.95
RESAMPLES = 1000
_AT_ONCE = 1_000_000
"""Counts that are multiplied together."""


class Estimate(NamedTuple):
    value: float
    low: float
    high: float


class Measured(NamedTuple):
    known: int  # choices with an outcome
    effective: float  # as many choices of the target itself would say as much: (Σw)²/Σw²
    outside: float  # share of the target's choices of which the log has no outcome
    logged: Estimate
    ips: Estimate
    snips: Estimate
    dr: Estimate
    difference: Estimate  # dr - the same of the logged choices, so that what both have in common cancels out


class Chances(NamedTuple):
    """All that is left to chance, drawn once for all measures."""

    folds: NDArray[np.int64]  # [n]
    counts: NDArray[np.uint8]  # [resamples, n]

    @classmethod
    def of(cls, random: Generator, size: int, resamples: int = RESAMPLES) -> Chances:
        counts = np.empty((resamples, size), np.uint8)
        for row in counts:
            row[:] = random.poisson(1.0, size)
        return cls(random.permutation(size) % FOLDS, counts)


def measure(
    logged: Logged, target: Doubles, outcomes: Outcomes, chances: Chances, clip: float | None = None
) -> Measured | None:
    """`target` is [n, m], the probabilities that it would have chosen with; `clip` bounds the weights, which trades
    variance for bias. Choices without a propensity are left out; None if nothing else is left."""
    usable = logged.usable
    logged, target, values = logged.only(usable), target[usable], outcomes.values[usable]
    seen = ~np.isnan(values)
    if not seen.any():
        return None
    share = _share_seen(logged, seen)
    stands = seen / np.where(share > 0, share, 1.0)[logged.action]
    raw = stands * weights(logged, target)
    ratio = raw if clip is None else stands * np.minimum(weights(logged, target), clip)
    expected = predict(logged.features, logged.action, values, len(logged.arms), chances.folds[usable])
    values = np.where(seen, values, 0.0)
    chosen = expected[np.arange(len(values)), logged.action]
    direct, left = (target * expected).sum(axis=1), values - chosen
    robust, difference = direct + ratio * left, direct - chosen + (ratio - stands) * left
    terms = np.stack([stands * values, stands, ratio * values, ratio, robust, difference, np.ones(len(values))], axis=1)
    blind = unexplored(logged) | (share == 0)
    return Measured(
        int(seen.sum()),
        float(raw.sum() ** 2 / (raw**2).sum()) if raw.any() else 0.0,
        float((target * blind).sum(axis=1).mean()),
        *_estimates(terms, chances.counts[:, usable]),
    )


def _share_seen(logged: Logged, seen: Mask) -> Doubles:
    """[m], of each arm's choices; 0 also for arms that were never chosen."""
    size = len(logged.arms)
    chosen = np.bincount(logged.action, minlength=size)
    found: Doubles = np.bincount(logged.action[seen], minlength=size) / np.maximum(chosen, 1)
    return found


def _estimates(terms: Doubles, counts: NDArray[np.uint8]) -> list[Estimate]:
    batch = max(1, _AT_ONCE // len(terms))
    sums = [counts[start : start + batch].astype(np.float64) @ terms for start in range(0, len(counts), batch)]
    points, drawn = _ratios(terms.sum(axis=0)[None])[0], _ratios(np.vstack(sums))
    return [Estimate(float(point), *_interval(column)) for point, column in zip(points, drawn.T, strict=True)]


def _interval(drawn: Doubles) -> tuple[float, float]:
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return np.nan, np.nan
    tail = (1 - CONFIDENCE) / 2 * 100
    low, high = np.percentile(known, [tail, 100 - tail])
    return float(low), float(high)


def _ratios(sums: Doubles) -> Doubles:
    """[…, logged · ips · snips · dr · difference]; NaN where a resample has nothing to divide by."""
    value, stands, weighted, ratio, robust, difference, size = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios: list[Doubles] = [value / stands, weighted / size, weighted / ratio, robust / size, difference / size]
    return np.stack(ratios, axis=1)
