"""An answer in one piece, and bytes that are none of our business."""

from __future__ import annotations

import orjson

from pointsman.gateway.errors import UpstreamError
from pointsman.gateway.observe.outcome import Phase
from pointsman.gateway.relay.failure import Aborted
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.outbound import Outbound
from pointsman.gateway.relay.upstream import Answer, ConnectionFailed, downstream_headers
from pointsman.gateway.relay.watch import Watch
from pointsman.gateway.wire.reply import Headers, Reply

HELD = 8 * 1024**2
"""Bytes of a JSON answer that are held before the commit point, so that a broken one can be tried again."""


async def relay_json(answer: Answer, outbound: Outbound, reply: Reply, watch: Watch, journal: Journal) -> None:
    """Raises UpstreamError while nothing was sent to the client."""
    journal.waiting = Phase.BODY
    if answer.media == "text/event-stream":
        raise UpstreamError("The upstream answered a plain request with an event stream.")
    body, complete = await answer.read_up_to(HELD)
    if not complete and outbound.translation is not None:
        raise UpstreamError(f"The upstream's answer is larger than the {HELD} bytes that can be translated.")
    if not complete:
        await _relay_rest(answer, body, reply, watch, journal)
        return
    if not answer.encoded:
        body = _checked(body, outbound, journal)
    watch.settle()
    journal.answered()
    await reply.whole(answer.status, downstream_headers(answer.headers), body)


def _checked(body: bytes, outbound: Outbound, journal: Journal) -> bytes:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UpstreamError("The upstream answered with something that is not JSON.") from None
    if isinstance(parsed, dict):
        journal.usage = outbound.dialect.usage(parsed)
        if outbound.translation is not None:
            return orjson.dumps(outbound.translation.response(parsed))
    return body


async def relay_bytes(answer: Answer, reply: Reply, watch: Watch, journal: Journal) -> None:
    """Of any kind, as they come; the status and headers are committed at once."""
    journal.waiting = Phase.BODY
    await _relay_rest(answer, b"", reply, watch, journal)


async def _relay_rest(answer: Answer, start: bytes, reply: Reply, watch: Watch, journal: Journal) -> None:
    headers = downstream_headers(answer.headers)
    journal.answered()
    await reply.start(answer.status, headers + _length(answer))
    journal.asked()
    journal.waiting = Phase.STREAM
    if start:
        await reply.write(start)
    try:
        while chunk := await answer.read_some():
            await reply.write(chunk)
    except ConnectionFailed as error:
        raise Aborted from error
    watch.settle()
    await reply.end()


def _length(answer: Answer) -> Headers:
    length = answer.header(b"content-length")
    return [(b"content-length", length.encode())] if length else []
