"""Decisions that a candidate would have taken, asked for after the request was routed, and in nobody's way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import structlog

from pointsman.gateway.observe.outcome import Skipped
from pointsman.gateway.routing import decision_of, encode
from pointsman.gateway.runtime import Runtime
from pointsman.signals.base import SignalValue
from pointsman.signals.facts import Facts, PoolLoad
from pointsman.signals.neural import NeedsEncoding
from pointsman.signals.readings import Readings

log = structlog.get_logger(__name__)

MAX_WAITING = 256
"""Requests that wait to be compared."""
MAX_BYTES = 16 * 1024**2
"""Of their bodies together."""

_LARGE = 64 * 1024
"""Bytes of a body from which its text is read beside the event loop, as for traffic."""


class Job(NamedTuple):
    """A request that was routed."""

    id: str
    facts: Facts
    decision: str
    values: dict[str, SignalValue]  # of signals that the candidate has, too
    loads: Mapping[str, PoolLoad]  # of pools that its conditions read, when the request was routed


class Hears(Protocol):
    def compared(self, job: Job, decision: str | None) -> None: ...
    def skipped(self, why: Skipped) -> None: ...


class Shadow:
    def __init__(self, runtime: Callable[[], Runtime], hears: Hears) -> None:
        self.neural = False  # whether the encoder may be asked
        self._runtime = runtime
        self._hears = hears
        self._jobs: deque[Job] = deque()
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._failing: set[str] = set()  # signals whose failure was logged

    def offer(self, job: Job) -> None:
        if len(self._jobs) >= MAX_WAITING or self._bytes + job.facts.size > MAX_BYTES:
            self._hears.skipped(Skipped.BUSY)
            return
        self._jobs.append(job)
        self._bytes += job.facts.size
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    def close(self) -> None:
        """What waits is forgotten."""
        self._jobs.clear()
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        while self._jobs:
            await asyncio.sleep(0)  # a turn of the loop for everybody else
            job = self._jobs.popleft()
            try:
                await self._compare(job)
            # It may fail in whatever way: that is the candidate's own affair, and never a request's.
            except Exception:  # noqa: BLE001
                self._hears.skipped(Skipped.FAILED)
                self._complain("candidate", exc_info=True)
            finally:
                self._bytes -= job.facts.size

    async def _compare(self, job: Job) -> None:
        runtime, facts = self._runtime(), job.facts
        readings = Readings(runtime.signals, facts)
        readings.values.update(job.values)
        if facts.size > _LARGE and runtime.decides(facts.model):
            await asyncio.to_thread(readings.read_texts)
        while True:
            try:
                decision = decision_of(runtime, facts, readings, job.loads.__getitem__)
                break
            except NeedsEncoding as needed:
                if not await self._encoded(runtime, readings, needed.passages):
                    self._hears.skipped(Skipped.NEURAL)
                    return
        for name, failure in readings.failures.items():
            self._complain(name, failure=failure, signal=name)
        self._hears.compared(job, decision)

    async def _encoded(self, runtime: Runtime, readings: Readings, passages: Sequence[str]) -> bool:
        """What the live policy has just had encoded costs nothing."""
        assert runtime.encoder is not None
        known = runtime.encoder.get(passages)
        if all(passage in known for passage in passages):
            readings.encoded(known, 0.0)
            return True
        if self.neural:
            await encode(runtime, readings, passages)
        return self.neural and not readings.missed

    def _complain(self, what: str, **details: object) -> None:
        """Once of each."""
        if what not in self._failing:
            self._failing.add(what)
            log.error("candidate_failed", **details)
