"""How likely a kept answer is right for a question this near: a logistic curve of the similarity for a whole category,
and each entry's own distance from it, which is drawn towards none while little is known of it.

vCache (Schroeder et al., 2502.03771) fits a curve to every entry alone, which takes several observations of each and
says little where all of them agree. A random intercept by entry (Laplace approximation, variance by EM) is the same
curve with a threshold of each entry's own, of which the others tell how far thresholds lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Indices = NDArray[np.intp]

_CENTRE, _SCALE = 0.9, 10.0
"""Of similarities: within a few units of zero where they are of interest."""

_MEAN = np.array([0.0, 1.0])
_PRECISION = np.array([1 / 9.0, 1 / 4.0])
"""Of the curve before anything is known: nearly flat, and nearly anything may be learned."""
_SPREAD, _WORTH = 4.0, 8.0
"""Variance between entries before anything is known, and as how many entries that counts."""

_STEPS = 25
_CLOSE = 1e-3
_FURTHEST = 2.0
"""That one step of Newton's may change a number: far out the curve is flat and full steps overshoot."""

_NODES, _WEIGHTS = (part.tolist() for part in np.polynomial.hermite_e.hermegauss(9))
_NODES_WEIGHTS = [(node, weight / sum(_WEIGHTS)) for node, weight in zip(_NODES, _WEIGHTS, strict=True)]


class Own(NamedTuple):
    """An entry's distance from its category's curve, in log odds."""

    mean: float
    variance: float


class Curve(NamedTuple):
    level: float  # log odds of being right at the centre
    slope: float
    variances: tuple[float, float, float]  # of level, of both together, of slope
    spread: float  # variance between entries

    def own(self, seen: Sequence[tuple[float, bool]]) -> Own:
        """Of an entry with these observations: similarity, and whether the answer was right."""
        if not seen:
            return Own(0.0, self.spread)
        prior = 1 / self.spread
        offsets = [(self.level + self.slope * _position(similarity), correct) for similarity, correct in seen]
        mean, curvature = 0.0, prior
        for _ in range(_STEPS):
            gradient, curvature = -prior * mean, prior
            for offset, correct in offsets:
                chance = _logistic(offset + mean)
                gradient += correct - chance
                curvature += chance * (1 - chance)
            step = max(-_FURTHEST, min(_FURTHEST, gradient / curvature))
            mean += step
            if abs(step) < _CLOSE:
                break
        return Own(mean, 1 / curvature)

    def wrong(self, similarity: float, own: Own) -> float:
        """The chance that the answer is wrong, with what is not known of curve and entry counted in."""
        position = _position(similarity)
        mean = self.level + self.slope * position + own.mean
        level, both, slope = self.variances
        deviation = sqrt(level + 2 * both * position + slope * position * position + own.variance)
        return sum(weight * _logistic(-mean - deviation * node) for node, weight in _NODES_WEIGHTS)


UNKNOWN = Curve(float(_MEAN[0]), float(_MEAN[1]), (1 / float(_PRECISION[0]), 0.0, 1 / float(_PRECISION[1])), _SPREAD)
"""Before anything was observed."""


def fit(
    similarity: Doubles, correct: NDArray[np.bool_], entry: Indices, entries: int, before: Curve | None = None
) -> Curve:
    """Of observations, each of an entry by its number. `before` is where to begin: with fewer of them it was fitted."""
    begin = before or UNKNOWN
    position = (similarity - _CENTRE) * _SCALE
    curve, own, spread = np.array([begin.level, begin.slope]), np.zeros(entries), begin.spread
    truth = correct.astype(np.float64)
    covariance = np.diag(1 / _PRECISION)
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-(curve[0] + curve[1] * position + own[entry])))
        gap, weight = truth - chance, chance * (1 - chance)
        gradient = np.array([gap.sum(), gap @ position]) - _PRECISION * (curve - _MEAN)
        along = weight * position
        hessian = np.array([[weight.sum(), along.sum()], [along.sum(), along @ position]]) + np.diag(_PRECISION)
        own_gradient = np.bincount(entry, gap, entries) - own / spread
        own_hessian = np.bincount(entry, weight, entries) + 1 / spread
        across = np.stack((np.bincount(entry, weight, entries), np.bincount(entry, along, entries)))
        covariance = np.linalg.inv(hessian - (across / own_hessian) @ across.T)
        step = np.clip(covariance @ (gradient - across @ (own_gradient / own_hessian)), -_FURTHEST, _FURTHEST)
        own_step = np.clip((own_gradient - step @ across) / own_hessian, -_FURTHEST, _FURTHEST)
        curve, own = curve + step, own + own_step
        total = float((own * own + 1 / own_hessian).sum())
        last, spread = spread, (total + _WORTH * _SPREAD) / (entries + _WORTH)
        if np.abs(step).max() < _CLOSE and abs(spread - last) < 0.01 * last:
            break
    return Curve(
        float(curve[0]), float(curve[1]), (float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])),
        spread,
    )  # fmt: skip


def _position(similarity: float) -> float:
    return (similarity - _CENTRE) * _SCALE


def _logistic(odds: float) -> float:
    if odds >= 0:
        return 1 / (1 + exp(-min(odds, 700.0)))
    even = exp(max(odds, -700.0))
    return even / (1 + even)
