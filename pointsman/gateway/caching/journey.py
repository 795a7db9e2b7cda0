"""One client's way to an answer that others may share: along with those who ask the same, or ahead of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeAlias

from pointsman.gateway.caching.flying import PATIENCE, Call, Passenger
from pointsman.gateway.caching.riding import follows, landed, ride
from pointsman.gateway.caching.visit import Visit
from pointsman.gateway.observe.outcome import Flown
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.watch import Limit, Watch
from pointsman.gateway.routing import UNASKED, Routed
from pointsman.gateway.terms import longest, seconds_left
from pointsman.gateway.wire.inbound import Inbound, Receive
from pointsman.gateway.wire.reply import EVENT_STREAM, JSON, Reply

Ask: TypeAlias = Callable[[Call], Coroutine[Any, Any, None]]
"""Ask a model, for all who share the call."""


class Journey:
    """`answer`, and `land` when the client's own part is over, however it ended."""

    def __init__(
        self, visit: Visit, routed: Routed, inbound: Inbound, receive: Receive, reply: Reply, journal: Journal
    ) -> None:
        self.routed = routed  # to no model, once somebody else's call has the answer
        self._visit = visit
        self._inbound = inbound
        self._receive = receive
        self._reply = reply
        self._journal = journal
        self._led: Call | None = None  # that others may have come along with
        self._failed = 0  # calls that were waited for

    async def answer(self, key: Hashable, ask: Ask) -> bool:
        """Whether the client has it. If not he is to ask alone: too many calls are under way, or too many failed."""
        visit = self._visit
        while self._failed < PATIENCE:
            call = visit.flights.join(key)
            if call is None and visit.is_late:
                if await self._kept():
                    return True
                continue
            left, limit = seconds_left(self.routed, self._inbound.headers, self._journal.began)
            until = asyncio.get_running_loop().time() + left
            if call is None:
                call = self._lead(key, ask, until, limit)
            if call is None:
                return False
            if await self._share(call, until, limit):
                return True
        return False

    async def land(self) -> None:
        """What a call costs is booked with the request whose it was, even if that client did not wait for its end."""
        if self._led is not None:
            journal = self._journal
            flown = journal.cached and journal.cached.flight
            await landed(self._led, journal)
            journal.cached = self._visit.cached._replace(flight=flown)

    async def _kept(self) -> bool:
        """Whether an answer was kept meanwhile, which the client then has."""
        body = await self._visit.again()
        if body is None:
            return False
        self._visit.note(self._journal)
        self._visit.served((self._journal.tenant, self._journal.id))
        await self._reply.whole(200, EVENT_STREAM if self._inbound.stream else JSON, body)
        return True

    def _lead(self, key: Hashable, ask: Ask, until: float, limit: Limit) -> Call | None:
        """None if there are too many calls."""
        journal, flights = self._journal, self._visit.flights
        latest = asyncio.get_running_loop().time() + longest(self.routed)
        call = flights.lead(key, lambda: Call(journal, until, limit, latest))
        if call is None:
            return None
        self._led = call
        flown = Flown.TOOK_OVER if self._failed else Flown.LED
        journal.cached = self._visit.cached._replace(flight=flown)
        call.run(ask(call), lambda: flights.landed(key, call))
        return call

    async def _share(self, call: Call, until: float, limit: Limit) -> bool:
        """Whether the client was content with what came of the call."""
        leads = call is self._led
        with Watch(self._receive) as watch:
            passenger = Passenger(watch, until, limit, leads=leads)
            call.board(passenger)
            try:
                await call.begun(self._journal)
                self._failed += call.refused
                if not leads and call.refused and (self._failed < PATIENCE or not call.is_everybodys):
                    return False
                if not leads:
                    follows(call, self._journal, self._visit.cached, UNASKED.by)
                    self.routed = self.routed._replace(choice=UNASKED, context=None)
                await ride(call, passenger, self._reply, self._journal, self._inbound)
                return True
            finally:
                call.leave(passenger)
