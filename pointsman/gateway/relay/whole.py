"""An answer in one piece, and bytes that are none of our business."""

from __future__ import annotations

import orjson

from pointsman.gateway.errors import UpstreamError
from pointsman.gateway.observe.outcome import Phase
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.outbound import Outbound
from pointsman.gateway.relay.upstream import Answer, downstream_headers
from pointsman.gateway.relay.watch import Limit, Watch
from pointsman.gateway.wire.reply import Headers, Reply

HELD = 8 * 1024**2
"""Bytes of a JSON answer that are held before the commit point, so that a broken one can be tried again."""


async def relay_json(answer: Answer, outbound: Outbound, reply: Reply, watch: Watch, journal: Journal) -> None:
    """Raises UpstreamError while nothing was sent to the client, and if a long answer breaks off."""
    journal.waiting = Phase.BODY
    if answer.media == "text/event-stream":
        raise UpstreamError("The upstream answered a plain request with an event stream.")
    if answer.encoded and outbound.translation is not None:
        raise UpstreamError("The upstream compressed its answer although it was asked not to.")
    body, complete = await answer.read_up_to(HELD)
    if not complete:
        if outbound.translation is not None:
            raise UpstreamError(f"The upstream's answer is larger than the {HELD} bytes that can be translated.")
        await _relay_rest(answer, body, reply, watch, journal)
        return
    if not answer.encoded:
        body = _checked(body, outbound, journal)
    journal.answered()
    await watch.finish(reply.whole(answer.status, downstream_headers(answer.headers), body))


def _checked(body: bytes, outbound: Outbound, journal: Journal) -> bytes:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UpstreamError("The upstream answered with something that is not JSON.") from None
    if isinstance(parsed, dict):
        if outbound.translation is not None:
            body = orjson.dumps(outbound.translation.response(parsed))
        journal.usage = outbound.dialect.usage(parsed)
    return body


async def relay_bytes(answer: Answer, reply: Reply, watch: Watch, journal: Journal, idle: float | None) -> None:
    """Of any kind, as they come; the status and headers are committed at once. `idle` limits the gaps of a stream."""
    journal.waiting = Phase.BODY if idle is None else Phase.STREAM
    if idle is not None:
        watch.limit(Limit.IDLE, idle)
    await _relay_rest(answer, b"", reply, watch, journal)


async def _relay_rest(answer: Answer, start: bytes, reply: Reply, watch: Watch, journal: Journal) -> None:
    journal.answered()
    watch.hold()
    await reply.start(answer.status, downstream_headers(answer.headers) + _length(answer))
    journal.asked()
    chunk = start or await _next(answer, watch)
    while chunk:
        watch.hold()
        await reply.write(chunk)
        chunk = await _next(answer, watch)
    await watch.finish(reply.end())


async def _next(answer: Answer, watch: Watch) -> bytes:
    watch.touch()
    return await answer.read_some()


def _length(answer: Answer) -> Headers:
    length = answer.header(b"content-length")
    return [(b"content-length", length.encode("latin-1"))] if length else []
