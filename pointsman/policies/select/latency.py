"""The model that has answered fastest of late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pointsman.policies.select.base import SelectOptions, Selector
from pointsman.policies.select.context import Candidate, Context, Doubles, Measure
from pointsman.policies.select.scored import Number, draw, mixed
from pointsman.policies.types import Choice

if TYPE_CHECKING:
    from random import Random

Flags = NDArray[np.bool_]

_SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_EQUAL = 1e-9
_INSTANT = 1e-6
"""Seconds: anything less is none."""


class LatencyOptions(SelectOptions):
    by: Literal["latency"]
    """The model that was fastest of late."""
    percentile: Literal["p50", "p90", "p95", "p99"] = "p95"
    """Which part of a model's last answers took no longer than what is compared."""
    metric: Measure = Measure.TOTAL
    """What is compared: the time to the first token (`ttft`), for each further one (`tpot`), or for all (`total`)."""
    explore: Number = Field(default=0.02, ge=0, le=1)
    """Part of the requests that go to any model, so that one that has become fast again is found."""


class Latency(Selector[LatencyOptions]):
    Options = LatencyOptions

    def __init__(self, options: LatencyOptions, candidates: Sequence[Candidate]) -> None:
        super().__init__(options, candidates)
        self._share = _SHARES[options.percentile]

    def choose(self, context: Context, view: None, random: Random | None) -> Choice:
        relative, able = self._relative(context), self._able(context)
        shares = self._shares(relative, able)
        first = _likeliest(relative, able) if random is None else draw(shares, random)
        # those of which nothing is known come after the others, and those that cannot serve after all
        ranks = np.where(np.isnan(relative), np.inf, relative)
        order = [first, *(int(p) for p in np.lexsort((ranks, ~able)) if p != first)]
        models = self.models
        return Choice(
            tuple(models[place] for place in order),
            "latency",
            float(shares[first]),
            {model: -value for model, value in zip(models, relative.tolist(), strict=True) if value == value},
            self._reason(first, relative, able),
            shares=dict(zip(models, shares.tolist(), strict=True)),
        )

    def _relative(self, context: Context) -> Doubles:
        """[models] The percentile ÷ the best model's; NaN where too little is known."""
        measure, share = self.options.metric, self._share
        found = [context.forecast(model).quantile(measure, share) for model in self.models]
        values = np.array([np.nan if value is None else max(value, _INSTANT) for value in found], np.float64)
        known = values[~np.isnan(values)]
        return values / known.min() if len(known) else values

    def _able(self, context: Context) -> Flags:
        able = np.array([context.pools(model).healthy for model in self.models], np.bool_)
        return able if able.any() else np.ones(len(able), bool)

    def _shares(self, relative: Doubles, able: Flags) -> Doubles:
        """A model of which too little is known gets its even share, so that no burst meets it; the best the rest."""
        cold = np.isnan(relative) & able
        warm = np.where(able & ~cold, relative, np.inf)
        shares = cold / able.sum()
        best = warm <= warm.min() + _EQUAL if np.isfinite(warm).any() else cold
        shares = shares + best * (1 - shares.sum()) / best.sum()
        return mixed(shares, self.options.explore, able.astype(np.float64))

    def _reason(self, first: int, relative: Doubles, able: Flags) -> str:
        name, options = self.models[first], self.options
        if np.isnan(relative[first]):
            return f"too little is known of how fast {name} is"
        if relative[first] > 1 + _EQUAL and relative[first] > relative[able & ~np.isnan(relative)].min() + _EQUAL:
            return f"{name} is tried to see whether it has become faster"
        return f"{name} has the least {options.percentile} of {options.metric}"


def _likeliest(relative: Doubles, able: Flags) -> int:
    """Of those that are known the fastest, else the first."""
    return int(np.argmin(np.where(able, np.where(np.isnan(relative), 1e300, relative), np.inf)))
