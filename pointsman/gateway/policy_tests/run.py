"""A configuration's own tests: requests that nobody sent, and whether what comes of them is what was expected."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pointsman.gateway import rehearse
from pointsman.gateway.access.keys import Identity
from pointsman.gateway.app import Rules, build_runtime
from pointsman.gateway.encoders import introduce, prepare
from pointsman.gateway.errors import BadRequest, RequestError
from pointsman.gateway.explain import explain
from pointsman.gateway.policy import build_policy
from pointsman.gateway.policy_tests.values import assume, holds, shown
from pointsman.gateway.pools.discovery.finder import presume
from pointsman.gateway.routing import Routed
from pointsman.gateway.schema.cases import CaseConfig, ExpectConfig, PoolState, Wanted
from pointsman.gateway.schema.config import Config
from pointsman.gateway.wire.inbound import parse_json
from pointsman.gateway.wire.reading import build_facts
from pointsman.signals.base import Signal, SignalValue
from pointsman.signals.encoder.batcher import Batcher
from pointsman.signals.encoder.encoding import Encoder
from pointsman.signals.facts import Facts, PoolLoad
from pointsman.signals.neural import NeedsEncoding, NeuralSignal
from pointsman.signals.readings import TimedReadings

Form: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mismatch:
    what: str  # `decision`, `signals.NAME` …
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class Result:
    mismatches: tuple[Mismatch, ...]
    failures: Mapping[str, str]  # signals that could not be evaluated, by why
    form: Form  # as of `explain --json`, or {"error": …}
    seconds: float

    @property
    def passed(self) -> bool:
        return not self.mismatches and not self.failures


class Examiner:
    """Runs tests against one configuration. The encoder is loaded when a signal that is not assumed needs it;
    ConfigError if that fails."""

    def __init__(self, config: Config) -> None:
        self._runtime = build_runtime(config, Rules(build_policy(config), None))
        self._batcher: Batcher | None = None
        presume(self._runtime.pools.values())

    def run(self, case: CaseConfig, folder: Path) -> Result:
        """`folder` is where the path of a request begins."""
        began = time.perf_counter()
        try:
            rehearsal = self._rehearse(case, folder)
        except RequestError as error:
            rehearsal = _Rehearsal(error, None, {})
        return self._judge(case.expect, rehearsal, time.perf_counter() - began)

    def _rehearse(self, case: CaseConfig, folder: Path) -> _Rehearsal:
        runtime = self._runtime
        body, raw = body_of(case, folder)
        headers = {name.lower(): value for name, value in case.headers.items()}
        request = rehearse.inbound(body, headers, raw)
        given = case.tenant is not None or case.roles
        client = Identity(case.tenant, frozenset(case.roles)) if given else rehearse.identify(runtime, headers)
        loads = {name: _load(runtime.load(name), case.pools.get(name)) for name in runtime.pools}
        facts = build_facts(request, client, loads.__getitem__)._replace(now=case.now)
        readings = _Readings(self, facts, time.perf_counter)
        readings.values.update({name: assume(value) for name, value in case.signals.items()})
        try:
            routed: Routed | RequestError = rehearse.route(runtime, request, facts, readings, self.encoder)
        except RequestError as error:
            routed = error
        return _Rehearsal(routed, readings, loads)

    def _judge(self, expect: ExpectConfig, rehearsal: _Rehearsal, seconds: float) -> Result:
        form = self._form(rehearsal, seconds)  # before further signals are read
        mismatches = [*_routing(expect, rehearsal), *self._signals(expect.signals, rehearsal)]
        readings = rehearsal.readings
        failures = {**readings.failures, **readings.missed} if readings is not None else {}
        return Result(tuple(mismatches), failures, form, seconds)

    def _form(self, rehearsal: _Rehearsal, seconds: float) -> Form:
        if isinstance(rehearsal.routed, RequestError):
            return {"error": rehearsal.routed.object()}
        skipped = [name for name in self._runtime.signals if name not in rehearsal.routed.readings.values]
        return explain(None, rehearsal.routed, skipped, seconds)

    def _signals(self, wanted: Mapping[str, Wanted], rehearsal: _Rehearsal) -> Iterator[Mismatch]:
        for name, value in wanted.items():
            if rehearsal.readings is None:
                yield Mismatch(f"signals.{name}", shown(value), "no request that signals could read")
                continue
            read = rehearse.read(name, rehearsal.readings, self.encoder)
            if not holds(value, read.value):
                score = "" if read.score in (None, 0, 1) else f" (score {read.score:.2f})"
                yield Mismatch(f"signals.{name}", shown(value), shown(read.value) + score)

    @property
    def signals(self) -> Mapping[str, Signal[Any]]:
        return self._runtime.signals

    @property
    def ready(self) -> bool:
        return self._batcher is not None

    def encoder(self) -> Encoder:
        if self._batcher is None:
            self._batcher = prepare(self.signals.values(), self._runtime.config.encoder, prompts=True)
            assert self._batcher is not None
            introduce((self._runtime.policy, *self._runtime.virtual.values()), self._batcher)
        return self._batcher.encoder


@dataclass(frozen=True, slots=True)
class _Rehearsal:
    routed: Routed | RequestError
    readings: _Readings | None
    loads: Mapping[str, PoolLoad]


class _Readings(TimedReadings):
    """Neural signals ask for the encoder before they need it, as only that prepares them."""

    __slots__ = ("_examiner",)

    def __init__(self, examiner: Examiner, facts: Facts, clock: Callable[[], float]) -> None:
        super().__init__(examiner.signals, facts, clock)
        self._examiner = examiner

    def __getitem__(self, name: str, /) -> SignalValue:
        known = name in self.values or self._examiner.ready
        if not known and isinstance(self._examiner.signals[name], NeuralSignal):
            raise NeedsEncoding(())
        return super().__getitem__(name)


def body_of(case: CaseConfig, folder: Path) -> tuple[rehearse.Body, bytes | None]:
    """And its bytes, if they are those of a file. BadRequest if that cannot be read."""
    if isinstance(case.request, str):
        raw = _read(folder / case.request)
        return parse_json(raw, {}), raw
    if case.request is not None:
        return case.request, None
    return rehearse.chat(case.prompt or "") | ({} if case.model is None else {"model": case.model}), None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = (error.strerror if isinstance(error, OSError) else None) or "not a file name"
        raise BadRequest(f"cannot read {path}: {reason}") from None


def _load(idle: PoolLoad, state: PoolState | None) -> PoolLoad:
    return idle._replace(**state.model_dump(include=state.model_fields_set)) if state is not None else idle


def _routing(expect: ExpectConfig, rehearsal: _Rehearsal) -> Iterator[Mismatch]:
    routed = rehearsal.routed
    if isinstance(routed, RequestError):
        decision, models, pool, status = None, None, None, routed.status
        said = f"none: {status} {routed.code}: {routed.message}"
    else:
        decision, models = routed.decision, [*routed.candidates]
        pool = next((pool.name for pool in routed.pools if rehearsal.loads[pool.name].healthy), None)
        status = routed.respond.status if routed.respond is not None else 200 if pool is not None else 503
        said = decision
    if expect.decision is not None and expect.decision != decision:
        yield Mismatch("decision", expect.decision, said)
    if decision in expect.not_decision:
        yield Mismatch("decision", f"not {decision}", said)
    if expect.models is not None and expect.models != models:
        yield Mismatch("models", shown(expect.models), shown(models or []))
    if expect.pool is not None and expect.pool != pool:
        yield Mismatch("pool", expect.pool, pool or "none")
    if expect.status is not None and expect.status != status:
        yield Mismatch("status", str(expect.status), str(status))
