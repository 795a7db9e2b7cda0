from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from random import Random
from typing import Any

import pytest
from structlog.testing import capture_logs

from pointsman.gateway.pools.discovery.base import Discovery, DiscoveryError
from pointsman.gateway.pools.discovery.finder import Finder, presume
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.pools.roster import Member
from pointsman.gateway.schema.pools import MAX_ENDPOINTS, Discover, PoolConfig
from tests.support.clock import virtual_time

Step = list[str] | DiscoveryError | float | None


def config(dns: str | None = "http://vllm:8000", *static: str, **options: Any) -> PoolConfig:
    discover = {} if dns is None else {"discover": {"dns": dns}}
    return PoolConfig.model_validate({"model": "m", "endpoints": list(static), **discover, **options})


class Plan(Discovery):
    """Addresses to yield, trouble to raise, seconds to let pass; then nothing more."""

    longest = 8.0

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.called: list[float] = []
        self.done = asyncio.Event()

    async def sets(self) -> AsyncGenerator[Sequence[Member]]:
        self.called.append(asyncio.get_running_loop().time())
        while self.steps:
            step = self.steps.pop(0)
            if isinstance(step, DiscoveryError):
                raise step
            if isinstance(step, list):
                yield [Member(f"http://{name}:8000") for name in step]
            else:
                await asyncio.sleep(step or 0)
        self.done.set()
        await asyncio.Event().wait()


class Told:
    def __init__(self) -> None:
        self.counts: list[tuple[str, bool]] = []
        self.changes = 0

    def change(self) -> None:
        self.changes += 1

    def count(self, pool: str, success: bool) -> None:
        self.counts.append((pool, success))


def names(pool: Pool) -> list[str]:
    return [endpoint.name.removesuffix(":8000") for endpoint in pool.endpoints]


async def follow(pool: Pool, plan: Plan, told: Told) -> Finder:
    """Until the plan is done."""
    loop = asyncio.get_running_loop()
    finder = Finder(told.change, told.count, build=lambda discover: plan, clock=loop.time, random=Random(7))
    await finder.start([pool])
    await plan.done.wait()
    return finder


async def test_a_pool_has_what_was_found_beside_what_is_listed() -> None:
    pool, plan, told = (
        Pool("small", config("http://vllm:8000", "http://own:8000")),
        Plan(["a", "b"], ["b", "c"]),
        Told(),
    )
    with virtual_time():
        finder = await follow(pool, plan, told)
        await finder.stop()
    assert names(pool) == ["own", "b", "c"]
    assert told.counts == [("small", True)] * 2
    assert told.changes == 2


async def test_the_same_answer_again_changes_nothing() -> None:
    pool, plan, told = Pool("small", config()), Plan(["a", "b"], ["a", "b"], ["b", "a"]), Told()
    with virtual_time():
        finder = await follow(pool, plan, told)
        endpoints = pool.endpoints
        await finder.stop()
    assert pool.endpoints is endpoints
    assert len(told.counts) == 3


async def test_trouble_leaves_what_was_known_and_is_told_once() -> None:
    trouble = [DiscoveryError("the name server is away")] * 4
    pool, plan, told = Pool("small", config()), Plan(["a"], *trouble, ["b"]), Told()
    before: list[list[str]] = []
    with virtual_time(), capture_logs() as logs:
        finder = Finder(told.change, lambda *_: before.append(names(pool)), build=lambda discover: plan)
        await finder.start([pool])
        await plan.done.wait()
        await finder.stop()
    assert before == [[], ["a"], ["a"], ["a"], ["a"], ["a"]]
    assert names(pool) == ["b"]
    assert [line["event"] for line in logs] == ["discovered", "discovery_failed", "discovery_recovered", "discovered"]
    assert logs[1]["reason"] == "the name server is away"
    assert (logs[3]["came"], logs[3]["left"]) == (["b:8000"], ["a:8000"])


async def test_tries_after_trouble_come_later_and_later_up_to_a_limit() -> None:
    pool, plan, told = Pool("small", config()), Plan(*[DiscoveryError("no")] * 7, ["a"]), Told()
    with virtual_time():
        finder = await follow(pool, plan, told)
        await finder.stop()
    pauses = [after - before for before, after in zip(plan.called, plan.called[1:], strict=False)]
    assert all(0.8 * due <= pause <= 1.2 * due for due, pause in zip([1, 2, 4, 8, 8, 8, 8], pauses, strict=True))
    assert told.counts == [("small", False)] * 7 + [("small", True)]


async def test_its_standing() -> None:
    pool, plan, told = Pool("small", config()), Plan(["a"], 40.0, DiscoveryError("away"), 2.0, None), Told()
    with virtual_time():
        finder = await follow(pool, plan, told)
        standing = finder.standings()["small"]
        await finder.stop()
    assert 42 < standing.age < 45
    assert standing.trouble == "away"


async def test_a_start_waits_for_the_first_answer_but_not_for_ever() -> None:
    pool, told = Pool("small", config()), Told()
    plans: list[Discovery] = [Plan(1.0, ["a"]), Plan(3600.0, ["a"])]
    with virtual_time():
        for expected in ([], ["a"]):
            finder = Finder(told.change, told.count, build=lambda discover: plans.pop())
            await finder.start([pool])
            assert names(pool) == expected
            await finder.stop()


async def test_a_reload_ends_begins_and_changes_discoveries() -> None:
    plans = {"http://one:8000": Plan(["a"]), "http://two:8000": Plan(1.0, ["b"])}
    told, built = Told(), []

    def build(discover: Discover) -> Discovery:
        assert discover.dns is not None
        built.append(discover.dns)
        return plans[discover.dns]

    pool, static = Pool("small", config("http://one:8000")), Pool("static", config(None, "http://own:8000"))
    finder = Finder(told.change, told.count, build=build)
    with virtual_time():
        await finder.start([pool, static])
        await plans["http://one:8000"].done.wait()
        finder.update([pool, static])
        assert built == ["http://one:8000"]  # nothing changed

        pool.reconfigure(config("http://two:8000"))
        finder.update([pool, static])
        assert names(pool) == ["a"]  # until the new one has answered
        await plans["http://two:8000"].done.wait()
        assert names(pool) == ["b"]

        pool.reconfigure(config(None, "http://own:8000"))
        finder.update([pool, static])
        assert names(pool) == ["own"]
        assert finder.standings() == {}
        await finder.stop()
    assert built == ["http://one:8000", "http://two:8000"]


async def test_static_endpoints_serve_until_a_new_discovery_has_answered() -> None:
    pool = Pool("small", config(None, "http://own:8000"))
    endpoint = pool.endpoints[0]
    pool.reconfigure(config())
    assert pool.endpoints == (endpoint,)
    pool.roster.list_found([Member("http://a:8000")])
    pool.regroup()
    assert names(pool) == ["a"]


async def test_more_than_the_most() -> None:
    many = [f"h{n:04}" for n in range(MAX_ENDPOINTS + 5)]
    pool, plan, told = Pool("small", config()), Plan(many, many, ["a"]), Told()
    with virtual_time(), capture_logs() as logs:
        finder = Finder(told.change, told.count, build=lambda discover: plan)
        await finder.start([pool])
        await plan.done.wait()
        await finder.stop()
    assert [line["event"] for line in logs].count("discovery_failed") == 1
    assert len(next(line for line in logs if line["event"] == "discovered")["came"]) == 11
    assert names(pool) == ["a"]


async def test_an_answer_without_anyone_empties_the_pool_and_says_so() -> None:
    pool, plan, told = Pool("small", config()), Plan(["a"], []), Told()
    with virtual_time(), capture_logs() as logs:
        finder = await follow(pool, plan, told)
        await finder.stop()
    assert not pool.live
    assert "pool_empty" in [line["event"] for line in logs]


async def test_stopping_leaves_nothing_running() -> None:
    before = asyncio.all_tasks()
    finder = Finder(lambda: None, lambda *_: None, build=lambda discover: Plan(["a"]))
    await finder.start([Pool("small", config())])
    await finder.stop()
    assert asyncio.all_tasks() == before


def test_where_nothing_is_looked_up_something_is_presumed() -> None:
    pool, static = Pool("small", config()), Pool("static", config(None, "http://own:8000"))
    presume([pool, static])
    assert pool.live
    assert names(static) == ["own"]


@pytest.mark.parametrize("dns", ["http://one:8000", None])
def test_a_reload_of_anything_else_keeps_what_was_found(dns: str | None) -> None:
    pool = Pool("small", config("http://one:8000", "http://own:8000"))
    pool.roster.list_found([Member("http://a:8000")])
    pool.regroup()
    pool.reconfigure(config(dns, "http://own:8000", balance="round_robin"))
    assert names(pool) == (["own", "a"] if dns else ["own"])
