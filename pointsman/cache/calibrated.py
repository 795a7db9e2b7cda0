"""Chances set right by what came of them: a straight line in log odds (Platt 1999), drawn towards no change."""

from __future__ import annotations

from collections.abc import Collection
from math import exp, log
from typing import NamedTuple

import numpy as np

_CENTRE = -3.9
"""Log odds where it turns: those of 2 %, about where bounds are."""
_MEAN = np.array([0.0, 1.0])
_PRECISION = 1 / np.array([0.7, 0.3]) ** 2
_LEAST, _MOST = 1e-5, 1 - 1e-5
_FLATTEST = 0.1
_STEPS = 20


class Calibration(NamedTuple):
    shift: float
    slope: float

    def right(self, chance: float) -> float:
        odds = _CENTRE + self.shift + self.slope * (_odds(chance) - _CENTRE)
        return 1 / (1 + exp(-odds))

    @classmethod
    def of(cls, guesses: Collection[tuple[float, bool]]) -> Calibration:
        """Chances, and whether it happened."""
        if not guesses:
            return STRAIGHT
        position = np.array([_odds(chance) for chance, _ in guesses]) - _CENTRE
        truth = np.array([happened for _, happened in guesses], np.float64)
        line = _MEAN.copy()
        for _ in range(_STEPS):
            chance = 1 / (1 + np.exp(-(_CENTRE + line[0] + line[1] * position)))
            gap, weight = truth - chance, chance * (1 - chance)
            gradient = np.array([gap.sum(), gap @ position]) - _PRECISION * (line - _MEAN)
            along = weight * position
            hessian = np.array([[weight.sum(), along.sum()], [along.sum(), along @ position]]) + np.diag(_PRECISION)
            step = np.clip(np.linalg.solve(hessian, gradient), -1.0, 1.0)
            line += step
            if np.abs(step).max() < 1e-3:
                break
        return cls(float(line[0]), max(_FLATTEST, float(line[1])))


STRAIGHT = Calibration(0.0, 1.0)


def _odds(chance: float) -> float:
    kept = min(_MOST, max(_LEAST, chance))
    return log(kept / (1 - kept))
