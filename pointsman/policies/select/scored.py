"""What selectors have in common that give each model a utility and choose the highest."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import numpy as np
from pydantic import Field, Strict

from pointsman.policies.select.base import SelectOptions, Selector
from pointsman.policies.select.context import Candidate, Context, Doubles
from pointsman.policies.select.quality import Priors
from pointsman.policies.select.stay import switching_cost
from pointsman.policies.select.utility import Weights, Worth
from pointsman.policies.types import Choice

if TYPE_CHECKING:
    from random import Random

Number = Annotated[float, Strict()]


class ScoredOptions(SelectOptions):
    weights: Weights = Weights()
    """What counts in an answer: `quality`, `cost` and `latency`."""
    stay: Number = Field(default=1.0, ge=0)
    """How much a conversation sticks to its model: multiplies what a switch costs; 0 chooses anew at each turn."""


ScoredT = TypeVar("ScoredT", bound=ScoredOptions)


class Estimates(NamedTuple):
    """[models] each; `deviation` is how uncertain the mean is, None if that was not asked."""

    mean: Doubles  # quality, in [0, 1]
    deviation: Doubles | None = None


class Scored(Selector[ScoredT]):
    reads_prompt = True

    def __init__(self, options: ScoredT, candidates: Sequence[Candidate]) -> None:
        super().__init__(options, candidates)
        self.priors = Priors(candidates)
        self.worth = Worth(candidates, options.weights)
        self.strongest = int(np.argmax(self.priors.of(None)))

    @abstractmethod
    def estimate(self, context: Context, view: Any) -> Estimates:
        """The quality that is expected of each model."""

    def shares(self, utility: Doubles, estimates: Estimates) -> Doubles:
        """[models] → the probability of each to be chosen; without an override the highest utility wins for sure."""
        return certain(utility)

    def choose(self, context: Context, view: Any, random: Random | None) -> Choice:
        estimates = self.estimate(context, view)
        return self._choice(context, estimates, self.worth.of(context, estimates.mean), random)

    def _choice(self, context: Context, estimates: Estimates, utility: Doubles, random: Random | None) -> Choice:
        held, stayed = self._held(context, utility)
        able = np.array([context.pools(model).healthy for model in self.models])
        ranked = held if able.all() or not able.any() else np.where(able, held, held - DOWN)
        best = int(np.argmax(ranked))
        shares = certain(ranked) if self._bound(context) else self.shares(ranked, estimates)
        first = best if random is None else draw(shares, random)
        order = [first, *(int(place) for place in np.argsort(-ranked, kind="stable") if place != first)]
        stayed = stayed and first == best == int(np.argmax(held))
        models = self.models
        return Choice(
            tuple(models[place] for place in order),
            self.options.by,
            float(shares[first]),
            self._named(utility),
            self._reason(first, stayed, able, estimates.mean, utility),
            self._named(np.clip(estimates.mean, 0.0, 1.0)),
            self._named(shares),
            None if context.prompt is None else context.prompt.need,
            stayed=stayed,
        )

    def _bound(self, context: Context) -> bool:
        """Whether a model waits for its tool's result: nothing is tried then."""
        previous = context.previous
        return previous is not None and previous.tool_loop and self.options.stay > 0 and previous.pool in self.models

    def _held(self, context: Context, utility: Doubles) -> tuple[Doubles, bool]:
        """With what a switch would cost the conversation, and whether that changes the best."""
        previous = context.previous
        if previous is None or not self.options.stay or previous.pool not in self.models:
            return utility, False
        place = self.models.index(previous.pool)
        held = utility - self.options.stay * switching_cost(previous)
        held[place] = utility[place]
        return held, int(np.argmax(held)) == place != int(np.argmax(utility))

    def _named(self, values: Doubles) -> Mapping[str, float]:
        return dict(zip(self.models, values.tolist(), strict=True))

    def _reason(self, first: int, stayed: bool, able: Doubles, quality: Doubles, utility: Doubles) -> str:
        name = self.models[first]
        if not able[first]:
            return f"{name} is tried although no candidate is healthy"
        if stayed:
            return f"the conversation stays with {name}: a switch would cost more than it gains"
        if utility[first] < utility[able.astype(bool)].max():
            return f"{name} is tried to learn more of it"
        return f"{name} has the highest utility, {utility[first]:.3f} (quality {quality[first]:.2f})"


DOWN = 1e3
"""Utility that a model without a live endpoint loses: it is asked after the others."""


def certain(utility: Doubles) -> Doubles:
    shares = np.zeros(len(utility))
    shares[int(np.argmax(utility))] = 1.0
    return shares


def mixed(shares: Doubles, explore: float, able: Doubles) -> Doubles:
    """With a part `explore` spread evenly over the models that are able."""
    found: Doubles = shares * (1 - explore) + explore * able / max(able.sum(), 1)
    return found


def draw(shares: Doubles, random: Random) -> int:
    """A place, with its share as its probability."""
    if shares.max() >= 1.0:
        return int(np.argmax(shares))
    spots = np.cumsum(shares)
    return min(int(np.searchsorted(spots, random.random() * spots[-1], side="right")), len(shares) - 1)
