"""Lets an engine run in real time, some factor faster, or without waiting."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from time import monotonic

from pointsman.gateway.sim.engine import Engine, Request, Sequence, Token
from pointsman.gateway.sim.metrics import SimMetrics

_LAG = 0.1  # seconds that the clock tries to make up for; a longer delay just passed


class ModelClock:
    """Seconds of the engine's time. At speed inf only the engine's own work makes them pass."""

    def __init__(self, speed: float) -> None:
        self.now = 0.0
        self._speed = speed
        self._start = monotonic()

    def read(self) -> float:
        """The time at which something that happens outside the engine happens."""
        return self.now if math.isinf(self._speed) else (monotonic() - self._start) * self._speed

    def resume(self) -> None:
        """After a pause in which the engine did nothing."""
        self.now = max(self.now, self.read())

    async def advance(self, duration: float) -> None:
        self.now += duration
        ahead = (self.now - self.read()) / self._speed
        if ahead < -_LAG:
            self.now = self.read()
        await asyncio.sleep(max(0.0, ahead))


class Inbox:
    """What reaches one HTTP request: its tokens, or None when nobody listens or nothing will come."""

    def __init__(self) -> None:
        # At most a token per place of the context window and choice: the engine goes on if a reader is slow.
        self._queue: asyncio.Queue[Token | None] = asyncio.Queue()

    def put(self, token: Token | None) -> None:
        self._queue.put_nowait(token)

    async def take(self) -> list[Token | None]:
        """Everything that has come, at least one."""
        items = [await self._queue.get()]
        while not self._queue.empty():
            items.append(self._queue.get_nowait())
        return items


class Runner:
    def __init__(self, engine: Engine, metrics: SimMetrics, speed: float) -> None:
        self._engine, self._metrics = engine, metrics
        self._clock = ModelClock(speed)
        self._wake = asyncio.Event()
        self._inboxes: dict[Sequence, Inbox] = {}
        self._seen: dict[Sequence, float] = {}  # when a sequence had its last token
        self.alive = True

    def submit(self, requests: Iterable[Request], inbox: Inbox) -> list[Sequence]:
        now = self._clock.read()
        sequences = [self._engine.submit(request, now) for request in requests]
        self._inboxes.update(dict.fromkeys(sequences, inbox))
        self._wake.set()
        return sequences

    def abort(self, sequences: Iterable[Sequence]) -> None:
        """End those that have not; their blocks are free when this returns."""
        for sequence in sequences:
            if self._forget(sequence):
                self._engine.abort(sequence)
                self._metrics.ended(sequence)

    async def run(self) -> None:
        try:
            while True:
                await self._work()
        finally:
            self.alive = False
            for inbox in self._inboxes.values():
                inbox.put(None)

    async def _work(self) -> None:
        if self._engine.idle:
            self._wake.clear()
            await self._wake.wait()
            self._clock.resume()
        step = self._engine.step(self._clock.now)
        await self._clock.advance(step.duration)
        for token in step.tokens:
            self._deliver(token)

    def _deliver(self, token: Token) -> None:
        sequence = token.sequence
        inbox = self._inboxes.get(sequence)
        if inbox is None:  # aborted while the step ran
            return
        self._metrics.token(token, self._seen.get(sequence))
        self._seen[sequence] = token.time
        if token.finished:
            self._forget(sequence)
        inbox.put(token)

    def _forget(self, sequence: Sequence) -> bool:
        """False if it was forgotten before."""
        self._seen.pop(sequence, None)
        return self._inboxes.pop(sequence, None) is not None
