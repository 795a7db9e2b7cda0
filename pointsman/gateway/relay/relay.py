"""From an order of pools to one answer: tries until the commit point, which is the first byte to the client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from random import Random

from pointsman.gateway.errors import (
    BadRequest,
    ClientDisconnected,
    DeadlineUnreachable,
    PayloadTooLarge,
    PoolFull,
    PoolUnavailable,
    RequestError,
    UpstreamAuth,
)
from pointsman.gateway.observe.outcome import Cause, Chosen, Phase, Stage
from pointsman.gateway.observe.outcome import Result as Ending
from pointsman.gateway.pools.claim import Claim
from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.pools.lease import Lease
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.relay.course import Ask, Course, Fault, Leg, Step
from pointsman.gateway.relay.failure import Refusal, fault_of, record_failure, result_of
from pointsman.gateway.relay.hedge import HedgeRule, race
from pointsman.gateway.relay.outbound import Outbound, prepare
from pointsman.gateway.relay.tries import Failure, Line, Try
from pointsman.gateway.relay.watch import Limit, LimitReached
from pointsman.signals.facts import Route


class Relay:
    """One request on its way."""

    def __init__(
        self,
        line: Line,
        pools: Sequence[Pool],
        claim: Claim,
        random: Random,
        hedge: HedgeRule | None = None,
        *,
        queue: bool = True,
    ) -> None:
        """`queue`: for a place in the last of the pools, if need be."""
        self._line = line
        self._pools = pools
        self._claim = claim
        self._random = random
        self._queue = queue
        self._hedge = hedge if line.inbound.stream and line.inbound.route is not Route.OTHER else None
        self._course = Course(len(pools), partial(_rules, pools))  # no method of ours, for that would be a cycle
        self._prefer: str | None = None  # an endpoint of the first pool
        self._leg = -1
        self._outbound: Outbound | None = None  # of this leg
        self._asked: list[Endpoint] = []  # in this leg
        self._failure: Failure | None = None  # the one that tells most

    async def run(self, session: str | None, prefer: str | None = None) -> None:
        """Answer from the first pool that can. Raises RequestError if none did, or if an answer broke off halfway.

        `prefer` names an endpoint of the first pool."""
        self._prefer = prefer
        step: Ask | Step | None = self._course.start()
        while isinstance(step, Ask):
            step = await self._follow(step, session)
        assert step is not Step.WAIT
        if step is Step.GIVE_UP:
            assert self._failure is not None
            await self._give_up(self._failure)

    async def _follow(self, ask: Ask, session: str | None) -> Ask | Step | None:
        """What follows; None once the client has its answer."""
        pool = self._pools[ask.leg]
        if ask.leg != self._leg:
            try:
                self._outbound = self._prepare(pool)
            except BadRequest as error:
                return self._refused(error)
            self._leg, self._asked = ask.leg, []
        if ask.cause is not Cause.RETRY:
            return await self._try(ask, pool, session)
        with pool.retrying() as allowed:
            if not allowed:
                return self._course.full()
            await asyncio.sleep(ask.pause)
            return await self._try(ask, pool, session)

    def _prepare(self, pool: Pool) -> Outbound:
        journal, since = self._line.journal, time.perf_counter()
        outbound = prepare(self._line.inbound, pool, journal.id)
        journal.stage(Stage.PREPARE, since)
        return outbound

    async def _try(self, ask: Ask, pool: Pool, session: str | None) -> Ask | Step | None:
        exclude = () if ask.again else self._asked
        try:
            lease = await self._lease(pool, session, exclude, queue=self._queue and pool is self._pools[-1])
        except PoolUnavailable as error:
            self._failure = _more_telling(self._failure, error)
            return self._course.exhausted()
        except PoolFull as error:
            return self._refused(error)
        return await self._answer(self._begin(ask.cause, lease), session)

    def _refused(self, error: RequestError) -> Ask | Step:
        self._failure = _more_telling(self._failure, error)
        final = isinstance(error, DeadlineUnreachable) and error.final
        return Step.GIVE_UP if final else self._course.full()

    async def _lease(self, pool: Pool, session: str | None, exclude: Sequence[Endpoint], *, queue: bool) -> Lease:
        journal = self._line.journal
        journal.waiting = Phase.QUEUE
        since = time.perf_counter()
        prefer, self._prefer = self._prefer, None  # what was preferred at first may be what has failed
        lease = pool.try_lease(self._claim, session=session, exclude=exclude, prefer=prefer)
        if lease is None and not queue:
            raise pool.overflow(self._claim)
        lease = lease or await pool.lease(self._claim, session=session, exclude=exclude, prefer=prefer)
        journal.stage(Stage.QUEUE, since)
        journal.waiting = Phase.HEADERS
        return lease

    def _begin(self, cause: Cause, lease: Lease) -> Try:
        assert self._outbound is not None
        self._asked.append(lease.endpoint)
        self._course.began()
        self._choose(lease)
        return Try(self._line, lease, self._outbound, cause)

    def _choose(self, lease: Lease) -> None:
        journal = self._line.journal
        by = journal.chosen
        assert by is not None
        journal.chosen = Chosen(lease.pool.name, lease.pool.config.model, lease.endpoint.name, by.by, by.propensity)

    async def _answer(self, primary: Try, session: str | None) -> Ask | Step | None:
        watch, journal = self._line.watch, self._line.journal
        running = [primary]
        try:
            with watch.guard():
                if self._line.inbound.stream:
                    watch.limit(Limit.FIRST_TOKEN, primary.lease.pool.config.timeouts.first_token)
                journal.asked()
                try:
                    if self._hedge is None:
                        await primary.ask()
                    else:
                        await race(running, self._hedge, lambda: self._second(primary, session), self._lost)
                finally:
                    journal.answered()
                self._course.committed()
                told = await running[0].deliver()
            running[0].end(result_of(told) if told else Ending.OK)
            return None
        except (RequestError, Refusal) as error:
            for _ in running[1:]:
                self._course.dropped()
            return self._failed(running[0], error)
        finally:
            for one in running:
                one.end(Ending.CANCELLED)

    def _second(self, primary: Try, session: str | None) -> Try | None:
        """A hedge beside `primary`, if there is an endpoint for it."""
        ask = self._course.overdue()
        if not isinstance(ask, Ask):
            return None
        try:
            lease = primary.lease.pool.try_lease(self._claim, session=session, exclude=self._asked)
        except (PoolFull, PoolUnavailable):
            return None
        return self._begin(ask.cause, lease) if lease is not None else None

    def _lost(self, one: Try, failure: Failure) -> bool:
        """Of two that ran, `one` failed; whether the other is still of use."""
        fault = fault_of(failure, time.time())
        if fault.final:
            return False
        one.failed(failure)
        self._failure = failure
        self._course.failed(fault, 0.0)
        return True

    def _failed(self, last: Try, failure: Failure) -> Ask | Step:
        last.failed(failure)
        if self._line.reply.started or _is_final(failure):
            raise failure
        self._line.watch.unlimit()
        self._claim = self._claim._replace(deadline=None)  # what was begun is finished: better late than failed
        self._failure = failure
        upload = self._line.inbound.upload
        spent = upload is not None and upload.begun  # a body that goes upstream as it comes can be sent once
        fault = Fault(final=True) if spent else fault_of(failure, time.time())
        return self._course.failed(fault, self._random.random())

    async def _give_up(self, failure: Failure) -> None:
        """Nobody could answer: the last failure, in the client's wire."""
        if isinstance(failure, RequestError):
            raise failure
        if failure.is_auth:
            pool = self._line.journal.chosen.pool if self._line.journal.chosen else ""
            raise UpstreamAuth(
                f"The upstream of pool {pool!r} does not accept the gateway's credentials. "
                "Whoever runs the gateway must check that pool's `api_key`."
            )
        if failure.status >= 500 and failure.error_object() is None:
            raise failure.as_error()
        record_failure(self._line.journal, failure.as_error())
        headers = failure.client_headers()
        if failure.status >= 500 or (failure.is_busy and failure.retry_after(time.time()) is None):
            # Everything was tried: an SDK's own retries would only multiply ours.
            headers = [h for h in headers if h[0] != b"x-should-retry"] + [(b"x-should-retry", b"false")]
        await self._line.watch.finish(self._line.reply.whole(failure.status, headers, failure.client_body()))


def _rules(pools: Sequence[Pool], leg: int) -> Leg:
    config = pools[leg].config
    return Leg(config.retry.attempts, config.retry.backoff, config.limits.queue_timeout)


def _more_telling(failure: Failure | None, error: RequestError) -> Failure:
    """What an upstream said tells more than a pool that was not tried; of such pools the one that is free first."""
    if not isinstance(failure, PoolFull | PoolUnavailable):
        return failure or error
    never = float("inf")
    sooner = (error.retry_after or never) < (failure.retry_after or never)
    return error if sooner else failure


def _is_final(error: RequestError | Refusal) -> bool:
    """No other attempt may follow: the client is gone, sends too much, or its time is up."""
    if isinstance(error, LimitReached):
        return error.overall
    return isinstance(error, ClientDisconnected | PayloadTooLarge)
