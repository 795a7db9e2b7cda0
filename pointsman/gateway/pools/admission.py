"""How many requests a pool has running, and who waits for a place: first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from pointsman.gateway.errors import PoolFull, RequestError
from pointsman.gateway.schema import Limits

_SMOOTHING = 0.1
_LONGEST_ADVICE = 60.0


class Admission:
    __slots__ = ("_hold", "_limits", "_name", "_waiters", "inflight")

    def __init__(self, name: str, limits: Limits) -> None:
        self._name = name
        self._limits = limits
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._hold: float | None = None  # seconds that a place is taken, smoothed
        self.inflight = 0

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    def configure(self, limits: Limits) -> None:
        self._limits = limits
        self._admit()

    def try_enter(self) -> bool:
        if self.inflight >= self._limits.inflight:  # as long as anyone waits: a free place is handed over at once
            return False
        self.inflight += 1
        return True

    async def enter(self) -> None:
        """Raises PoolFull if the queue is, or if the wait takes longer than `queue_timeout`."""
        if self.try_enter():
            return
        if len(self._waiters) >= self._limits.queue:
            raise self._full(f"{len(self._waiters)} are waiting")
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(self._limits.queue_timeout, self._expire, waiter)
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            self._forget(waiter)
            raise
        finally:
            timer.cancel()

    def leave(self, held: float | None = None) -> None:
        """Give a place back, after `held` seconds if it was used."""
        self.inflight -= 1
        if held is not None:
            self._hold = held if self._hold is None else self._hold + _SMOOTHING * (held - self._hold)
        self._admit()

    def refuse(self, error: Callable[[], RequestError]) -> None:
        """Send everyone away who waits."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(error())

    def predicted_wait(self) -> float:
        """Seconds until one who came now would have a place."""
        if self._hold is None:
            return self._limits.queue_timeout
        return min(_LONGEST_ADVICE, self._hold * (len(self._waiters) + 1) / self._limits.inflight)

    def _admit(self) -> None:
        while self._waiters and self.inflight < self._limits.inflight:
            waiter = self._waiters.popleft()
            if not waiter.done():  # else cancelled, and its task has not run since
                self.inflight += 1
                waiter.set_result(None)

    def _forget(self, waiter: asyncio.Future[None]) -> None:
        """One who waited was cancelled; he may have been given his place in the same turn of the loop."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        elif not waiter.cancelled() and waiter.exception() is None:
            self.leave()

    def _expire(self, waiter: asyncio.Future[None]) -> None:
        if not waiter.done():
            self._waiters.remove(waiter)
            waiter.set_exception(self._full(f"no place came free within {self._limits.queue_timeout:g} s"))

    def _full(self, why: str) -> PoolFull:
        return PoolFull(
            f"Pool {self._name!r} is full: {self.inflight} requests are running and {why}. "
            "Try again later, or raise the pool's limits.",
            retry_after=self.predicted_wait(),
        )
