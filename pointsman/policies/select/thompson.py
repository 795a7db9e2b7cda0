"""Each model as often as it is likely to be the best: Thompson sampling whose propensities are known exactly.

Instead of drawing a quality of each model and choosing the highest, the probability of each to be the highest is
computed, and the model is drawn from that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from pointsman.policies.select.context import Candidate, Doubles
from pointsman.policies.select.linear import Linear, LinearOptions
from pointsman.policies.select.scored import Estimates, Number

_POINTS = 64
_WIDTH = 4.5
"""Standard deviations that the grid reaches beyond the outermost means."""
_NARROWEST = 1e-6
_TINY = 1e-300


class ThompsonOptions(LinearOptions):
    by: Literal["thompson"]
    """Chooses each model as often as it is likely to be the best, by what was learned from outcomes."""
    spread: Number = Field(default=0.25, gt=0)
    """What the uncertainty is multiplied with: less tries other models less often."""
    contextual: bool = True
    """Whether it learns which prompts a model answers well, or only how well it does in general."""


class Thompson(Linear[ThompsonOptions]):
    Options = ThompsonOptions

    def __init__(self, options: ThompsonOptions, candidates: Sequence[Candidate]) -> None:
        super().__init__(options, candidates)
        self.contextual = options.contextual

    def preferred(self, utility: Doubles, estimates: Estimates) -> Doubles:
        assert estimates.deviation is not None
        return best_shares(utility, self.options.weights.quality * self.options.spread * estimates.deviation)


def best_shares(mean: Doubles, deviation: Doubles) -> Doubles:
    """[models] → the probability of each of these independent normal variables to be the largest: the integral of its
    density times the others' distribution functions."""
    deviation = np.maximum(deviation, _NARROWEST)
    reach = _WIDTH * deviation
    edges = np.linspace((mean - reach).max(), (mean + reach).max(), _POINTS)  # the largest is hardly ever below
    below = np.maximum(_normal((edges - mean[:, None]) / deviation[:, None]), _TINY)
    each = np.diff(below, axis=1)
    middle = np.log((below[:, 1:] + below[:, :-1]) / 2)
    found = (each * np.exp(middle.sum(0) - middle)).sum(1)
    shares: Doubles = found / found.sum()
    return shares


def _normal(z: Doubles) -> Doubles:
    """The normal distribution function to within 2e-4 (Page, 1977), which numpy does not have."""
    found: Doubles = 0.5 * (1 + np.tanh(z * (0.7978845608 + 0.0356774081 * z * z)))
    return found
