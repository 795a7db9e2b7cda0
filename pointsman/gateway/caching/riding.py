"""How one client has the answer of a call that several share."""

from __future__ import annotations

import asyncio
import time

from pointsman.gateway.caching.flying import Call, Passenger
from pointsman.gateway.errors import ClientDisconnected, RequestError
from pointsman.gateway.observe.outcome import Cached, Chosen, Flown, Phase, Stage
from pointsman.gateway.relay.failure import record_failure
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.wire.dialect import DIALECTS
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.reply import Reply

_LAST = 1.0
"""Seconds for the error event to a client whose time is up."""


async def ride(call: Call, passenger: Passenger, reply: Reply, journal: Journal, inbound: Inbound) -> None:
    """Give the client all of the answer, once `call.begun`. Raises what the call failed with, if that comes first or in
    the middle of what is no stream, and RequestError for the client's own reasons."""
    watch = passenger.watch
    try:
        with watch.guard():
            rest = await _along(call, passenger, reply, journal)
    except ClientDisconnected:
        raise
    except RequestError as error:  # his time is up
        if not reply.started or not inbound.stream:
            raise
        record_failure(journal, error)
        watch.total(_LAST)
        rest = DIALECTS[inbound.route].error_event(error)
    await watch.finish(reply.end(rest))
    if call.broken and journal.error_source is None:
        journal.error_source, journal.error_code = call.journal.error_source, call.journal.error_code
    if not passenger.leads and journal.cached is not None:
        journal.cached = journal.cached._replace(saved_cost=call.journal.cost or 0.0)


def follows(call: Call, journal: Journal, cached: Cached, by: str) -> None:
    """Note it as what it is, an answer that somebody else's call gave."""
    journal.cached = cached._replace(flight=Flown.FOLLOWED)
    if 0 < call.status < 400:
        journal.cache = "exact"
        journal.cached = journal.cached._replace(refused=None, similarity=1.0, guard=None, age=0.0)
    journal.notes += call.journal.notes
    chosen = call.journal.chosen
    if chosen is not None:
        journal.chosen = Chosen(chosen.pool, chosen.model, None, by)


async def landed(call: Call, journal: Journal) -> None:
    """Its end, in the journal of the request whose call it is."""
    if call.task is not None and not call.task.done():
        journal.asked()
        await asyncio.wait([call.task])
        journal.answered()
    told = call.journal
    journal.chosen, journal.usage, journal.cost = told.chosen, told.usage, told.cost
    journal.finish, journal.events, journal.panel = told.finish, told.events, told.panel
    journal.stages |= told.stages
    journal.upstream = max(0.0, journal.upstream - told.stages.get(Stage.QUEUE, 0.0))


async def _along(call: Call, passenger: Passenger, reply: Reply, journal: Journal) -> bytes:
    """What is left to be sent with the end."""
    watch = passenger.watch
    if call.failure is not None and not call.size:
        raise call.failure
    if passenger.leads:
        journal.chosen = call.journal.chosen
    if call.status >= 400:
        journal.error_source, journal.error_code = call.journal.error_source, call.journal.error_code
    journal.waiting = Phase.STREAM if journal.stream else Phase.BODY
    watch.hold()
    await reply.start(call.status, call.headers)
    journal.asked()
    try:
        while await call.moved(passenger):
            data = call.read(passenger)
            journal.last_event = time.perf_counter()
            journal.first_event = journal.first_event or journal.last_event
            if call.ended and not call.has_more(passenger):
                return data
            watch.hold()
            await reply.write(data)
            watch.unlimit()
    finally:
        journal.answered()
    if call.failure is not None:
        raise call.failure
    return b""
