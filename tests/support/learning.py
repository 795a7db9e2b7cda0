"""A selector that anyone can follow: the model with the best mean so far, of equal ones the first."""

from __future__ import annotations

from random import Random
from typing import Any, Literal

import numpy as np

from pointsman.policies.expr import parse
from pointsman.policies.select.base import Rewarded, SelectOptions, Selector
from pointsman.policies.select.context import Candidate, Context
from pointsman.policies.select.sums import Sums
from pointsman.policies.types import Choice, Decision


class MeanOptions(SelectOptions):
    by: Literal["mean"] = "mean"


class Mean(Selector[MeanOptions]):
    Options = MeanOptions
    learns = True

    def view(self, sums: Sums) -> dict[str, float]:
        found = {}
        for model in self.models:
            weight, reward = sums.arrays.get(model, np.zeros(2))
            found[model] = (reward + 0.5) / (weight + 1)
        return found

    def learn(self, rewarded: Rewarded) -> Sums:
        won = {} if rewarded.over is None else {f"over {rewarded.over}": np.array([rewarded.weight])}
        return Sums(rewarded.outcomes, {rewarded.arm: np.array([rewarded.weight, rewarded.reward]), **won})

    def choose(self, context: Context, view: dict[str, float], random: Random | None) -> Choice:
        order = sorted(self.models, key=lambda model: -view[model])
        return Choice(tuple(order), "mean", quality=view)


class Other(Mean):
    """Another selector that learns the same."""

    class Options(MeanOptions):  # type: ignore[assignment]
        by: Literal["other"] = "other"  # type: ignore[assignment]


def decision(name: str = "all", models: tuple[str, ...] = ("small", "large"), of: type[Mean] = Mean) -> Decision:
    options: Any = of.Options()
    return Decision(name, parse("true"), models=models, selector=of(options, [Candidate(model) for model in models]))


class Clock:
    """Shows `now`, which nobody moves but the test."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
