"""From an order of pools to one answer: attempts until the commit point, which is the first byte to the client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from random import Random

import orjson

from pointsman.gateway.errors import (
    BadRequest,
    ClientDisconnected,
    PayloadTooLarge,
    PoolFull,
    PoolUnavailable,
    RequestError,
    UpstreamAuth,
)
from pointsman.gateway.observe.outcome import Attempt, Chosen, Phase, Stage
from pointsman.gateway.observe.outcome import Result as Ending
from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.pools.lease import Lease, Result
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.relay.failure import Refusal, record_failure, result_of
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.outbound import Outbound, prepare
from pointsman.gateway.relay.stream import StreamRelay
from pointsman.gateway.relay.upstream import Answer, Upstream, downstream_headers
from pointsman.gateway.relay.watch import Limit, LimitReached, Watch
from pointsman.gateway.relay.whole import relay_bytes, relay_json
from pointsman.gateway.wire.dialect import DIALECTS
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.reply import JSON, Reply
from pointsman.signals.facts import Route

_ERROR_BODY = 256 * 1024
Failure = RequestError | Refusal


class Relay:
    """One request on its way."""

    def __init__(
        self, upstream: Upstream, inbound: Inbound, reply: Reply, watch: Watch, journal: Journal, random: Random
    ) -> None:
        self._random = random
        self._upstream = upstream
        self._inbound = inbound
        self._reply = reply
        self._watch = watch
        self._journal = journal
        self._client = DIALECTS[inbound.route]

    async def run(self, pools: Sequence[Pool], session: str | None) -> None:
        """Answer from the first pool that can. Raises RequestError if none did, or if an answer broke off halfway."""
        failure: Failure | None = None
        for pool in pools:
            try:
                new = await self._try_pool(pool, session, queue=pool is pools[-1])
            except (PoolFull, PoolUnavailable, BadRequest) as error:
                new = failure or error  # what an upstream said tells more than a pool that was not tried
            if new is None:
                return
            failure = new
            if self._is_spent or (isinstance(new, Refusal) and new.final):
                break
        assert failure is not None
        await self._give_up(failure)

    async def _try_pool(self, pool: Pool, session: str | None, *, queue: bool) -> Failure | None:
        """None once the client has its answer."""
        journal = self._journal
        since = time.perf_counter()
        outbound = prepare(self._inbound, pool, journal.id)
        journal.stage(Stage.PREPARE, since)
        tried: list[Endpoint] = []
        failure = await self._attempt(await self._lease(pool, session, tried, queue), outbound, tried)
        while failure and self._may_retry(failure) and len(tried) < pool.config.retry.attempts:
            with pool.retrying() as allowed:
                if not allowed:
                    break
                await asyncio.sleep(self._random.random() * pool.config.retry.backoff * 2 ** len(tried))
                try:
                    lease = await self._lease(pool, session, tried, queue)
                except (PoolFull, PoolUnavailable):
                    break  # what the upstream said tells more
                failure = await self._attempt(lease, outbound, tried)
        return failure

    @property
    def _is_spent(self) -> bool:
        """A body that goes upstream as it comes can be sent once."""
        return self._inbound.upload is not None and self._inbound.upload.begun

    def _may_retry(self, failure: Failure) -> bool:
        return not self._is_spent and _is_worth_a_retry(failure)

    async def _lease(self, pool: Pool, session: str | None, tried: Sequence[Endpoint], queue: bool) -> Lease:
        journal = self._journal
        journal.waiting = Phase.QUEUE
        since = time.perf_counter()
        lease = pool.try_lease(session=session, exclude=tried)
        if lease is None and not queue:
            raise PoolFull(f"Pool {pool.name!r} is full.")
        lease = lease or await pool.lease(session=session, exclude=tried)
        journal.stage(Stage.QUEUE, since)
        journal.waiting = Phase.HEADERS
        by = journal.chosen
        assert by is not None
        journal.chosen = Chosen(pool.name, pool.config.model, lease.endpoint.name, by.by, by.propensity)
        return lease

    async def _attempt(self, lease: Lease, outbound: Outbound, tried: list[Endpoint]) -> Failure | None:
        """One try at one endpoint; the failure if the client has not been sent anything."""
        tried.append(lease.endpoint)
        began = time.perf_counter()
        ending = Ending.CANCELLED
        try:
            with self._watch.guard():
                told = await self._exchange(lease, outbound)
            ending = result_of(told) if told else Ending.OK
        except (RequestError, Refusal) as error:
            ending = result_of(error)
            if self._reply.started or _is_final(error):
                raise
            self._watch.unlimit()
            return error
        finally:
            lease.release(_RESULTS.get(ending, Result.FAILED))
            self._journal.attempts.append(
                Attempt(lease.pool.name, lease.endpoint.name, ending, time.perf_counter() - began)
            )
        return None

    async def _exchange(self, lease: Lease, outbound: Outbound) -> Failure | None:
        """Send, receive, and pass on. A failure that is returned, not raised, is one that the client was told."""
        timeouts = lease.pool.config.timeouts
        if self._inbound.stream:
            self._watch.limit(Limit.FIRST_TOKEN, timeouts.first_token)
        self._journal.asked()
        try:
            answer = await self._upstream.open(
                outbound.method, lease.endpoint.url, outbound.path, outbound.headers, outbound.body, timeouts.connect
            )
            if self._inbound.upload is not None:
                self._inbound.upload.settle()
            try:
                told = await self._pass_on(answer, outbound, lease)
                if told is None:
                    lease.release(Result.OK)  # the client has everything; the rest is tidying up
                    await answer.drain()
                return told
            finally:
                answer.close()
        finally:
            self._journal.answered()

    async def _pass_on(self, answer: Answer, outbound: Outbound, lease: Lease) -> Failure | None:
        if answer.status >= 300:
            raise await _refusal(answer, outbound)
        lease.first_byte()
        timeouts = lease.pool.config.timeouts
        if self._inbound.route is Route.OTHER:
            idle = timeouts.idle if self._inbound.stream else None
            await relay_bytes(answer, self._reply, self._watch, self._journal, idle)
        elif self._inbound.stream:
            stream = StreamRelay(self._inbound, outbound, self._client, self._reply, self._watch, self._journal)
            return await stream.run(answer, timeouts)
        else:
            await relay_json(answer, outbound, self._reply, self._watch, self._journal)
        return None

    async def _give_up(self, failure: Failure) -> None:
        """Nobody could answer: the last failure, in the client's wire."""
        if isinstance(failure, RequestError):
            raise failure
        if failure.is_auth:
            pool = self._journal.chosen.pool if self._journal.chosen else ""
            raise UpstreamAuth(
                f"The upstream of pool {pool!r} does not accept the gateway's credentials. "
                "Whoever runs the gateway must check that pool's `api_key`."
            )
        if failure.status >= 500 and failure.error_object() is None:
            raise failure.as_error()
        record_failure(self._journal, failure.as_error())
        headers = failure.client_headers()
        if failure.status >= 500:  # everything was tried: an SDK's own retries would only multiply ours
            headers = [h for h in headers if h[0] != b"x-should-retry"] + [(b"x-should-retry", b"false")]
        await self._watch.finish(self._reply.whole(failure.status, headers, failure.client_body()))


async def _refusal(answer: Answer, outbound: Outbound) -> Refusal:
    body, complete = await answer.read_up_to(_ERROR_BODY)
    if answer.status < 400:
        return Refusal(502, JSON, b"")  # a redirect is none of a client's business
    if not complete:
        error = {"message": "The upstream's error is too long to pass on.", "type": "upstream_error"}
        return Refusal(answer.status, JSON, orjson.dumps({"error": error}), outbound.translation)
    return Refusal(answer.status, downstream_headers(answer.headers), body, outbound.translation)


def _is_worth_a_retry(failure: Failure) -> bool:
    return not isinstance(failure, Refusal) or not (failure.final or failure.is_auth)


def _is_final(error: RequestError | Refusal) -> bool:
    """No other attempt may follow: the client is gone, sends too much, or its time is up."""
    if isinstance(error, LimitReached):
        return error.overall
    return isinstance(error, ClientDisconnected | PayloadTooLarge)


# What a pool's health learns from an ending; the rest counts as a failure of the endpoint.
_RESULTS = {
    Ending.OK: Result.OK,
    Ending.REJECTED: Result.OK,
    Ending.AUTH: Result.OK,
    Ending.LIMITED: Result.OK,
    Ending.CANCELLED: Result.CANCELLED,
}
