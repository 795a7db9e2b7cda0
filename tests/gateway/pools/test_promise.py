"""Which endpoints may still answer in time, and what a pool does with that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pointsman.gateway.errors import DeadlineUnreachable, PoolFull
from pointsman.gateway.pools.claim import Claim
from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.pools.lease import Lease, Result
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.pools.predict import FRESH, Asked

MakePool = Callable[..., Pool]


def teach(endpoint: Endpoint, per_kilotoken: float, each: float, now: float) -> None:
    """Its first tokens take so many seconds, and so many for each request there."""
    for number in range(60):
        tokens, ahead = 100 + 160 * (number % 7), float(number % 10)
        seconds = per_kilotoken * tokens / 1024 + each * ahead
        endpoint.ttft.observe(Asked(tokens, ahead, endpoint.ttft.fit), seconds, now)


def claim(pool: Pool, left: float, tokens: int | None = 512, *, strict: bool = False) -> Claim:
    return Claim(deadline=pool.clock() + left, tokens=tokens, strict=strict)


def take(pool: Pool, wanted: Claim) -> Lease:
    lease = pool.try_lease(wanted)
    assert lease is not None
    return lease


def test_only_endpoints_that_are_quick_enough_are_asked(make_pool: MakePool) -> None:
    pool = make_pool("slow", "quick", balance="round_robin")
    slow, quick = pool.endpoints
    teach(slow, 8.0, 0.0, pool.clock())
    teach(quick, 0.4, 0.0, pool.clock())
    assert {take(pool, claim(pool, 1.0)).endpoint for _ in range(6)} == {quick}
    assert {take(pool, claim(pool, 10.0)).endpoint for _ in range(6)} == {slow, quick}
    assert {take(pool, Claim(tokens=512)).endpoint for _ in range(6)} == {slow, quick}


def test_what_is_there_already_counts(make_pool: MakePool) -> None:
    pool = make_pool("a", "b")
    for endpoint in pool.endpoints:
        teach(endpoint, 0.2, 1.0, pool.clock())
    leases = [take(pool, claim(pool, 2.5)) for _ in range(6)]  # three each: the last of them with two before it
    with pytest.raises(DeadlineUnreachable) as caught:
        pool.try_lease(claim(pool, 2.5))
    assert caught.value.retry_after == pytest.approx(3.1 - 2.5, abs=0.05)
    leases[0].release(Result.OK)
    assert take(pool, claim(pool, 2.5)).endpoint is leases[0].endpoint


def test_what_even_an_idle_endpoint_cannot_do_has_no_time_to_come_back(make_pool: MakePool) -> None:
    pool = make_pool("a")
    teach(pool.endpoints[0], 8.0, 0.1, pool.clock())
    with pytest.raises(DeadlineUnreachable, match="more time") as caught:
        pool.try_lease(claim(pool, 2.0, strict=True))
    assert (caught.value.retry_after, caught.value.final) == (None, True)
    assert caught.value.headers() == {"x-should-retry": "false"}
    assert pool.inflight == 0


def test_a_prompt_is_no_longer_than_the_models_context(make_pool: MakePool) -> None:
    image = 4_000_000
    with_limit, without = make_pool("a", context=1024), make_pool("a")
    for pool in (with_limit, without):
        teach(pool.endpoints[0], 1.0, 0.0, pool.clock())
    assert take(with_limit, claim(with_limit, 1.2, image)).endpoint.inflight == 1
    with pytest.raises(DeadlineUnreachable):
        with_limit.try_lease(claim(with_limit, 0.5, image))
    assert take(without, claim(without, 0.5, image))  # nothing of that size was ever seen


def test_a_request_without_a_prompt_is_held_against_the_clock_only(make_pool: MakePool) -> None:
    pool = make_pool("a")
    teach(pool.endpoints[0], 9.0, 0.0, pool.clock())
    assert take(pool, claim(pool, 0.1, None))
    with pytest.raises(DeadlineUnreachable):
        pool.try_lease(claim(pool, -0.1, None))


def test_now_and_then_one_request_looks_whether_it_is_still_so(make_pool: MakePool, clock: Any) -> None:
    pool = make_pool("a")
    teach(pool.endpoints[0], 8.0, 0.0, pool.clock())
    clock.now += FRESH
    lease = take(pool, claim(pool, 1.0))
    with pytest.raises(DeadlineUnreachable):
        pool.try_lease(claim(pool, 1.0))
    for _ in range(80):
        clock.now += 0.05
        lease.first_token()
        lease.release(Result.OK)
        lease = take(pool, Claim(tokens=512))
    assert take(pool, claim(pool, 1.0))  # it has become quick


def test_only_first_tokens_teach(make_pool: MakePool, clock: Any) -> None:
    pool = make_pool("a")
    for _ in range(30):
        lease = take(pool, Claim(tokens=512))
        clock.now += 5
        lease.first_byte()  # an answer in one piece begins with its end
        lease.release(Result.OK)
    assert pool.endpoints[0].ttft.fit is None


async def test_the_wait_for_a_place_is_part_of_it(make_pool: MakePool, clock: Any) -> None:
    pool = make_pool("a", limits={"inflight": 1, "queue": 9, "queue_timeout": "60s"})
    teach(pool.endpoints[0], 2.0, 0.0, pool.clock())
    first = take(pool, Claim())
    clock.now += 10
    first.release(Result.OK)
    running = take(pool, Claim())  # for ten seconds, as it seems
    with pytest.raises(DeadlineUnreachable) as caught:
        await pool.lease(claim(pool, 10.5))
    assert caught.value.retry_after == pytest.approx(10 + 1 - 10.5, abs=0.05)
    waiting = asyncio.create_task(pool.lease(claim(pool, 11.5)))
    await asyncio.sleep(0)
    assert pool.waiting == 1
    assert isinstance(pool.overflow(Claim()), PoolFull)
    running.release(Result.OK)
    assert (await waiting).endpoint is pool.endpoints[0]


async def test_a_place_that_comes_too_late_goes_to_the_next(make_pool: MakePool, clock: Any) -> None:
    pool = make_pool("a", limits={"inflight": 1, "queue": 9, "queue_timeout": "60s"})
    running = take(pool, Claim())
    hasty = asyncio.create_task(pool.lease(claim(pool, 3.0)))
    patient = asyncio.create_task(pool.lease(Claim()))
    await asyncio.sleep(0)
    clock.now += 4
    running.release(Result.OK)
    with pytest.raises(DeadlineUnreachable):
        await hasty
    assert (await patient).endpoint is pool.endpoints[0]
    assert pool.inflight == 1
