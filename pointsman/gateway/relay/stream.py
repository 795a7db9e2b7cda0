"""A stream of events from an upstream to a client: as they arrive, whole, and never after a broken one."""

from __future__ import annotations

import asyncio
import time

from pointsman.gateway.errors import ClientDisconnected, RequestError, UpstreamError
from pointsman.gateway.observe.outcome import Phase
from pointsman.gateway.relay.failure import Aborted, Refusal, record_failure
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.outbound import Outbound
from pointsman.gateway.relay.upstream import Answer, ConnectionFailed, downstream_headers
from pointsman.gateway.relay.watch import Limit, Watch
from pointsman.gateway.schema import Timeouts
from pointsman.gateway.wire.dialect import Dialect, Meter
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.reply import EVENT_STREAM, Reply
from pointsman.gateway.wire.sse import Framer, parse_event, split_events

_PATIENCE = 1.0
_REPLACED = frozenset((b"content-type", b"cache-control", b"x-accel-buffering"))


class StreamRelay:
    def __init__(
        self, inbound: Inbound, outbound: Outbound, client: Dialect, reply: Reply, watch: Watch, journal: Journal
    ) -> None:
        self._reply = reply
        self._watch = watch
        self._journal = journal
        self._client = client
        self._framer = Framer()
        self._translation = outbound.translation.stream() if outbound.translation else None
        # a translation reads the usage itself and tells only clients that asked
        self._meter: Meter = outbound.dialect.meter(_ASKED if self._translation else inbound.body)

    async def run(self, answer: Answer, timeouts: Timeouts) -> bool:
        """Whether the answer came whole. Raises RequestError or Refusal while nothing was sent to the client."""
        first = await self._first(answer)
        journal, watch = self._journal, self._watch
        journal.answered()
        journal.waiting = Phase.STREAM
        watch.hold()
        await self._reply.start(200, self._headers(answer))
        await self._reply.write(first)
        journal.first_event = journal.last_event = time.perf_counter()
        journal.asked()
        watch.limit(Limit.IDLE, timeouts.idle)
        try:
            with watch.guard():
                await self._rest(answer)
            ending = self._ending()
        except ClientDisconnected:
            raise
        except RequestError as error:
            record_failure(journal, error)
            await self._break_off(error)
            return False
        finally:
            journal.usage, journal.events, journal.finish = self._meter.usage, self._meter.events, self._meter.finish
        watch.settle()
        await self._reply.end(ending)
        return journal.error_code is None

    async def _break_off(self, error: RequestError) -> None:
        """End with the wire's error event; a client that does not even take that is cut off."""
        event = self._translation.fail(error) if self._translation else self._client.error_event(error)
        self._watch.settle()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._reply.end(event)
        except TimeoutError:
            raise Aborted from error

    async def _first(self, answer: Answer) -> bytes:
        """The first events for the client: until they are here, another endpoint can still be asked."""
        if answer.media != "text/event-stream" or answer.encoded:
            raise UpstreamError("The upstream answered a stream request with something that is no event stream.")
        while True:
            chunk = await answer.read_some()
            if not chunk:
                raise ConnectionFailed("The upstream ended its stream before the first event.")
            block = self._framer.feed(chunk)
            if not block:
                continue
            events = self._pass(block)
            if self._meter.error is not None:
                raise Refusal.of_event(self._meter.error)
            if events:
                return events

    async def _rest(self, answer: Answer) -> None:
        # The hot loop of every stream: a read, a look, a write.
        framer, meter, watch, write = self._framer, self._meter, self._watch, self._reply.write
        clock, journal = time.perf_counter, self._journal
        while not meter.done and (chunk := await answer.read_some()):
            if (block := framer.feed(chunk)) and (events := self._pass(block)):
                journal.last_event = clock()
                watch.hold()  # a slow client is not the upstream's fault
                await write(events)
            watch.touch()

    def _pass(self, block: bytes) -> bytes:
        events = self._meter.feed(block)
        if self._translation is None or not events:
            return events
        if self._meter.error is not None:
            return b""
        feed = self._translation.feed
        return b"".join([part for raw in split_events(events) for part in feed(parse_event(raw))])

    def _ending(self) -> bytes:
        """What is still to be sent after the upstream's last event."""
        meter = self._meter
        if meter.error is not None:
            error = Refusal.of_event(meter.error).as_error()
            record_failure(self._journal, error)
            return self._translation.fail(error) if self._translation else b""
        if not meter.complete() or self._framer.rest.strip():
            raise UpstreamError("The upstream ended its stream before the answer was complete.")
        return b"".join(self._translation.finish()) if self._translation else b""

    @staticmethod
    def _headers(answer: Answer) -> list[tuple[bytes, bytes]]:
        kept = [h for h in downstream_headers(answer.headers) if h[0] not in _REPLACED]
        return kept + EVENT_STREAM


# What the upstream was asked by a translation.
_ASKED = {"stream_options": {"include_usage": True}}
