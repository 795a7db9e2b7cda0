"""What selectors have in common that learn each model's quality from outcomes and go on trying all of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from math import isfinite
from typing import TypeVar

import numpy as np
from pydantic import Field

from pointsman.policies.select.base import Rewarded
from pointsman.policies.select.context import Candidate, Doubles
from pointsman.policies.select.quality import DEFAULT
from pointsman.policies.select.scored import DOWN, Estimates, Number, Scored, ScoredOptions, mixed
from pointsman.policies.select.sums import NOTHING, Sums


class LearnedOptions(ScoredOptions):
    discount: Number = Field(default=0.999, gt=0, le=1)
    """Weight of an outcome relative to the next one: 0.999 remembers about 1,000 of them; 1 never forgets."""
    explore: Number = Field(default=0.01, ge=0, le=1)
    """Share of the requests that are spread evenly over all models, so that each stays known and can be evaluated."""


STATED, ASSUMED = 0.1, 0.3
"""A-priori standard deviation of how far a model's quality is off its prior, if that was stated or not."""


LearnedT = TypeVar("LearnedT", bound=LearnedOptions)


class Learned(Scored[LearnedT]):
    learns = True

    def __init__(self, options: LearnedT, candidates: Sequence[Candidate]) -> None:
        super().__init__(options, candidates)
        self.discount = options.discount
        self.usual = self.priors.of(None)
        self.doubt = np.array([STATED if DEFAULT in candidate.quality else ASSUMED for candidate in candidates])

    @abstractmethod
    def preferred(self, utility: Doubles, estimates: Estimates) -> Doubles:
        """[models] → the probability of each, before `explore`."""

    @abstractmethod
    def learned(self, rewarded: Rewarded, prior: float) -> Sums:
        """What an outcome adds that has finite numbers, of one of the models."""

    def shares(self, utility: Doubles, estimates: Estimates) -> Doubles:
        return exploring(self.preferred(utility, estimates), utility, self.options.explore)

    def learn(self, rewarded: Rewarded) -> Sums:
        if rewarded.arm not in self.models or not (isfinite(rewarded.weight) and isfinite(rewarded.reward)):
            return NOTHING
        prior = rewarded.seen.prior
        if prior is None or not isfinite(prior):
            prior = float(self.usual[self.models.index(rewarded.arm)])
        return self.learned(rewarded, prior)


def exploring(shares: Doubles, utility: Doubles, explore: float) -> Doubles:
    """With a part `explore` spread evenly over the models that have a live endpoint."""
    able = utility > utility.max() - DOWN / 2
    return mixed(shares, explore, able.astype(np.float64))
