"""A random model with the given weights, for canaries and splits."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, Strict

from pointsman.policies.nearest import did_you_mean
from pointsman.policies.select.base import SelectOptions, Selector
from pointsman.policies.select.context import Candidate, Context
from pointsman.policies.types import Choice

if TYPE_CHECKING:
    from random import Random

Weight = Annotated[float, Strict(), Field(ge=0, le=1_000_000)]


class WeightedOptions(SelectOptions):
    by: Literal["weighted"]
    """A random model."""
    weights: dict[str, Weight] = Field(min_length=1)
    """Weight of each model; one without a weight, or with 0, is only tried after the others failed."""


class Weighted(Selector[WeightedOptions]):
    Options = WeightedOptions

    def __init__(self, options: WeightedOptions, candidates: Sequence[Candidate]) -> None:
        super().__init__(options, candidates)
        for name in options.weights:
            if name not in self.models:
                raise ValueError(f"`weights` names `{name}`, which is not in `models`{did_you_mean(name, self.models)}")
        weights = {model: options.weights.get(model, 0.0) for model in self.models}
        total = sum(weights.values())
        if not total:
            raise ValueError("every weight is 0, so no model can be chosen; give one a weight above 0")
        shares = {model: weight / total for model, weight in weights.items()}
        self._shares = MappingProxyType(shares)
        self._drawn = {model: share for model, share in shares.items() if share}
        self._last = tuple(model for model, share in shares.items() if not share)

    def choose(self, context: Context, view: None, random: Random | None) -> Choice:
        """The order is drawn without replacement: a failed model's share falls to the others by weight."""
        if random is None:
            return self._choice(tuple(sorted(self.models, key=lambda model: -self._shares[model])))
        left = dict(self._drawn)
        drawn = [_draw(left, random) for _ in range(len(left) - 1)]
        return self._choice((*drawn, *left, *self._last))

    def _choice(self, order: tuple[str, ...]) -> Choice:
        share = self._shares[order[0]]
        reason = f"{order[0]} has {share:.3g} of the weight"
        return Choice(order, "weighted", share, self._shares, reason, shares=self._shares)


def _draw(left: dict[str, float], random: Random) -> str:
    """Takes one model out of `left`, each with its share of the weight that is left."""
    drawn = random.choices([*left], [*left.values()])[0]
    del left[drawn]
    return drawn
