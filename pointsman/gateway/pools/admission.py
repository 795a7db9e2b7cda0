"""How many requests a pool has running, and how long the others wait for a place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from pointsman.gateway.errors import DeadlineUnreachable, PoolFull, RequestError
from pointsman.gateway.pools.claim import PLAIN, Claim
from pointsman.gateway.pools.events import UNHEARD, Denial, Events
from pointsman.gateway.pools.queue import Ticket, WaitQueue
from pointsman.gateway.schema.pools import Limits

_SMOOTHING = 0.05
_LONGEST_ADVICE = 60.0
"""Seconds: SDKs take a longer `Retry-After` for none and come back at once."""
_NEVER = float("inf")

_Ticket: TypeAlias = Ticket[asyncio.Future[None]]


class Admission:
    __slots__ = ("_clock", "_ended", "_events", "_hold", "_limits", "_moved", "_name", "_queue", "inflight")

    def __init__(self, name: str, limits: Limits, clock: Callable[[], float], events: Events = UNHEARD) -> None:
        self._name = name
        self._limits = limits
        self._clock = clock
        self._events = events
        self._queue: WaitQueue[asyncio.Future[None]] = WaitQueue(limits.queue)
        self._hold = 0.0  # seconds that a place is taken, smoothed
        self._ended = 0  # how many were measured
        self._moved = 0.0  # when the queue last got shorter by a place, or began
        self.inflight = 0

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def configure(self, limits: Limits) -> None:
        self._limits = limits
        self._queue.limit = limits.queue
        self._admit()

    @property
    def full(self) -> bool:
        return self.inflight >= self._limits.inflight  # as long as anyone waits: a free place is handed over at once

    def try_enter(self) -> bool:
        if self.inflight >= self._limits.inflight:
            return False
        self.inflight += 1
        return True

    async def enter(self, claim: Claim = PLAIN, latest: float | None = None) -> None:
        """Wait for a place until `latest` on the pool's clock, after which it is of no use.

        Raises PoolFull if the queue is full, if others come before, or after `queue_timeout`; DeadlineUnreachable."""
        if self.try_enter():
            return
        since = self._clock()
        if not self._queue:
            self._moved = since
        waiter = asyncio.get_running_loop().create_future()
        ticket = self._push(claim, waiter)
        timer = self._limit(ticket, _NEVER if latest is None else latest - since)
        try:
            await waiter
        except asyncio.CancelledError:
            self._forget(ticket)
            raise
        finally:
            timer.cancel()
        self._events.queued(self._name, claim.priority, self._clock() - since)

    def leave(self, held: float | None = None) -> None:
        """Give a place back, after `held` seconds if it was used."""
        self.inflight -= 1
        if held is not None:
            self._ended += 1
            self._hold += max(_SMOOTHING, 1 / self._ended) * (held - self._hold)
        if self._queue:
            self._admit()

    def refuse(self, error: Callable[[], RequestError]) -> None:
        """Send everyone away who waits."""
        while self._queue:
            waiter = self._queue.pop().item
            if not waiter.done():
                waiter.set_exception(error())

    def predicted_wait(self, claim: Claim = PLAIN) -> float | None:
        """Seconds until `claim` would have a place if it came now; None if nothing is known yet."""
        if not self.full:
            return 0.0
        if not self._ended:
            return None
        hold, limit = self._hold, self._limits.inflight
        if self._queue:  # nobody leaves: then a place is taken for at least so long
            hold = max(hold, self._clock() - self._moved)
        return hold * (self._queue.ahead(claim) + 1 + self.inflight - limit) / limit

    def overflow(self, claim: Claim) -> PoolFull:
        """For one who will not wait."""
        return self._full(Denial.OVERFLOW, f"{self.waiting} are waiting", claim)

    def unreachable(
        self, claim: Claim, wait: float, first: float, left: float, *, never: bool = False
    ) -> DeadlineUnreachable:
        """A place after `wait` seconds, a first token `first` seconds later, but only `left` to go.

        `never`: an idle pool would be too slow as well."""
        self._events.denied(self._name, Denial.DEADLINE)
        advice = "Allow it more time, or send a shorter prompt" if never else "Try again later"
        return DeadlineUnreachable(
            f"Pool {self._name!r} cannot begin this answer in time: that would take about {wait + first:.2g} s, "
            f"and {max(0.0, left):.2g} s are left. {advice}.",
            retry_after=None if never else min(max(0.0, wait + first - left), _LONGEST_ADVICE),
            final=claim.strict,
        )

    def _push(self, claim: Claim, waiter: asyncio.Future[None]) -> _Ticket:
        pushed = self._queue.push(claim, waiter)
        if pushed is None:
            raise self._full(Denial.FULL, f"{self.waiting} are waiting", claim)
        ticket, displaced = pushed
        if displaced is not None and not displaced.item.done():
            why = "the queue is full of requests that come first"
            displaced.item.set_exception(self._full(Denial.DISPLACED, why, displaced.claim))
        return ticket

    def _limit(self, ticket: _Ticket, left: float) -> asyncio.TimerHandle:
        call_later = asyncio.get_running_loop().call_later
        if left < self._limits.queue_timeout:
            return call_later(max(0.0, left), self._expire, ticket, self._too_late)
        return call_later(self._limits.queue_timeout, self._expire, ticket, self._timed_out)

    def _admit(self) -> None:
        while self._queue and self.inflight < self._limits.inflight:
            waiter = self._queue.pop().item
            if not waiter.done():  # else cancelled, and its task has not run since
                self._moved = self._clock()
                self.inflight += 1
                waiter.set_result(None)

    def _forget(self, ticket: _Ticket) -> None:
        """One who waited was cancelled; he may have been given his place in the same turn of the loop."""
        waiter = ticket.item
        if not self._queue.remove(ticket) and not waiter.cancelled() and waiter.exception() is None:
            self.leave()

    def _expire(self, ticket: _Ticket, error: Callable[[Claim], PoolFull]) -> None:
        if not ticket.item.done():
            self._queue.remove(ticket)
            ticket.item.set_exception(error(ticket.claim))

    def _timed_out(self, claim: Claim) -> PoolFull:
        why = f"no place came free within {self._limits.queue_timeout:g} s"
        return self._full(Denial.TIMEOUT, why, claim)

    def _too_late(self, claim: Claim) -> DeadlineUnreachable:
        return self.unreachable(claim, self._advice(claim), 0.0, 0.0)

    def _full(self, why: Denial, details: str, claim: Claim) -> PoolFull:
        self._events.denied(self._name, why)
        return PoolFull(
            f"Pool {self._name!r} is full: {self.inflight} requests are running and {details}. "
            "Try again later, or raise the pool's limits.",
            retry_after=self._advice(claim),
        )

    def _advice(self, claim: Claim) -> float:
        wait = self.predicted_wait(claim)
        return min(_LONGEST_ADVICE, self._limits.queue_timeout if wait is None else wait)
