"""What a configuration would have decided about requests of the past."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, NamedTuple, TypeVar

from pointsman.gateway.app import Rules, build_runtime
from pointsman.gateway.encoders import introduce, prepare
from pointsman.gateway.errors import ModelNotFound, NoRoute
from pointsman.gateway.fingerprint import fingerprints
from pointsman.gateway.policy import build_policy
from pointsman.gateway.rehearse import encoding
from pointsman.gateway.replay.entries import UNDECIDED, Entry, Form
from pointsman.gateway.replay.kept import KeptFacts, KeptReadings, kept_budget, kept_previous
from pointsman.gateway.routing import fitting
from pointsman.gateway.schema.config import Config
from pointsman.gateway.schema.pools import Price
from pointsman.policies.expr import Reference, SignalRef
from pointsman.policies.replay import NotKept, Replay
from pointsman.policies.select.base import Selector
from pointsman.policies.select.context import Context
from pointsman.policies.select.sums import NOTHING
from pointsman.policies.types import EXPLICIT, Choice, Decision
from pointsman.policies.why import Course
from pointsman.signals.encoder.batcher import Batcher
from pointsman.signals.encoder.encoding import Encoder
from pointsman.signals.facts import PoolLoad, Route
from pointsman.signals.prompt import Prompt

T = TypeVar("T")

MAX_CONFIGS = 1024
"""Configurations of one log that are told apart, the latest ones."""


class Missing(NamedTuple):
    """A value without which a decision could not be told."""

    name: str  # of a signal, or `pool.NAME`
    why: str  # there is no value in the log
    needs: str  # what it would have to be read from


class Replayed(NamedTuple):
    entry: Entry
    decided: str | None  # None: it cannot be told
    changed: bool | None  # another decision or other models; None: it cannot be told
    asked: str | None = None  # the pool that would be asked first
    cost: float | None = 0.0  # USD; None: the log does not say how many tokens it would be
    missing: tuple[Missing, ...] = ()
    decision: Decision | None = None  # that of `decided`, where its selector chooses
    readings: KeptReadings | None = None


class _Then(NamedTuple):
    """A configuration that the log is of, as it compares with the new one."""

    signals: frozenset[str] = frozenset()  # all that it declared
    same: frozenset[str] = frozenset()  # signals whose declaration is the same
    targets: frozenset[str] = frozenset()  # decisions whose models and selector are the same
    encoder: bool = False  # whether it is the same


_UNHEARD = _Then()


class Replayer:
    def __init__(self, config: Config) -> None:
        self._runtime = runtime = build_runtime(config, Rules(build_policy(config), None))
        self._declared = fingerprints(config, runtime.signals)
        self._configs: dict[str, _Then] = {}
        self._turns = 0
        self._random = Random(0)  # so that the same log gives the same answer
        self._views: dict[str, Any] = {}
        self._batcher: Batcher | None = None
        names = [None, *config.aliases, *runtime.virtual]
        self._chosen = {name: self._course(name) for name in names}
        self._explicit = Replay(Course(runtime.guards, None), runtime.signals)

    @property
    def decisions(self) -> list[Decision]:
        runtime = self._runtime
        return [d for policy in (runtime.policy, *runtime.virtual.values()) for d in policy.decisions]

    def price(self, pool: str) -> Price:
        """Nothing for a pool that there is no more."""
        found = self._runtime.pools.get(pool)
        return Price() if found is None else found.config.price

    def heard(self, form: Form) -> None:
        """The log says of what its next entries are. ValueError if it does not."""
        config, signals, decisions = form.get("config"), form.get("signals"), form.get("decisions")
        if not isinstance(config, str) or not isinstance(signals, dict) or not isinstance(decisions, dict):
            raise ValueError("config")
        self._configs.pop(config, None)
        if len(self._configs) >= MAX_CONFIGS:
            del self._configs[next(iter(self._configs))]
        self._configs[config] = _Then(
            frozenset(signals),
            _equal(signals, self._declared.signals),
            _equal(decisions, self._declared.decisions),
            form.get("encoder") == self._declared.encoder,
        )

    def replay(self, entry: Entry) -> Replayed:
        """Of one that was decided. ValueError if it holds what no signal says."""
        runtime, facts = self._runtime, KeptFacts.of(entry)
        passed_on = entry.route is Route.OTHER
        chosen = not passed_on and runtime.is_alias(facts.model)
        if not chosen and not passed_on and facts.model not in runtime.models:
            return _nowhere(entry, UNDECIDED[ModelNotFound.code])
        then = self._configs.get(entry.config, _UNHEARD) if entry.config else _UNHEARD
        readings = KeptReadings(runtime.signals, then.same, entry, facts, self._ready, then.encoder)
        course = self._chosen[facts.model] if chosen else self._explicit
        told = encoding(readings, self._encoder, lambda: course.decide(readings, facts.pools))
        if len(told.possible) > 1:
            none = UNDECIDED[NoRoute.code] if chosen else EXPLICIT
            still = any(entry.decided == (none if d is None else d.name) for d in told.possible)
            missing = tuple(_missing(ref, readings, then) for ref in told.missing)
            return Replayed(entry, None, None if still else True, missing=missing)
        if told.possible[0] is not None:
            return self._decided(entry, facts, told.possible[0], then, readings)
        return _nowhere(entry, UNDECIDED[NoRoute.code]) if chosen else self._named(entry, facts)

    def _course(self, model: str | None) -> Replay:
        runtime = self._runtime
        policy = runtime.policy if model is None else runtime.virtual.get(model, runtime.policy)
        return Replay(Course(runtime.guards_of(model), policy), runtime.signals)

    def _decided(
        self, entry: Entry, facts: KeptFacts, decision: Decision, then: _Then, readings: KeptReadings
    ) -> Replayed:
        same = decision.name == entry.decided
        changed = not same or decision.models != tuple(entry.candidates)
        if decision.selector is None:
            return Replayed(entry, decision.name, changed)
        made = Replayed(entry, decision.name, changed, decision=decision, readings=readings)
        if same and decision.name in then.targets:  # then nothing changes for it, whichever pool it was
            return made._replace(asked=entry.asked, cost=self._stays(entry))
        try:
            asked = self._first(facts, decision, readings)
        except NotKept as error:
            missing = Missing(f"select of {decision.name}", "the prompt was not read then", str(error))
            return made._replace(cost=None, missing=(missing,))
        return made._replace(asked=asked, cost=self._cost(entry, asked))

    def _named(self, entry: Entry, facts: KeptFacts) -> Replayed:
        """The request named a pool or a model, or a path that is passed on, which the log does not have."""
        runtime, passed_on = self._runtime, entry.route is Route.OTHER
        pools = runtime.pools.values() if passed_on else runtime.models[facts.model or ""]
        names = [pool.name for pool in pools]
        changed = entry.decided != EXPLICIT or not set(names).issuperset(entry.candidates)
        if entry.asked in names:
            return Replayed(entry, EXPLICIT, changed, entry.asked, self._stays(entry))
        if passed_on:
            return Replayed(entry, EXPLICIT, changed, None, None)
        return Replayed(entry, EXPLICIT, changed, names[0], self._cost(entry, names[0]))

    def _first(self, facts: KeptFacts, decision: Decision, readings: KeptReadings) -> str:
        selector = decision.selector
        assert selector is not None
        if decision.name not in self._views:
            self._views[decision.name] = selector.view(NOTHING)
        view, turn = self._views[decision.name], self._turn()

        def choose(prompt: Prompt | None) -> Choice:
            return selector.choose(rebuilt(facts, prompt, turn), view, self._random)

        order = self.with_prompt(selector, readings, choose).pools
        return fitting(tuple(self._runtime.pools[name] for name in order), facts)[0].name

    def with_prompt(self, selector: Selector[Any], readings: KeptReadings, ask: Callable[[Prompt | None], T]) -> T:
        """What `ask` says, given the prompt if the selector reads it. NotKept if it needs more than there is."""
        if not selector.reads_prompt:
            return ask(None)
        try:
            return encoding(readings, self._encoder, lambda: ask(readings.prompt()))
        except NotKept:
            if not readings.has_text:
                raise
        return encoding(readings, self._encoder, lambda: ask(readings.prompt(afresh=True)))

    def _turn(self) -> int:
        self._turns += 1
        return self._turns

    def _stays(self, entry: Entry) -> float:
        """The cost where the pool is the one that it was, at its present price."""
        if entry.answered is None or entry.answered not in self._runtime.pools:
            return 0.0
        return self._cost(entry, entry.answered) or 0.0

    def _cost(self, entry: Entry, pool: str) -> float | None:
        if entry.usage is None:
            return None
        price = self._runtime.pools[pool].config.price
        return entry.usage.cost(price.input, price.output)

    def _ready(self) -> bool:
        return self._batcher is not None

    def _encoder(self) -> Encoder:
        if self._batcher is None:
            self._batcher = prepare(self._runtime.signals.values(), self._runtime.config.encoder, prompts=True)
            assert self._batcher is not None
            introduce((self._runtime.policy, *self._runtime.virtual.values()), self._batcher)
        return self._batcher.encoder


def rebuilt(facts: KeptFacts, prompt: Prompt | None, turn: int) -> Context:
    """What the selector is told; pools of whose state nothing was kept count as idle."""

    def load(pool: str) -> PoolLoad:
        return facts.pools(pool) if pool in facts.entry.pools else PoolLoad()

    return Context(facts, load, prompt, kept_previous(facts.entry), turn, kept_budget(facts.entry))


def _nowhere(entry: Entry, why: str) -> Replayed:
    return Replayed(entry, why, entry.decided != why)


def _equal(then: Mapping[str, object], now: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name for name, fingerprint in now.items() if then.get(name) == fingerprint)


def _missing(ref: Reference, readings: KeptReadings, then: _Then) -> Missing:
    if not isinstance(ref, SignalRef):
        return Missing(f"pool.{ref.pool}", "not read then", "the pool's state")
    needs = readings.missing.get(ref.name, "text")
    if then is _UNHEARD:
        return Missing(ref.name, "not known how it was declared", needs)
    if ref.name not in then.signals:
        return Missing(ref.name, "new", needs)
    return Missing(ref.name, "not evaluated then" if ref.name in then.same else "declared otherwise", needs)
