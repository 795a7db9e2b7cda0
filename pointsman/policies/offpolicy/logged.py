"""What a log says of choices that were made at random, and of how much of another policy it can say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pointsman.policies.select.context import Doubles

HARDLY = 1e-4
"""A model that is chosen with a smaller probability is as good as never chosen."""
_CERTAIN = 1 - 1e-9

Mask = NDArray[np.bool_]


class Logged(NamedTuple):
    """n choices among m arms; NaN is unknown."""

    arms: Sequence[str]
    action: NDArray[np.int64]  # [n], the arm that was chosen
    propensity: Doubles  # [n], its probability then
    shares: Doubles  # [n, m], the probability of each arm then
    features: Doubles  # [n, k], of the prompts; 0 where unknown

    @property
    def usable(self) -> Mask:
        found: Mask = (self.propensity > 0) & (self.propensity <= 1)
        return found

    def only(self, rows: Mask) -> Logged:
        return Logged(self.arms, self.action[rows], self.propensity[rows], self.shares[rows], self.features[rows])


class Outcomes(NamedTuple):
    """One thing that is measured of each answer."""

    values: Doubles  # [n], NaN: not known
    less_is_better: bool = False


class Overlap(NamedTuple):
    choices: int  # with a known propensity
    unknown: int  # without
    deterministic: bool  # nothing was ever left to chance
    outside: float  # share of the target's choices that the log never or hardly made
    most: float  # the largest weight
    mean: float  # of the weights; 1 - outside if the propensities are right
    error: float  # standard error of `mean`


def weights(logged: Logged, target: Doubles) -> Doubles:
    """[n]: how much more often the target would have made each choice; `target` is [n, m]."""
    found: Doubles = target[np.arange(len(logged.action)), logged.action] / logged.propensity
    return found


def unexplored(logged: Logged) -> Mask:
    """[n, m]: what the log hardly could have chosen; where that is not known, what it never chose for any request."""
    shares = logged.shares.copy()
    rows = np.arange(len(logged.action))
    certain = logged.propensity >= _CERTAIN
    shares[certain] = 0.0
    shares[rows, logged.action] = logged.propensity
    counts = np.bincount(logged.action, minlength=len(logged.arms))
    found: Mask = np.where(np.isnan(shares), counts == 0, shares < HARDLY)
    return found


def overlap(logged: Logged, target: Doubles) -> Overlap:
    usable = logged.usable
    known, target = logged.only(usable), target[usable]
    count = len(known.action)
    unknown = len(usable) - count
    if not count:
        return Overlap(0, unknown, False, 0.0, 0.0, 0.0, 0.0)
    ratio = weights(known, target)
    outside = float((target * unexplored(known)).sum(axis=1).mean())
    deterministic = bool((known.propensity >= _CERTAIN).all())
    error = float(ratio.std() / np.sqrt(count))
    return Overlap(count, unknown, deterministic, outside, float(ratio.max()), float(ratio.mean()), error)
