"""What an answer is worth: its quality, less what it costs and how long it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pointsman.policies.select.context import Candidate, Context, Doubles, Forecast

OUTPUT_TOKENS = 256.0
"""Length of an answer of which nothing is known."""


class Weights(BaseModel):
    """Need not add up to anything."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    quality: float = Field(default=0.6, ge=0)
    """Weight of the predicted quality."""
    cost: float = Field(default=0.3, ge=0)
    """Weight of the predicted cost, relative to the dearest candidate's."""
    latency: float = Field(default=0.1, ge=0)
    """Weight of the predicted time to the whole answer, relative to the slowest candidate's."""


class Worth:
    """utility = w_quality·quality − w_cost·cost/max − w_latency·seconds/max, as in RouteBalance (2606.17949)."""

    def __init__(self, candidates: Sequence[Candidate], weights: Weights) -> None:
        self._weights = weights
        self._models = [c.name for c in candidates]
        self._input = np.array([c.input_price for c in candidates], np.float64) / 1e6
        self._output = np.array([c.output_price for c in candidates], np.float64) / 1e6

    def of(self, context: Context, quality: Doubles) -> Doubles:
        """[models]"""
        weights = self._weights
        utility: Doubles = weights.quality * quality
        if weights.cost or weights.latency:
            forecasts = self.forecasts(context)
            lengths = output_tokens(context, forecasts)
            if weights.cost:
                utility = utility - weights.cost * relative(self.cost(context, lengths))
            if weights.latency:
                utility = utility - weights.latency * relative(seconds(forecasts, lengths))
        return utility

    def forecasts(self, context: Context) -> list[Forecast]:
        forecast: Callable[[str], Forecast] = context.forecast
        return [forecast(model) for model in self._models]

    def cost(self, context: Context, lengths: Doubles) -> Doubles:
        """USD"""
        found: Doubles = context.facts.prompt_tokens * self._input + lengths * self._output
        return found


def output_tokens(context: Context, forecasts: Sequence[Forecast]) -> Doubles:
    """Expected of each; models of which nothing is known write as much as the others."""
    told = [f.output_tokens for f in forecasts if f.output_tokens is not None]
    usual = sum(told) / len(told) if told else OUTPUT_TOKENS
    lengths = np.array([usual if f.output_tokens is None else f.output_tokens for f in forecasts], np.float64)
    most = context.facts.max_tokens
    return lengths if most is None else np.minimum(lengths, most)


def seconds(forecasts: Sequence[Forecast], lengths: Doubles) -> Doubles:
    """Until the whole answer is there; NaN where nothing is known."""
    ttft = np.array([np.nan if f.ttft is None else f.ttft for f in forecasts], np.float64)
    tpot = np.array([np.nan if f.tpot is None else f.tpot for f in forecasts], np.float64)
    found: Doubles = ttft + lengths * tpot
    return found


def relative(values: Doubles) -> Doubles:
    """To the largest; what is not known (NaN) counts as the mean of the others, and as nothing without others."""
    known = ~np.isnan(values)
    if not known.any():
        return np.zeros(len(values))
    if not known.all():
        values = np.where(known, values, values[known].mean())
    most = values.max()
    return values / most if most > 0 else np.zeros(len(values))
