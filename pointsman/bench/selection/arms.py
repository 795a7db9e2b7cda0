"""Replaying public answers to a selector that learns: each round one prompt comes, one model is chosen, and of the
scores only that model's becomes known, at once, later or never."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter

from pointsman.bench.quality.metrics import Classes, Numbers
from pointsman.policies.select.base import Rewarded, Seen, Selector
from pointsman.policies.select.context import Candidate, Context
from pointsman.policies.select.registry import SelectConfig, build
from pointsman.policies.select.scored import Scored
from pointsman.policies.select.sums import NOTHING, Sums, merged
from pointsman.policies.select.utility import Weights, Worth
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.prompt import Prompt

FOLD = 10
"""Rounds after which what was learned counts."""
_read = TypeAdapter(SelectConfig).validate_python


@dataclass(frozen=True)
class World:
    """Prompts, and the score of each model's answer."""

    models: tuple[str, ...]
    prices: Sequence[float]  # USD per million tokens
    facts: Sequence[Facts]
    prompts: Sequence[Prompt]
    scores: Numbers  # [prompts, models]
    costs: Numbers  # [prompts, models], relative to the dearest model's

    def utilities(self, weight: float) -> Numbers:
        found: Numbers = self.scores - weight * self.costs
        return found

    def candidates(self, quality: Numbers | None) -> list[Candidate]:
        """With what is stated of each one's quality, if anything is."""
        stated: list[dict[str, float]] = [{} if quality is None else {"default": float(q)} for q in self._each(quality)]
        return [Candidate(*told) for told in zip(self.models, self.prices, self.prices, stated, strict=True)]

    def _each(self, quality: Numbers | None) -> Sequence[float]:
        return [0.0] * len(self.models) if quality is None else quality.tolist()


def world_of(
    models: Sequence[str], prices: Sequence[float], texts: Sequence[str], prompts: Sequence[Prompt], scores: Numbers
) -> World:
    facts = [Facts(Route.CHAT, read_messages=_said(text)) for text in texts]
    worth = Worth(
        [Candidate(m, p, p) for m, p in zip(models, prices, strict=True)], Weights(quality=0, cost=1, latency=0)
    )
    none = np.zeros(len(models))
    costs = np.stack([-worth.of(Context(each), none) for each in facts])
    return World(tuple(models), prices, facts, prompts, scores, costs)


def _said(text: str) -> Callable[[], Sequence[Message]]:
    return lambda: (Message("user", text),)


class Trouble(NamedTuple):
    delay: int = 0  # rounds at most until a score is known
    missing: float = 0.0  # share of the scores that never are
    degrades: tuple[int, int, float] | None = None  # from this round on, the scores of this model are multiplied


class Played(NamedTuple):
    rows: Classes  # [rounds]: which prompt
    chosen: Classes  # [rounds]: which model
    utility: Numbers  # [rounds]
    offered: Numbers  # [rounds, models]: the utilities that could have been had


def selector_of(world: World, options: Mapping[str, Any], weight: float, quality: Numbers | None) -> Selector[Any]:
    """`weight` of the cost; latency is not known and does not count."""
    weights = {"quality": 1.0, "cost": weight, "latency": 0.0}
    return build(_read({"weights": weights, "stay": 0.0, **options}), world.candidates(quality))


def play(world: World, selector: Selector[Any], rows: Classes, weight: float, seed: int, trouble: Trouble) -> Played:
    learner, dice, random = Learner(selector), np.random.default_rng(seed), Random(seed)
    places = {model: place for place, model in enumerate(world.models)}
    scores = degraded(world.scores[rows], trouble)
    chosen = np.zeros(len(rows), np.int64)
    due: dict[int, list[Rewarded]] = {}
    for turn, row in enumerate(rows):
        context = Context(world.facts[row], prompt=world.prompts[row], turn=turn)
        arm = selector.choose(context, learner.view, random).pools[0]
        place = chosen[turn] = places[arm]
        if dice.random() >= trouble.missing:
            when = turn + (int(dice.integers(1, trouble.delay + 1)) if trouble.delay else 0)
            due.setdefault(when, []).append(learner.told(context, arm, float(scores[turn, place])))
        for rewarded in due.pop(turn, ()):
            learner.learn(rewarded)
        if turn % FOLD == 0:
            learner.fold()
    offered = scores - weight * world.costs[rows]
    return Played(rows, chosen, offered[np.arange(len(rows)), chosen], offered)


def degraded(scores: Numbers, trouble: Trouble) -> Numbers:
    if trouble.degrades is None:
        return scores
    start, model, factor = trouble.degrades
    found = scores.copy()
    found[start:, model] *= factor
    return found


class Learner:
    def __init__(self, selector: Selector[Any]) -> None:
        self._selector = selector
        self._sums: Sums = NOTHING
        self._pending: Sums = NOTHING
        self.view = selector.view(NOTHING)

    def told(self, context: Context, arm: str, score: float) -> Rewarded:
        selector, prompt, prior = self._selector, context.prompt, None
        if isinstance(selector, Scored):
            prior = float(selector.priors.of(prompt)[selector.models.index(arm)])
        features, vector = (prompt.features, prompt.vector.astype(np.float64)) if prompt else (None, None)
        seen = Seen(features, vector, prior, context.facts.prompt_tokens)
        return Rewarded(arm, seen, 1.0, score)

    def learn(self, rewarded: Rewarded) -> None:
        self._pending = merged(self._pending, self._selector.learn(rewarded), self._selector.discount)

    def fold(self) -> None:
        if self._pending.count or self._pending.arrays:
            self._sums = merged(self._sums, self._pending, self._selector.discount)
            self._pending, self.view = NOTHING, self._selector.view(self._sums)
