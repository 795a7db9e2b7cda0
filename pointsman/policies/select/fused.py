"""Model and endpoint in one choice: quality, cost, predicted time and load of every endpoint in one score.

RouteBalance (2606.17949): a model that is chosen first, and then balanced over its endpoints, sends requests to where
they wait although another model would have done. A pick counts at once: the request is in flight from then on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pointsman.policies.select.base import SelectOptions, Selector
from pointsman.policies.select.context import Candidate, Context, Doubles, Fleet
from pointsman.policies.select.quality import Priors
from pointsman.policies.select.scored import Number
from pointsman.policies.select.stay import switching_cost
from pointsman.policies.select.utility import Weights, Worth, output_tokens, relative
from pointsman.policies.types import Choice

if TYPE_CHECKING:
    from random import Random

Flags = NDArray[np.bool_]

_BEHIND = 1e3
"""Score that an endpoint loses which the request should not go to: it comes after all others."""
_EQUAL = 1e-9
_SLOW = 4.0
"""Times the quickest endpoint's time that cost the whole weight of the latency. Relative to the slowest's, as in the
paper, one endpoint that is stuck makes all others look alike, and a long queue never costs more than the weight."""
_INSTANT = 0.001


class FusedWeights(Weights):
    """Need not add up to anything."""

    quality: float = Field(default=0.5, ge=0)
    """Weight of the predicted quality."""
    cost: float = Field(default=0.2, ge=0)
    """Weight of the predicted cost, relative to the dearest candidate's."""
    latency: float = Field(default=0.2, ge=0)
    """Weight of the predicted time to the whole answer: what four times the quickest endpoint's costs."""
    load: float = Field(default=0.1, ge=0)
    """Weight of how full an endpoint is."""


class FusedOptions(SelectOptions):
    by: Literal["fused"]
    """The best endpoint of all models."""
    weights: FusedWeights = FusedWeights()
    """What counts: `quality`, `cost`, `latency` and `load`."""
    min_quality: Number | None = Field(default=None, ge=0, le=1)
    """Predicted quality that a model should have at least, if one has it."""
    stay: Number = Field(default=1.0, ge=0)
    """How much a conversation sticks to its model: multiplies what a switch costs; 0 chooses anew at each turn."""


class Offers(NamedTuple):
    """[models] each"""

    quality: Doubles
    cost: Doubles  # USD
    tokens: Doubles  # of the answer
    able: Flags


class Fused(Selector[FusedOptions]):
    Options = FusedOptions

    def __init__(self, options: FusedOptions, candidates: Sequence[Candidate]) -> None:
        super().__init__(options, candidates)
        self.reads_prompt = options.weights.quality > 0
        self._priors = Priors(candidates)
        self._worth = Worth(candidates, options.weights)
        self._contexts = np.array([c.context or np.inf for c in candidates], np.float64)
        self._places = {model: place for place, model in enumerate(self.models)}

    def choose(self, context: Context, view: None, random: Random | None) -> Choice:
        fleet = context.fleet(self.models, context.facts.prompt_tokens)
        offers, loads = self._offers(context)
        by_model = self._by_model(offers)
        utility = self._utility(by_model, offers, fleet, loads)
        switching = self._switching(context)
        score = utility - switching[fleet.pools]
        score[~self._within(context, offers, fleet)] -= _BEHIND
        best = by_model - switching - 2 * _BEHIND
        np.maximum.at(best, fleet.pools, score)
        best[~offers.able] -= 3 * _BEHIND
        order = np.argsort(-best, kind="stable").tolist()
        row = _pick(score, fleet, order[0], random)
        scores = by_model - self.options.weights.latency - self.options.weights.load
        np.maximum.at(scores, fleet.pools, utility)
        return self._choice(context, order, None if row is None else fleet.names[row], scores, offers, switching)

    def _offers(self, context: Context) -> tuple[Offers, Doubles]:
        forecasts = self._worth.forecasts(context)
        tokens = output_tokens(context, forecasts)
        states = [context.pools(model) for model in self.models]
        loads = np.array([state.load or 0.0 for state in states])
        able = np.array([state.healthy for state in states])
        return Offers(self._priors.of(context.prompt), self._worth.cost(context, tokens), tokens, able), loads

    def _by_model(self, offers: Offers) -> Doubles:
        weights = self.options.weights
        utility: Doubles = weights.quality * offers.quality
        return utility - weights.cost * relative(offers.cost) if weights.cost else utility

    def _utility(self, by_model: Doubles, offers: Offers, fleet: Fleet, loads: Doubles) -> Doubles:
        """[endpoints]"""
        weights, pools = self.options.weights, fleet.pools
        utility: Doubles = by_model[pools]
        if weights.latency:
            utility -= weights.latency * _slowness(fleet.ttft + offers.tokens[pools] * fleet.tpot, fleet.inflight)
        if weights.load and len(pools):
            used = np.maximum(fleet.used, loads[pools])
            utility -= used * (weights.load / max(1.0, used.max()))
        return utility

    def _switching(self, context: Context) -> Doubles:
        """[models] What it costs the conversation to go on there."""
        previous, cost = context.previous, np.zeros(len(self.models))
        if previous is not None and self.options.stay and previous.pool in self._places:
            cost += self.options.stay * switching_cost(previous)
            cost[self._places[previous.pool]] = 0.0
        return cost

    def _within(self, context: Context, offers: Offers, fleet: Fleet) -> Flags:
        """[endpoints] Those that keep what is asked for; with as much of it dropped as must be for some to do so."""
        pools, least = fleet.pools, self.options.min_quality
        able: Flags = (offers.able & self._fits(context))[pools]
        if not able.any():
            able = np.ones(len(pools), bool)
        rules: list[Flags] = []
        if context.first_token is not None:
            rules.append(~(fleet.ttft > context.first_token))  # what is not known passes
        if context.per_token is not None:
            rules.append(~(fleet.tpot > context.per_token))
        if context.budget is not None:
            rules.append((offers.cost <= context.budget)[pools])
        if least is not None:
            rules.append((offers.quality >= least)[pools])
        for dropped in range(len(rules)):
            kept = np.logical_and.reduce([able, *rules[dropped:]])
            if kept.any():
                return np.asarray(kept)
        return able

    def _fits(self, context: Context) -> Flags:
        """[models] As the gateway looks at their context windows afterwards."""
        facts = context.facts
        found: Flags = facts.prompt_tokens + (facts.max_tokens or 0) <= self._contexts
        return found

    def _choice(
        self,
        context: Context,
        order: Sequence[int],
        endpoint: str | None,
        scores: Doubles,
        offers: Offers,
        switching: Doubles,
    ) -> Choice:
        first, models = order[0], self.models
        stayed = not switching[first] and bool(switching.any()) and scores[first] < scores.max()
        if not offers.able[first]:
            reason = f"{models[first]} is tried although no candidate is healthy"
        elif stayed:
            reason = f"the conversation stays with {models[first]}: a switch would cost more than it gains"
        elif scores[first] < scores.max() - _EQUAL:
            reason = f"{models[first]} has the highest utility of those that keep the limits, {scores[first]:.3f}"
        else:
            quality = offers.quality[first]
            reason = f"{models[first]} has the highest utility, {scores[first]:.3f} (quality {quality:.2f})"
        return Choice(
            tuple([models[place] for place in order]),
            "fused",
            1.0,
            dict(zip(models, scores.tolist(), strict=True)),
            reason,
            dict(zip(models, offers.quality.tolist(), strict=True)),
            {model: float(place == first) for place, model in enumerate(models)},
            None if context.prompt is None else context.prompt.need,
            endpoint,
            stayed,
        )


def _slowness(seconds: Doubles, inflight: Doubles) -> Doubles:
    """1 where it takes four times as long as at the quickest. An endpoint of which nothing is known counts as that
    quick until it has requests: it is tried, but not by a burst."""
    unknown = np.isnan(seconds)
    if unknown.any():
        quickest = 1.0 if unknown.all() else float(seconds[~unknown].min())
        seconds = np.where(unknown, quickest * (1 + inflight), seconds)
    return seconds / (_SLOW * max(float(seconds.min()), _INSTANT)) if len(seconds) else seconds


def _pick(score: Doubles, fleet: Fleet, pool: int, random: Random | None) -> int | None:
    """The pool's best endpoint; of equally good ones the one with the fewest requests, and then any."""
    mine = np.flatnonzero(fleet.pools == pool)
    if not len(mine):
        return None
    good = mine[score[mine] >= score[mine].max() - _EQUAL]
    if len(good) > 1:
        depths = fleet.inflight[good]
        good = good[depths == depths.min()]
    return int(good[int(random.random() * len(good)) if random is not None else 0])
