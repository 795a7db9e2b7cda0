from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pointsman.gateway.pools.claim import Claim
from pointsman.gateway.pools.fleet import fleet
from pointsman.gateway.pools.health import Check
from pointsman.gateway.pools.lease import Lease, Result
from pointsman.gateway.pools.load import Reading
from pointsman.gateway.pools.pool import Pool

MakePool = Callable[..., Pool]
STATED = {"speed": {"ttft": "200ms", "tpot": "10ms"}}


def take(pool: Pool, prefer: str | None = None, session: str | None = None) -> Lease:
    lease = pool.try_lease(Claim(tokens=100), prefer=prefer, session=session)
    assert lease is not None
    return lease


def read(pool: Pool, running: float, waiting: float, kv: float | None = None) -> None:
    for endpoint in pool.endpoints:
        pool.observed(endpoint, Reading(running, waiting, kv), endpoint.mark())


def test_every_endpoint_that_can_take_a_request_is_there_by_pool(make_pool: MakePool) -> None:
    found = fleet([make_pool("a", "b"), make_pool("c")], 100)
    assert found.pools.tolist() == [0, 0, 1]
    assert found.names == ["a:8000", "b:8000", "c:8000"]
    assert fleet([], 100).names == ()


def test_a_pick_counts_at_once_and_an_end_too(make_pool: MakePool) -> None:
    pool = make_pool("a", "b", limits={"inflight": 8})
    fleet([pool], 100)
    lease = take(pool, prefer="b:8000")
    found = fleet([pool], 100)
    assert found.inflight.tolist() == [0, 1]
    assert found.used.tolist() == [0, 0.25]
    lease.release(Result.OK)
    assert fleet([pool], 100).inflight.tolist() == [0, 0]


def test_endpoints_that_go_and_come_do_so_here(make_pool: MakePool) -> None:
    pool = make_pool("a", "b")
    fleet([pool], 100)
    pool.checked(pool.endpoints[0], Check.REFUSED)
    assert fleet([pool], 100).names == ["b:8000"]
    pool.checked(pool.endpoints[0], Check.PASSED)
    assert fleet([pool], 100).names == ["a:8000", "b:8000"]


def test_what_is_unknown_is_not_a_number(make_pool: MakePool) -> None:
    found = fleet([make_pool("a")], 100)
    assert np.isnan(found.ttft).all()
    assert np.isnan(found.tpot).all()


def test_what_is_stated_holds_for_a_full_endpoint_and_an_idle_one_is_faster(make_pool: MakePool) -> None:
    pool = make_pool("a", limits={"inflight": 10}, **STATED)
    idle = fleet([pool], 100)
    assert (idle.ttft.tolist(), idle.tpot.tolist()) == ([0.2], [pytest.approx(0.0055)])
    for _ in range(9):
        take(pool)
    assert fleet([pool], 100).tpot.tolist() == [pytest.approx(0.01)]


def test_places_are_learned_from_engines_that_let_requests_wait(make_pool: MakePool) -> None:
    pool = make_pool("a", engine="vllm", **STATED)
    read(pool, 4, 0)
    assert fleet([pool], 100).used.tolist() == [4 / 1024]
    read(pool, 4, 4)
    found = fleet([pool], 100)
    assert found.used.tolist() == [2.0]
    assert found.ttft[0] == pytest.approx(0.2 + 5 / 4 * (0.2 + 256 * 0.01))  # 4 and this one wait for 4 places


def test_more_that_run_are_more_places_and_few_that_wait_for_a_moment_are_not_fewer(make_pool: MakePool) -> None:
    pool = make_pool("a", engine="vllm")
    (endpoint,) = pool.endpoints
    read(pool, 8, 1)
    read(pool, 10, 0)
    assert endpoint.places == 10
    read(pool, 1, 1)
    assert endpoint.places == pytest.approx(8.2)


def test_a_full_cache_is_a_full_endpoint(make_pool: MakePool) -> None:
    pool = make_pool("a", engine="vllm")
    read(pool, 1, 0, 0.93)
    assert fleet([pool], 100).used.tolist() == [0.93]


def test_the_load_metrics_that_are_stale_are_forgotten(make_pool: MakePool, clock: Any) -> None:
    pool = make_pool("a", engine="vllm", stale="10s")
    read(pool, 6, 0)
    assert fleet([pool], 100).inflight.tolist() == [6]
    clock.now += 11
    assert fleet([pool], 100).inflight.tolist() == [0]


def test_a_long_prompt_takes_longer_once_streams_have_shown_it(make_pool: MakePool, clock: Any) -> None:
    pool = make_pool("a")
    for number in range(40):
        tokens = 1024 * (number % 5)
        lease = pool.try_lease(Claim(tokens=tokens))
        assert lease is not None
        clock.now += 0.1 + 0.2 * tokens / 1024
        lease.first_token()
        clock.now += 0.99
        lease.spoke(100)
        lease.release(Result.OK)
    assert fleet([pool], 0).ttft[0] == pytest.approx(0.1, abs=0.02)
    assert fleet([pool], 4096).ttft[0] == pytest.approx(0.9, abs=0.05)
    assert fleet([pool], 0).tpot[0] == pytest.approx(0.01)


class TestPreferred:
    def test_the_endpoint_that_is_preferred_is_taken(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b", "c")
        assert {take(pool, prefer="c:8000").endpoint.name for _ in range(10)} == {"c:8000"}

    def test_one_that_cannot_take_it_leaves_it_to_the_balancer(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b")
        pool.checked(pool.endpoints[0], Check.REFUSED)
        assert take(pool, prefer="a:8000").endpoint.name == "b:8000"
        assert take(pool, prefer="gone:8000").endpoint.name == "b:8000"

    def test_a_session_stays_where_its_prefix_is(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b", "c", "d", balance="session")
        with take(pool, session="s") as lease:
            home = lease.endpoint.name
            lease.release(Result.OK)
        other = next(e.name for e in pool.endpoints if e.name != home)
        assert take(pool, session="s", prefer=other).endpoint.name == home
        assert take(pool, prefer=other).endpoint.name == other

    async def test_a_request_that_had_to_wait_prefers_it_still(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b", limits={"inflight": 1})
        lease = await pool.lease(prefer="b:8000")
        assert lease.endpoint.name == "b:8000"
