"""One try at one endpoint: `ask` until its answer begins, then `deliver` it to the client."""

from __future__ import annotations

import time
from typing import NamedTuple

import orjson

from pointsman.gateway.errors import RequestError
from pointsman.gateway.observe.outcome import Attempt, Cause
from pointsman.gateway.observe.outcome import Result as Ending
from pointsman.gateway.pools.lease import Lease, Result
from pointsman.gateway.relay.failure import Refusal, result_of
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.outbound import Outbound
from pointsman.gateway.relay.stream import StreamRelay
from pointsman.gateway.relay.upstream import Answer, Upstream, downstream_headers
from pointsman.gateway.relay.watch import Watch
from pointsman.gateway.relay.whole import Whole, relay_bytes
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.reply import JSON, Reply
from pointsman.signals.facts import Route

_ERROR_BODY = 256 * 1024
Failure = RequestError | Refusal


class Line(NamedTuple):
    """What all tries of one request have in common."""

    upstream: Upstream
    inbound: Inbound
    reply: Reply
    watch: Watch
    journal: Journal


class Try:
    """Until `deliver` the client was sent nothing: it can be given up, and another may run at the same time."""

    __slots__ = ("_answer", "_began", "_first", "_line", "_open", "_outbound", "_stream", "_whole", "cause", "lease")

    def __init__(self, line: Line, lease: Lease, outbound: Outbound, cause: Cause) -> None:
        self._line = line
        self.lease = lease
        self._outbound = outbound
        self.cause = cause
        self._began = time.perf_counter()
        self._open = True
        self._answer: Answer | None = None
        self._stream: StreamRelay | None = None
        self._whole: Whole | None = None
        self._first = b""

    async def ask(self) -> None:
        """Raises RequestError or Refusal."""
        lease, outbound, inbound = self.lease, self._outbound, self._line.inbound
        timeouts = lease.pool.config.timeouts
        answer = self._answer = await self._line.upstream.open(
            outbound.method, lease.endpoint.url, outbound.path, outbound.headers, outbound.body, timeouts.connect,
            lease.endpoint.authority,
        )  # fmt: skip
        if inbound.upload is not None:
            inbound.upload.settle()
        if answer.status >= 300:
            raise await refusal(answer, outbound)
        if inbound.stream and inbound.route is not Route.OTHER:
            self._stream = StreamRelay(inbound, outbound, self._line.reply, self._line.watch, self._line.journal)
            self._first = await self._stream.first(answer)
            lease.first_token()
        else:
            lease.first_byte()
            if inbound.route is not Route.OTHER:
                self._whole = Whole(outbound)
                await self._whole.read(answer, self._line.journal)

    async def deliver(self) -> Failure | None:
        """None once the client has everything; a failure that is returned, not raised, is one that it was told."""
        line, answer = self._line, self._answer
        assert answer is not None
        told: Failure | None = None
        if self._stream is not None:
            told = await self._stream.deliver(answer, self._first, self.lease.pool.config.timeouts)
        elif self._whole is not None:
            await self._whole.deliver(answer, line.reply, line.watch, line.journal)
        else:
            idle = self.lease.pool.config.timeouts.idle if line.inbound.stream else None
            await relay_bytes(answer, line.reply, line.watch, line.journal, idle)
        if told is None:
            if (tokens := _tokens(line.journal, self._stream is not None)) is not None:
                self.lease.spoke(tokens)
            self.lease.release(Result.OK)  # the rest is tidying up
            await answer.drain()
        return told

    def failed(self, failure: Failure) -> None:
        if isinstance(failure, Refusal) and failure.is_busy:
            self.lease.release(Result.BUSY, failure.retry_after(time.time()))
        self.end(result_of(failure))

    def end(self, ending: Ending) -> None:
        """Whatever happened; only the first time counts."""
        if not self._open:
            return
        self._open = False
        if self._answer is not None:
            self._answer.close()
        lease = self.lease
        lease.release(RESULTS.get(ending, Result.FAILED))
        self._line.journal.attempts.append(
            Attempt(lease.pool.name, lease.endpoint.name, ending, time.perf_counter() - self._began, self.cause)
        )


async def refusal(answer: Answer, outbound: Outbound) -> Refusal:
    body, complete = await answer.read_up_to(_ERROR_BODY)
    if answer.status < 400:
        return Refusal(502, JSON, b"")  # a redirect is none of a client's business
    if not complete:
        error = {"message": "The upstream's error is too long to pass on.", "type": "upstream_error"}
        return Refusal(answer.status, JSON, orjson.dumps({"error": error}), outbound.translation)
    return Refusal(answer.status, downstream_headers(answer.headers), body, outbound.translation)


def _tokens(journal: Journal, stream: bool) -> int | None:
    """Of the answer; an event of a stream holds about one."""
    if journal.usage is not None:
        return journal.usage.completion
    return journal.events if stream else None


# What a pool's health learns from an ending; the rest counts as a failure of the endpoint.
RESULTS = {
    Ending.OK: Result.OK,
    Ending.REJECTED: Result.OK,
    Ending.AUTH: Result.OK,
    Ending.LIMITED: Result.OK,
    Ending.CANCELLED: Result.CANCELLED,
}
