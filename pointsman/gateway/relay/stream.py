"""A stream of events from an upstream to a client: as they arrive, whole, and never after a broken one."""

from __future__ import annotations

import time

from pointsman.gateway.errors import ClientDisconnected, RequestError, UpstreamError
from pointsman.gateway.observe.outcome import Phase
from pointsman.gateway.relay.failure import Refusal, record_failure
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.outbound import Outbound
from pointsman.gateway.relay.upstream import Answer, ConnectionFailed, downstream_headers
from pointsman.gateway.relay.watch import Limit, LimitReached, Watch
from pointsman.gateway.schema.pools import Timeouts
from pointsman.gateway.wire.dialect import DIALECTS, Meter
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.reply import EVENT_STREAM, Reply
from pointsman.gateway.wire.sse import Framer, parse_event, split_events

_PATIENCE = 1.0
"""Seconds for the error event to a client whose time is up."""
_REPLACED = frozenset((b"content-type", b"cache-control", b"x-accel-buffering"))


class StreamRelay:
    def __init__(self, inbound: Inbound, outbound: Outbound, reply: Reply, watch: Watch, journal: Journal) -> None:
        self._reply = reply
        self._watch = watch
        self._journal = journal
        self._client = DIALECTS[inbound.route]
        self._outbound = outbound
        self._framer = Framer()
        self._translation = outbound.translation.stream() if outbound.translation else None
        # a translation reads the usage itself and tells only clients that asked
        self._meter: Meter = outbound.dialect.meter(_ASKED if self._translation else inbound.body)
        self._broken: UpstreamError | None = None  # a translation gave up; what it made before goes first

    async def deliver(self, answer: Answer, first: bytes, timeouts: Timeouts) -> RequestError | Refusal | None:
        """What broke the stream off, which the client was told; None if it came whole. Raises ClientDisconnected."""
        journal, watch, meter = self._journal, self._watch, self._meter
        journal.waiting = Phase.STREAM
        try:
            with watch.guard():
                watch.hold()
                await self._reply.start(200, self._headers(answer))
                await self._reply.write(first)
                journal.first_event = journal.last_event = time.perf_counter()
                journal.asked()
                watch.limit(Limit.IDLE, timeouts.idle)
                await self._rest(answer)
                ending = self._ending()
        except ClientDisconnected:
            raise
        except (RequestError, Refusal) as failure:
            answer.close()
            await self._break_off(failure)
            return failure
        finally:
            journal.answered()
            journal.usage, journal.events, journal.finish = meter.usage, meter.events, meter.finish
        await watch.finish(self._reply.end(ending))
        return None

    async def first(self, answer: Answer) -> bytes:
        """The first events for the client: until they are here, another endpoint can still be asked.

        Raises RequestError or Refusal."""
        if answer.media != "text/event-stream" or answer.encoded:
            raise UpstreamError("The upstream answered a stream request with something that is no event stream.")
        while True:
            chunk = await answer.read_some()
            if not chunk:
                raise ConnectionFailed("The upstream ended its stream before the first event.")
            block = self._framer.feed(chunk)
            # Comments keep a connection alive, and promise nothing that should keep us from asking another endpoint.
            if not block or all(parse_event(raw).is_comment for raw in split_events(block)):
                continue
            events = self._pass(block)
            if self._meter.error is not None:
                raise Refusal.of_event(self._meter.error, self._outbound.translation)
            if self._broken is not None:
                raise self._broken
            if events:
                return events

    async def _rest(self, answer: Answer) -> None:
        # The hot loop of every stream: a read, a look, a write.
        framer, meter, watch, write = self._framer, self._meter, self._watch, self._reply.write
        clock, journal = time.perf_counter, self._journal
        while not meter.done and self._broken is None and (chunk := await answer.read_some()):
            if (block := framer.feed(chunk)) and (events := self._pass(block)):
                journal.last_event = clock()
                watch.hold()
                await write(events)
            watch.touch()

    def _pass(self, block: bytes) -> bytes:
        if not block.isascii():
            _check_text(block)
        events = self._meter.feed(block)
        return self._translated(events) if self._translation is not None and events else events

    def _translated(self, events: bytes) -> bytes:
        assert self._translation is not None
        parts: list[bytes] = []
        try:
            for raw in split_events(events):
                parts += self._translation.feed(parse_event(raw))
        except UpstreamError as error:
            self._broken = error
        return b"".join(parts)

    def _ending(self) -> bytes:
        """What is still to be sent after the upstream's last event."""
        meter = self._meter
        if meter.error is not None:
            raise Refusal.of_event(meter.error)
        if self._broken is not None:
            raise self._broken
        if not meter.complete() or (self._framer.rest.strip() and not meter.done):  # what follows the end is nobody's
            raise UpstreamError("The upstream ended its stream before the answer was complete.")
        return b"".join(self._translation.finish()) if self._translation else b""

    async def _break_off(self, failure: RequestError | Refusal) -> None:
        """End with the client's own kind of error event, unless the upstream's was just that."""
        error = failure.as_error() if isinstance(failure, Refusal) else failure
        record_failure(self._journal, error)
        if isinstance(error, LimitReached) and error.overall:
            self._watch.total(_PATIENCE)
        if self._translation is not None:
            event = self._translation.fail(error)
        else:
            event = b"" if isinstance(failure, Refusal) else self._client.error_event(error)
        await self._watch.finish(self._reply.end(event))

    @staticmethod
    def _headers(answer: Answer) -> list[tuple[bytes, bytes]]:
        kept = [h for h in downstream_headers(answer.headers) if h[0] not in _REPLACED]
        return kept + EVENT_STREAM


def _check_text(block: bytes) -> None:
    """SDKs decode strictly, and would raise what no client expects."""
    try:
        block.decode()
    except UnicodeDecodeError:
        raise UpstreamError("The upstream sent an event that is not UTF-8.") from None


# What the upstream was asked by a translation.
_ASKED = {"stream_options": {"include_usage": True}}
