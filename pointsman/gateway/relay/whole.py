"""An answer in one piece, and bytes that are none of our business."""

from __future__ import annotations

import orjson

from pointsman.gateway.errors import UpstreamError
from pointsman.gateway.observe.outcome import Phase
from pointsman.gateway.relay.failure import Refusal
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.outbound import Outbound
from pointsman.gateway.relay.upstream import Answer, downstream_headers
from pointsman.gateway.relay.watch import Limit, Watch
from pointsman.gateway.wire.reply import Headers, Reply

HELD = 8 * 1024**2
"""Bytes of a JSON answer that are held before the commit point, so that a broken one can be tried again."""

_ANSWERS = frozenset(("choices", "content", "output", "data"))
"""What an answer has, whichever wire it is of."""


class Whole:
    """A JSON answer: it is read to its end before the client sees any of it, unless it is very long."""

    __slots__ = ("_body", "_complete", "_outbound")

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._body = b""
        self._complete = False

    async def read(self, answer: Answer, journal: Journal) -> None:
        """Raises UpstreamError or Refusal."""
        journal.waiting = Phase.BODY
        translated = self._outbound.translation is not None
        if answer.media == "text/event-stream":
            raise UpstreamError("The upstream answered a plain request with an event stream.")
        if answer.encoded and translated:
            raise UpstreamError("The upstream compressed its answer although it was asked not to.")
        self._body, self._complete = await answer.read_up_to(HELD)
        if not self._complete:
            if translated:
                raise UpstreamError(f"The upstream's answer is larger than the {HELD} bytes that can be translated.")
        elif not answer.encoded:
            self._body = checked(self._body, self._outbound, journal)

    async def deliver(self, answer: Answer, reply: Reply, watch: Watch, journal: Journal) -> None:
        """Raises UpstreamError if a long answer breaks off."""
        if self._complete:
            await watch.finish(reply.whole(answer.status, downstream_headers(answer.headers), self._body))
        else:
            await _relay_rest(answer, self._body, reply, watch, journal)


def checked(body: bytes, outbound: Outbound, journal: Journal) -> bytes:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UpstreamError("The upstream answered with something that is not JSON.") from None
    if not isinstance(parsed, dict):
        raise UpstreamError("The upstream answered with something that is no JSON object.")
    if isinstance(parsed.get("error"), dict) and _ANSWERS.isdisjoint(parsed):
        raise Refusal.of_event(parsed, outbound.translation)  # some servers send their errors with status 200
    if outbound.translation is not None:
        body = orjson.dumps(outbound.translation.response(parsed))
    journal.usage, journal.finish = outbound.dialect.usage(parsed), outbound.dialect.finish(parsed)
    return body


async def relay_bytes(answer: Answer, reply: Reply, watch: Watch, journal: Journal, idle: float | None) -> None:
    """Of any kind, as they come; the status and headers are committed at once. `idle` limits the gaps of a stream."""
    journal.waiting = Phase.BODY if idle is None else Phase.STREAM
    if idle is not None:
        watch.limit(Limit.IDLE, idle)
    await _relay_rest(answer, b"", reply, watch, journal)


async def _relay_rest(answer: Answer, start: bytes, reply: Reply, watch: Watch, journal: Journal) -> None:
    watch.hold()
    await reply.start(answer.status, downstream_headers(answer.headers) + _length(answer))
    journal.asked()
    try:
        chunk = start or await _next(answer, watch)
        while chunk:
            watch.hold()
            await reply.write(chunk)
            chunk = await _next(answer, watch)
    finally:
        journal.answered()
    await watch.finish(reply.end())


async def _next(answer: Answer, watch: Watch) -> bytes:
    watch.touch()
    return await answer.read_some()


def _length(answer: Answer) -> Headers:
    length = answer.header(b"content-length")
    return [(b"content-length", length.encode("latin-1"))] if length else []
