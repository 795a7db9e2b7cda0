"""A call that several clients share: it runs in a task of its own, and each of them reads along at his own pace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from typing import Any

import structlog

from pointsman.cache.flight import Flight, Flights, Rider
from pointsman.gateway.errors import ClientDisconnected, PoolUnavailable, RequestError, UpstreamError
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.watch import ClientStalled, Limit, Watch
from pointsman.gateway.wire.inbound import Inbound, Message
from pointsman.gateway.wire.reply import Reply
from pointsman.signals.facts import Route

log = structlog.get_logger(__name__)

LONGEST = 2 * 1024**2
"""Bytes of an answer, events and all, that is kept whole while it comes, and afterwards."""
MOST = 4096
"""Calls at the same time that others may join."""
AHEAD = 256 * 1024
"""Bytes that a call may be ahead of its quickest client."""
LAG = 8 * 1024**2
"""Bytes that a client may be behind the quickest, of an answer that is not kept whole."""
PATIENCE = 2
"""Failed calls that a follower waits for."""

_GRACE = 2.0
"""Seconds that the end of a call has to be told in, before its clients' own limits are."""

_AGAIN = frozenset((408, 409, 425, 429))
_TELLING = ("stream_options", "store", "background", "include_obfuscation", "service_tier")
"""Members that do not change what is said, but how, or what is left of it."""
_ECHOED = ("metadata", "user", "safety_identifier", "prompt_cache_key")
"""Those that a Response repeats."""


def key_of(exact: bytes, asker: str | None, inbound: Inbound) -> Hashable:
    """Of requests whose answers are the same bytes."""
    body: Mapping[str, Any] = inbound.body
    names = (*_TELLING, *_ECHOED) if inbound.route is Route.RESPONSES else _TELLING
    told = tuple((name, repr(body[name])) for name in names if name in body)
    return exact, asker, inbound.stream, told


class ClientLeftBehind(ClientStalled):
    """The others are not to wait for him."""

    def __init__(self) -> None:
        ClientDisconnected.__init__(self, f"The client was {LAG} bytes behind the others who get the same answer.")


class Passenger(Rider):
    """A client on board, with his own time."""

    __slots__ = ("_limit", "_until", "leads", "watch")

    def __init__(self, watch: Watch, until: float, limit: Limit, *, leads: bool) -> None:
        """`until` in event loop time."""
        super().__init__()
        self.leads = leads
        self.watch = watch
        self._until = until
        self._limit = limit

    def arm(self, until: float) -> None:
        """The call ends at `until`: its own end is told to everybody, and a client's is his alone if it is sooner."""
        left = self._until - asyncio.get_running_loop().time()
        self.watch.total(left if self._until < until else left + _GRACE, self._limit)

    def reach(self, latest: float) -> float:
        """Until when he has use for the call, which nobody has after `latest`."""
        return min(self._until, latest) if self._limit is Limit.DEADLINE else latest


class Call(Flight[Passenger]):
    """`journal` is the call's: each client's own is told what concerns him."""

    def __init__(self, journal: Journal, until: float, limit: Limit, latest: float) -> None:
        """`until` its first client has use for it, and `latest` anybody, in event loop time."""
        super().__init__(LONGEST)
        self.journal = copy(journal)  # what lists hold is the first client's, too
        self.journal.stages = {}
        self._moved = asyncio.Event()  # for those who read
        self._read = asyncio.Event()  # for the call
        self._watch: Watch | None = None
        self._until, self._limit, self._latest = until, limit, latest
        self.settle: Callable[[], None] | None = None  # book what it costs
        self.task: asyncio.Task[None] | None = None

    # The call's side

    def run(self, relaying: Coroutine[Any, Any, None], landed: Callable[[], None]) -> None:
        """In a task of its own; whatever it raises is for those who wait for its answer."""

        def done(task: asyncio.Task[None]) -> None:
            landed()
            error = None if task.cancelled() else task.exception()
            if self.over and error is not None:  # too late for anybody to be told
                log.error("call_failed", request_id=self.journal.id, exc_info=error)
            self.fail(error if isinstance(error, Exception) else RequestError("The call was ended. Try again."))

        self.task = asyncio.get_running_loop().create_task(relaying)
        self.task.add_done_callback(done)

    @property
    def reply(self) -> Reply:
        """What the call answers to."""
        return Reply(self._send, list)

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """Around everything that waits on the upstream."""
        with Watch(None) as watch:
            self._watch = watch
            watch.total(self._until - asyncio.get_running_loop().time(), self._limit)
            if self.abandoned:
                watch.stop(_nobody())
            try:
                yield watch
            finally:
                self._watch = None

    def board(self, rider: Passenger) -> None:
        super().board(rider)
        until = rider.reach(self._latest)
        if until <= self._until:
            rider.arm(self._until)
            return
        self._until, self._limit = until, Limit.DEADLINE if until < self._latest else Limit.TOTAL
        if self._watch is not None:
            self._watch.total(until - asyncio.get_running_loop().time(), self._limit)
        for each in self.riders:
            each.arm(until)

    def leave(self, rider: Passenger) -> None:
        super().leave(rider)
        if self.abandoned and self._watch is not None:
            self._watch.stop(_nobody())
        _pulse(self._read)

    def fail(self, failure: Exception) -> None:
        super().fail(failure)
        _pulse(self._moved)

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begin(message["status"], message["headers"])
            return
        if message["body"]:
            for passenger in self.left_behind(LAG):
                passenger.watch.stop(ClientLeftBehind())
            self.add(message["body"])
        if not message["more_body"]:
            if self.settle is not None:
                self.settle()
            self.end()
        _pulse(self._moved)
        while not self.ended and self.ahead > AHEAD:
            await self._read.wait()

    # A client's side

    async def moved(self, passenger: Passenger) -> bool:
        """Whether there is more for him, now that something happened."""
        while not self.has_more(passenger) and not self.over:
            await self._moved.wait()
        return self.has_more(passenger)

    async def begun(self, journal: Journal) -> None:
        """Or failed before it could."""
        journal.asked()
        try:
            while not self.size and not self.over:
                await self._moved.wait()
        finally:
            journal.answered()
            journal.waiting = self.journal.waiting

    @property
    def refused(self) -> bool:
        """Nobody has anything of it, and another may fare better."""
        return (self.failure is not None and not self.size) or self.status in _AGAIN or self.status >= 500

    @property
    def is_everybodys(self) -> bool:
        """Its failure has nothing to do with whose call it was."""
        return self.failure is None or isinstance(self.failure, UpstreamError | PoolUnavailable)

    @property
    def broken(self) -> bool:
        """Its clients were told so in the middle."""
        return self.journal.error_source is not None

    def read(self, passenger: Passenger) -> bytes:
        taken = self.take(passenger)
        _pulse(self._read)
        return taken


def _pulse(event: asyncio.Event) -> None:
    """Wake those who wait, and only them."""
    event.set()
    event.clear()


def flights() -> Flights[Call]:
    return Flights(MOST)


def _nobody() -> ClientDisconnected:
    return ClientDisconnected("Nobody is left who wants the answer.")
