"""Where a request goes: signals, decision, order of pools. The same for traffic and for `explain`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import structlog

from pointsman.gateway.errors import NoRoute, NotFound
from pointsman.gateway.learning.lessons import Lesson
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.runtime import Runtime, shown
from pointsman.gateway.schema.decisions import Slo
from pointsman.policies.decide import Policy
from pointsman.policies.select.context import Context
from pointsman.policies.types import EXPLICIT, Choice, Decision, Pools, Respond
from pointsman.signals.encoder.encoding import EncoderError
from pointsman.signals.facts import Facts, PoolLoad, Route
from pointsman.signals.readings import Readings

log = structlog.get_logger(__name__)

NO_SLO = Slo()

UNASKED = Choice((), "cache", reason="the answer was kept")
"""Of a request that needed no selector."""


class Routed(NamedTuple):
    decision: str
    choice: Choice
    pools: tuple[Pool, ...]  # in the order in which they are tried
    candidates: tuple[str, ...]  # as the decision lists them
    readings: Readings
    respond: Respond | None = None
    decided: Decision | None = None
    context: Context | None = None  # what the selector was told
    category: str | None = None  # of the cache, if the decision caches

    @property
    def undecided(self) -> bool:
        """Whether the candidates are still to be chosen among."""
        return self.decided is not None and self.context is None

    @property
    def endpoint(self) -> str | None:
        """That the selector prefers, of the first pool."""
        choice = self.choice
        return choice.endpoint if choice.endpoint and choice.pools[0] == self.pools[0].name else None


def route_request(runtime: Runtime, facts: Facts, path: str, readings: Readings, random: Random | None) -> Routed:
    """`path` is below /v1; without `random` the choice is greedy.

    ModelNotFound, NotFound or NoRoute if there is nowhere to go."""
    routed = decide_request(runtime, facts, path, readings)
    return select(runtime, facts, routed, random) if routed.undecided else routed


def decide_request(runtime: Runtime, facts: Facts, path: str, readings: Readings) -> Routed:
    """As `route_request`, but among a decision's candidates `select` is still to choose."""
    if facts.route is Route.OTHER:
        return _explicit(runtime, facts, readings, _taking(runtime, facts, path))
    if not runtime.is_alias(facts.model):
        assert facts.model is not None
        return _explicit(runtime, facts, readings, runtime.named(facts.model))
    decision = _met(runtime, facts, readings, facts.pools)
    if decision is None:
        raise NoRoute(
            "No decision of the gateway's policy matches this request. "
            "Add a last decision with `when: true`, or name one of the models of GET /v1/models."
        )
    if decision.respond is not None:
        return _answered(decision, readings)
    sorting = runtime.caches.get(decision.name)
    category = None if sorting is None else sorting.category(readings.__getitem__)
    return Routed(decision.name, UNASKED, (), decision.models, readings, decided=decision, category=category)


def select(runtime: Runtime, facts: Facts, routed: Routed, random: Random | None) -> Routed:
    """`routed` with one of its candidates put first; without `random` the choice is greedy."""
    decision, readings = routed.decided, routed.readings
    assert decision is not None
    selector = decision.selector
    assert selector is not None
    if selector.plain:
        context = Context(facts, facts.pools)
        choice = selector.choose(context, None, random)
    else:
        lesson = runtime.learner.lesson(decision)
        context = _context(runtime, facts, readings, decision, lesson)
        choice = selector.choose(context, lesson.view, random)
    pools = fitting(tuple([runtime.pools[name] for name in choice.pools]), facts)
    return Routed(
        routed.decision, choice, pools, routed.candidates, readings, None, decision, context, routed.category
    )  # quicker than to replace three of them


def _context(runtime: Runtime, facts: Facts, readings: Readings, decision: Decision, lesson: Lesson) -> Context:
    selector, slo = lesson.selector, runtime.slos.get(decision.name, NO_SLO)
    return Context(
        facts,
        facts.pools,
        readings.prompt() if selector.reads_prompt else None,
        runtime.learner.conversations.previous(facts) if lesson.stays else None,
        lesson.turns,
        budget=runtime.budget(facts.tenant),
        first_token=slo.first_token,
        per_token=slo.per_token,
        forecast=runtime.forecast,
        fleet=runtime.fleet,
    )


async def encode(runtime: Runtime, readings: Readings, passages: Sequence[str]) -> None:
    """Signals are unknown where the encoder could not answer in time."""
    assert runtime.encoder is not None
    began = time.perf_counter()
    left = runtime.config.encoder.budget - readings.encoder_seconds
    try:
        encodings = await runtime.encoder.encode(passages, left)
    except EncoderError as error:
        if error.reason == EncoderError.reason:  # the others are load, which the metrics show
            log.error("encoder_failed", reason=str(error))
        readings.unencoded(passages, str(error), time.perf_counter() - began)
    else:
        readings.encoded(encodings, time.perf_counter() - began, runtime.encoder.reader)


def decision_of(runtime: Runtime, facts: Facts, readings: Readings, pools: Pools) -> str | None:
    """The name of the decision that a request which has somewhere to go would meet; None if none holds."""
    if facts.route is Route.OTHER or not runtime.is_alias(facts.model):
        decision = _guard(runtime.guards, readings, pools)
        return EXPLICIT if decision is None else decision.name
    decision = _met(runtime, facts, readings, pools)
    return None if decision is None else decision.name


def _met(runtime: Runtime, facts: Facts, readings: Readings, pools: Pools) -> Decision | None:
    decision = _guard(runtime.guards_of(facts.model), readings, pools)
    if decision is not None:
        return decision
    policy = runtime.policy if facts.model is None else runtime.virtual.get(facts.model, runtime.policy)
    return policy.decide(readings, pools).decision


def _answered(decision: Decision, readings: Readings) -> Routed:
    return Routed(decision.name, Choice((), "respond"), (), (), readings, decision.respond)


def _explicit(runtime: Runtime, facts: Facts, readings: Readings, pools: tuple[Pool, ...]) -> Routed:
    """The request names its pools; but what the policy would answer itself, it answers here, too."""
    decision = _guard(runtime.guards, readings, facts.pools)
    if decision is not None:
        return _answered(decision, readings)
    if len(pools) > 1:
        pools = fitting(tuple(sorted(pools, key=lambda pool: _load(facts.pools(pool.name)))), facts)
    names = tuple(pool.name for pool in pools)
    return Routed(EXPLICIT, Choice(names, EXPLICIT, reason="the request names it"), pools, names, readings)


def _guard(guards: Policy | None, readings: Readings, pools: Pools) -> Decision | None:
    """The decision that answers instead of anything else."""
    decision = None if guards is None else guards.decide(readings, pools).decision
    return None if decision is None or decision.respond is None else decision


def fitting(pools: tuple[Pool, ...], facts: Facts) -> tuple[Pool, ...]:
    """Without the pools whose context window is too small, unless all are: then the upstream's error is the answer."""
    answer = facts.max_tokens or 0
    largest = facts.size + answer  # a token is at least a byte of the body
    if all(pool.config.context is None or largest <= pool.config.context for pool in pools):
        return pools
    needed = facts.prompt_tokens + answer
    return tuple(p for p in pools if p.config.context is None or needed <= p.config.context) or pools


def _load(state: PoolLoad) -> tuple[bool, float]:
    return not state.healthy, state.load or 0.0


def _taking(runtime: Runtime, facts: Facts, path: str) -> tuple[Pool, ...]:
    """The pools that list a pass-through path, narrowed to those that the request names."""
    listed = runtime.listing(path)
    if runtime.is_alias(facts.model):
        return listed
    assert facts.model is not None
    chosen = tuple(pool for pool in runtime.named(facts.model) if pool in listed)
    if not chosen:
        raise NotFound(
            f"No pool of {facts.model[:128]!r} takes {shown(path)}. Name one that does "
            f"({', '.join(pool.name for pool in listed)}), or list the path in the `paths` of yours.",
            param="model",
        )
    return chosen
