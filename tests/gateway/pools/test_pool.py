from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.gateway.errors import PoolFull, PoolUnavailable
from pointsman.gateway.pools.health import Check, Result
from pointsman.gateway.pools.lease import Lease, live_leases
from pointsman.gateway.pools.load import Reading
from pointsman.gateway.pools.pool import Pool, reconcile
from pointsman.gateway.pools.roster import Member
from pointsman.gateway.schema.pools import PoolConfig
from pointsman.signals.facts import PoolLoad

MakePool = Callable[..., Pool]
MakeConfig = Callable[..., PoolConfig]
EJECT = {"eject": {"failures": 2, "for": "10s", "max": "50%"}}


def take(pool: Pool) -> Lease:
    lease = pool.try_lease()
    assert lease is not None
    return lease


def fail(pool: Pool, name: str, times: int) -> None:
    """Let requests fail at one endpoint."""
    others = [e for e in pool.endpoints if not e.name.startswith(name)]
    leases = [pool.try_lease(exclude=others) for _ in range(times)]
    for lease in leases:
        assert lease is not None
        lease.release(Result.FAILED)


def picks(pool: Pool, number: int = 50) -> set[str]:
    """Which endpoints get requests, each ended before the next."""
    found = set()
    for _ in range(number):
        lease = take(pool)
        found.add(lease.endpoint.name.partition(":")[0])
        lease.release(Result.CANCELLED)
    return found


class TestLeases:
    async def test_endpoints_already_tried_are_left_out(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b")
        first = await pool.lease()
        second = await pool.lease(exclude=[first.endpoint])
        assert {first.endpoint, second.endpoint} == set(pool.endpoints)
        with pytest.raises(PoolUnavailable):
            await pool.lease(exclude=pool.endpoints)
        assert pool.inflight == 2

    async def test_a_full_pool_makes_wait(self, make_pool: MakePool) -> None:
        pool = make_pool("a", limits={"inflight": 1, "queue": 1})
        lease = await pool.lease()
        assert pool.try_lease() is None
        waiting = asyncio.create_task(pool.lease())
        await asyncio.sleep(0)
        assert pool.waiting == 1
        with pytest.raises(PoolFull):
            await pool.lease()
        lease.release(Result.OK)
        assert (await waiting).endpoint is lease.endpoint

    async def test_who_waits_gets_the_endpoint_that_is_best_then(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b", limits={"inflight": 1, "queue": 1})
        lease = await pool.lease()
        waiting = asyncio.create_task(pool.lease())
        await asyncio.sleep(0)
        pool.checked(lease.endpoint, Check.REFUSED)
        lease.release(Result.CANCELLED)
        assert (await waiting).endpoint is not lease.endpoint

    async def test_who_waits_is_sent_on_when_the_last_endpoint_goes(self, make_pool: MakePool) -> None:
        pool = make_pool("a", limits={"inflight": 1, "queue": 5})
        lease = await pool.lease()
        waiting = asyncio.create_task(pool.lease())
        await asyncio.sleep(0)
        pool.checked(lease.endpoint, Check.REFUSED)
        with pytest.raises(PoolUnavailable):
            await waiting

    async def test_a_place_for_which_no_endpoint_is_left_is_given_back(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b", limits={"inflight": 1, "queue": 5})
        lease = await pool.lease()
        waiting = asyncio.create_task(pool.lease(exclude=[lease.endpoint]))
        await asyncio.sleep(0)
        other = next(e for e in pool.endpoints if e is not lease.endpoint)
        pool.checked(other, Check.REFUSED)
        lease.release(Result.OK)
        with pytest.raises(PoolUnavailable):
            await waiting
        assert pool.inflight == 0

    async def test_the_error_says_when_to_come_back(self, make_pool: MakePool) -> None:
        pool = make_pool("a", health={"interval": "7s"})
        pool.checked(pool.endpoints[0], Check.REFUSED)
        with pytest.raises(PoolUnavailable, match="small") as caught:
            await pool.lease()
        assert caught.value.retry_after == 7


class TestHealth:
    def test_an_endpoint_that_is_down_gets_nothing(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b")
        pool.checked(pool.endpoints[0], Check.REFUSED)
        assert picks(pool) == {"b"}
        assert [e.up for e in pool.endpoints] == [False, True]
        pool.checked(pool.endpoints[0], Check.PASSED)
        assert picks(pool) == {"a", "b"}

    def test_a_pool_with_everything_down_is_not_live(self, make_pool: MakePool) -> None:
        pool = make_pool("a")
        assert pool.live
        pool.checked(pool.endpoints[0], Check.REFUSED)
        assert not pool.live
        assert not pool.snapshot().healthy

    def test_failures_eject_and_one_probe_readmits(self, make_pool: MakePool, clock: Any) -> None:
        pool = make_pool("a", "b", "c", health=EJECT, balance="round_robin")
        fail(pool, "a", 2)
        assert picks(pool) == {"b", "c"}
        clock.now += 10
        leases = [take(pool) for _ in range(12)]
        probes = [lease for lease in leases if lease.endpoint.name.startswith("a")]
        assert len(probes) == 1
        probes[0].release(Result.OK)
        assert picks(pool) == {"a", "b", "c"}

    def test_a_probe_that_begins_to_answer_readmits(self, make_pool: MakePool, clock: Any) -> None:
        pool = make_pool("a", "b", health=EJECT, balance="round_robin")
        fail(pool, "a", 2)
        clock.now += 10
        lease = pool.try_lease(exclude=[pool.endpoints[1]])
        assert lease is not None
        assert picks(pool) == {"b"}
        lease.first_byte()
        assert picks(pool) == {"a", "b"}
        lease.release(Result.FAILED)
        assert picks(pool) == {"b"}

    def test_only_a_share_of_the_pool_is_ejected(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b", "c", "d", health=EJECT)
        for name in "abc":
            fail(pool, name, 9)
        assert picks(pool) == {"c", "d"}

    def test_the_only_endpoint_is_never_ejected(self, make_pool: MakePool) -> None:
        pool = make_pool("a", health=EJECT)
        fail(pool, "a", 50)
        assert pool.live

    def test_doubtful_endpoints_are_used_when_all_others_are_down(self, make_pool: MakePool, clock: Any) -> None:
        pool = make_pool("a", "b", health=EJECT)
        fail(pool, "a", 2)
        pool.checked(pool.endpoints[1], Check.REFUSED)
        assert picks(pool) == {"a"}
        assert pool.live
        take(pool).release(Result.OK)
        pool.checked(pool.endpoints[1], Check.PASSED)
        assert picks(pool) == {"a", "b"}  # what it did in need readmitted it

    def test_clients_that_leave_never_count(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b", health=EJECT)
        for _ in range(50):
            take(pool).release(Result.CANCELLED)
        assert picks(pool) == {"a", "b"}


class TestSnapshot:
    def test_without_metrics_it_knows_its_own_requests(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b", limits={"inflight": 10})
        for _ in range(4):
            take(pool)
        assert pool.snapshot() == PoolLoad(load=0.4, queue=0, inflight=4, kv=None, healthy=True)

    def test_with_metrics_it_knows_what_others_sent(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b", engine="vllm", limits={"inflight": 10})
        assert pool.snapshot() == PoolLoad(load=0.0, queue=None, inflight=0, kv=None, healthy=True)
        for endpoint, reading in zip(pool.endpoints, (Reading(3, 2, 0.5), Reading(5, 0, 0.8)), strict=True):
            pool.observed(endpoint, reading, endpoint.mark())
        take(pool)
        assert pool.snapshot() == PoolLoad(load=1.1, queue=2, inflight=1, kv=0.8, healthy=True)

    def test_a_stale_reading_is_not_believed(self, make_pool: MakePool, clock: Any) -> None:
        pool = make_pool("a", engine="vllm", limits={"inflight": 10}, stale="5s")
        endpoint = pool.endpoints[0]
        take(pool)
        pool.observed(endpoint, Reading(9, 3, 0.5), endpoint.mark())
        clock.now += 4.9
        assert pool.snapshot().load == 1.2
        clock.now += 0.1
        assert pool.snapshot() == PoolLoad(load=0.1, queue=None, inflight=1, kv=None, healthy=True)
        assert endpoint.load == 1

    def test_the_fullest_cache_among_the_live_counts(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b", engine="vllm")
        for endpoint, kv in zip(pool.endpoints, (0.9, 0.2), strict=True):
            pool.observed(endpoint, Reading(0, 0, kv), endpoint.mark())
        pool.checked(pool.endpoints[0], Check.REFUSED)
        assert pool.snapshot().kv == 0.2

    async def test_its_own_queue_counts(self, make_pool: MakePool) -> None:
        pool = make_pool("a", engine="vllm", limits={"inflight": 1, "queue": 5})
        lease = take(pool)
        waiting = [asyncio.create_task(pool.lease()) for _ in range(3)]
        await asyncio.sleep(0)
        assert pool.snapshot().queue == 3
        pool.observed(lease.endpoint, Reading(1, 4), lease.endpoint.mark())
        assert pool.snapshot().queue == 7
        for task in waiting:
            task.cancel()

    def test_many_endpoints_are_summed_up_in_time(self, make_pool: MakePool, clock: Any) -> None:
        pool = make_pool(*(f"e{number}" for number in range(100)), limits={"inflight": 100}, engine="vllm")
        for endpoint in pool.endpoints:
            pool.observed(endpoint, Reading(1, 2, 0.5), endpoint.mark())
        clock.now += 0.1
        assert pool.snapshot() == PoolLoad(3.0, 200, 0, 0.5, True)


class TestReload:
    def test_what_stays_keeps_its_leases_and_its_health(self, make_pool: MakePool, make_config: MakeConfig) -> None:
        pool = make_pool("a", "b", "c", health=EJECT)
        fail(pool, "a", 2)
        leases = [take(pool) for _ in range(6)]
        kept = dict(zip("abc", pool.endpoints, strict=True))
        pool.reconfigure(make_config("d", "b", "a", health=EJECT, balance="round_robin"))
        assert [e.name for e in pool.endpoints] == ["d:8000", "b:8000", "a:8000"]
        assert pool.endpoints[1:] == (kept["b"], kept["a"])
        assert pool.inflight == 6
        assert picks(pool) == {"b", "d"}
        for lease in leases:
            lease.release(Result.OK)
        assert pool.inflight == 0
        assert [e.inflight for e in kept.values()] == [0, 0, 0]

    def test_weights_and_limits_follow(self, make_pool: MakePool, make_config: MakeConfig) -> None:
        pool = make_pool("a", "b", limits={"inflight": 1})
        take(pool)
        endpoints = [{"url": "http://a:8000", "weight": 3}, "http://b:8000"]
        config = make_config(limits={"inflight": 9}, balance="weighted", endpoints=endpoints)
        pool.reconfigure(config)
        assert Counter(take(pool).endpoint.name for _ in range(8)) == {"a:8000": 6, "b:8000": 2}

    def test_another_engine_makes_the_readings_void(self, make_pool: MakePool, make_config: MakeConfig) -> None:
        pool = make_pool("a", engine="vllm")
        pool.observed(pool.endpoints[0], Reading(50, 5, 0.9), pool.endpoints[0].mark())
        pool.reconfigure(make_config("a", engine="none"))
        assert pool.snapshot() == PoolLoad(load=0.0, queue=0, inflight=0, kv=None, healthy=True)

    def test_an_endpoint_that_nobody_checks_any_more_is_presumed_up(
        self, make_pool: MakePool, make_config: MakeConfig
    ) -> None:
        pool = make_pool("a", engine="vllm")
        pool.checked(pool.endpoints[0], Check.REFUSED)
        pool.reconfigure(make_config("a", engine="vllm", scrape="2s"))
        assert not pool.live
        pool.reconfigure(make_config("a", engine="none"))
        assert pool.live

    def test_pools_are_matched_by_name(self, make_config: MakeConfig) -> None:
        old = reconcile({}, {"small": make_config("a"), "large": make_config("b")})
        lease = take(old["large"])
        new = reconcile(old, {"small": make_config("a", "c"), "huge": make_config("b")})
        assert list(new) == ["small", "huge"]
        assert new["small"] is old["small"]
        assert len(new["small"].endpoints) == 2
        before = live_leases()
        lease.release(Result.OK)  # a removed pool's lease ends like any other
        assert live_leases() == before - 1
        assert old["large"].inflight == 0


class TestMembers:
    def test_one_that_comes_back_while_it_has_requests_is_the_same(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b")
        endpoint, lease = pool.endpoints[0], take_at(pool, "a")
        pool.checked(endpoint, Check.REFUSED)
        for listed in ((), (Member(endpoint.url),)):
            pool.roster.list_file(listed)
            pool.regroup()
        assert pool.endpoints == (endpoint,)
        assert (endpoint.inflight, pool.live) == (1, False)
        lease.release(Result.OK)
        assert endpoint.inflight == 0

    def test_one_that_comes_back_idle_is_presumed_well(self, make_pool: MakePool) -> None:
        pool = make_pool("a")
        pool.checked(pool.endpoints[0], Check.REFUSED)
        pool.roster.remove("http://a:8000")
        pool.regroup()
        pool.roster.add("http://a:8000", 1.0)
        pool.regroup()
        assert pool.live

    def test_a_drained_one_is_not_even_used_in_need(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b", health=EJECT)
        fail(pool, "a", 2)
        drain(pool, "b")
        assert picks(pool) == {"a"}
        drain(pool, "a")
        assert not pool.live

    def test_a_drained_one_does_not_make_another_dispensable(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b", health=EJECT)
        drain(pool, "b")
        fail(pool, "a", 9)
        assert pool.endpoints[0].up

    def test_changes_while_everything_runs_keep_the_books(self, make_pool: MakePool) -> None:
        pool = make_pool("a", "b", "c", balance="session")
        leases = [pool.try_lease(session=str(n)) for n in range(9)]
        drain(pool, "a")
        pool.roster.remove("http://b:8000")
        pool.regroup()
        assert picks(pool) == {"c"}
        assert pool.inflight == 9
        for lease in leases:
            assert lease is not None
            lease.release(Result.OK)
            assert lease.endpoint.inflight >= 0
        assert pool.inflight == sum(e.inflight for e in pool.endpoints) == 0

    def test_nothing_new_is_nothing_done(self, make_pool: MakePool) -> None:
        pool = make_pool("a")
        pool.roster.list_found([Member("http://a:8000")])
        assert not pool.regroup()
        pool.roster.list_found([Member("http://b:8000")])
        assert pool.regroup()


def take_at(pool: Pool, name: str) -> Lease:
    lease = pool.try_lease(exclude=[e for e in pool.endpoints if not e.name.startswith(name)])
    assert lease is not None
    return lease


def drain(pool: Pool, name: str) -> None:
    pool.roster.drain(f"http://{name}:8000")
    assert pool.regroup()


def test_the_key_goes_into_the_headers_and_not_into_the_repr(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POOL_KEY", "sk-pool")
    pool = make_pool("a", api_key="env:POOL_KEY")
    assert pool.credentials == {"authorization": "Bearer sk-pool"}
    assert "sk-pool" not in f"{pool!r} {pool.config!r} {pool.endpoints!r}"


events = st.lists(
    st.tuples(
        st.sampled_from(["lease", "ok", "fail", "cancel", "turn", "down", "up", "wait", "read"]), st.integers(0, 99)
    ),
    max_size=60,
)


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.sampled_from(["least_load", "session", "weighted"]), events)
def test_any_schedule_keeps_the_books(
    endpoints: int, limit: int, balance: str, schedule: list[tuple[str, int]]
) -> None:
    asyncio.run(_run(endpoints, limit, balance, schedule))


async def _run(number: int, limit: int, balance: str, schedule: list[tuple[str, int]]) -> None:
    config = PoolConfig.model_validate(
        {
            "model": "m",
            "engine": "vllm",
            "balance": balance,
            "endpoints": [f"http://e{i}:1" for i in range(number)],
            "limits": {"inflight": limit, "queue": 3, "queue_timeout": "60s"},
            "health": EJECT,
        }
    )
    now = 0.0
    pool, before = Pool("p", config, clock=lambda: now), live_leases()
    leases: list[Lease] = []
    tasks: list[asyncio.Task[None]] = []

    async def client() -> None:
        leases.append(await pool.lease(session="s"))

    for action, choice in schedule:
        endpoint = pool.endpoints[choice % number]
        if action == "lease":
            tasks.append(asyncio.create_task(client()))
        elif action in ("ok", "fail") and leases:
            leases.pop(choice % len(leases)).release(Result.OK if action == "ok" else Result.FAILED)
        elif action == "cancel" and tasks:
            tasks[choice % len(tasks)].cancel()
        elif action == "turn":
            await asyncio.sleep(0)
        elif action in ("down", "up"):
            pool.checked(endpoint, Check.REFUSED if action == "down" else Check.PASSED)
        elif action == "wait":
            now += choice
        elif action == "read":
            pool.observed(endpoint, Reading(choice, 0, 0.5), endpoint.mark())
        assert len(leases) <= pool.inflight <= limit
        assert pool.waiting <= 3
        assert sum(e.inflight for e in pool.endpoints) == len(leases) == live_leases() - before
        assert pool.live or all(e.health.down for e in pool.endpoints)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(r, PoolFull | PoolUnavailable | asyncio.CancelledError | None) for r in results)
    for lease in leases:
        lease.release(Result.OK)
    assert (pool.inflight, pool.waiting, live_leases()) == (0, 0, before)
    assert all((e.inflight, e.health.probes) == (0, 0) for e in pool.endpoints)
