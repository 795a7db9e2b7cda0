from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pointsman.gateway.errors import ClientDisconnected, UpstreamError
from pointsman.gateway.pools.lease import Result, live_leases
from pointsman.gateway.pools.pool import Pool

MakePool = Callable[..., Pool]


async def test_counts_at_its_endpoint_and_in_the_process_until_it_is_released(make_pool: MakePool) -> None:
    pool, before = make_pool("a"), live_leases()
    lease = await pool.lease()
    assert (lease.endpoint.inflight, pool.inflight, live_leases()) == (1, 1, before + 1)
    lease.release(Result.OK)
    assert (lease.endpoint.inflight, pool.inflight, live_leases()) == (0, 0, before)


async def test_is_released_once(make_pool: MakePool) -> None:
    pool, before = make_pool("a"), live_leases()
    await pool.lease()
    lease = await pool.lease()
    for _ in range(3):
        lease.release(Result.FAILED)
    assert (lease.endpoint.inflight, pool.inflight, live_leases()) == (1, 1, before + 1)
    assert lease.endpoint.health.failures == 1


@pytest.mark.parametrize(
    ("error", "failures"),
    [(UpstreamError("broken"), 1), (asyncio.CancelledError(), 0), (ClientDisconnected("left"), 0)],
)
async def test_a_with_block_releases_on_every_way_out(error: BaseException, failures: int, make_pool: MakePool) -> None:
    pool = make_pool("a")
    lease = await pool.lease()
    with pytest.raises(type(error)), lease:
        raise error
    assert pool.inflight == 0
    assert lease.endpoint.health.failures == failures


async def test_success_is_said_explicitly(make_pool: MakePool) -> None:
    pool = make_pool("a")
    with await pool.lease() as lease:
        lease.release(Result.OK)
    assert lease.endpoint.health.failures == 0
    with await pool.lease():
        pass
    assert lease.endpoint.health.failures == 1


async def test_it_is_unanswered_until_its_first_byte_or_its_end(make_pool: MakePool) -> None:
    pool = make_pool("a")
    first, second, third = [await pool.lease() for _ in range(3)]
    endpoint = first.endpoint
    first.first_byte()
    first.first_byte()
    assert endpoint.unanswered == 2
    second.release(Result.FAILED)
    first.release(Result.OK)
    assert endpoint.unanswered == 1
    third.first_token()
    assert endpoint.unanswered == 0
    third.release(Result.OK)
    assert (endpoint.unanswered, endpoint.inflight) == (0, 0)


async def test_only_the_first_byte_is_the_first(make_pool: MakePool, clock: Any) -> None:
    pool = make_pool("a")
    lease = await pool.lease()
    clock.now += 0.5
    lease.first_byte()
    clock.now += 5.0
    lease.first_byte()
    lease.release(Result.OK)
    latency = lease.endpoint.latency.value(clock.now - 5.0)
    assert latency == pytest.approx(0.5)
