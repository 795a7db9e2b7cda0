"""Real servers on loopback. Nothing sleeps: a server counts what it is asked, and tests wait for that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.pools.health import Check
from pointsman.gateway.pools.monitor import LARGEST, Monitor
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.schema.pools import PoolConfig

LOAD = "vllm:num_requests_running 3\nvllm:num_requests_waiting 2\nvllm:kv_cache_usage_perc 0.5\n"
FAST = {"scrape": "5ms", "stale": "60s", "health": {"interval": "5ms"}}

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Engine:
    """Answers what it is told to, and counts."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}
        self.headers: dict[str, Any] = {}
        self.running = self.most = 0
        self.answers: dict[str, Answer] = {}
        self._changed = asyncio.Condition()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.running += 1
        self.most = max(self.most, self.running)
        self.headers[path] = request.headers
        async with self._changed:
            self.asked[path] = self.asked.get(path, 0) + 1
            self._changed.notify_all()
        try:
            answer = self.answers.get(path)
            return await answer(request) if answer else web.Response(status=404)
        finally:
            self.running -= 1

    def says(self, path: str, text: str = "", status: int = 200) -> None:
        async def answer(request: web.Request) -> web.Response:
            return web.Response(text=text, status=status)

        self.answers[path] = answer

    async def seen(self, path: str, more: int = 2) -> None:
        """Until `path` was asked for `more` times from now; with 2, the first answer has been taken in."""
        goal = self.asked.get(path, 0) + more
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: self.asked.get(path, 0) >= goal)


@asynccontextmanager
async def serving(engine: Engine, port: int = 0) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", engine.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def engine() -> Engine:
    return Engine()


@pytest.fixture
async def url(engine: Engine) -> AsyncIterator[str]:
    async with serving(engine) as url:
        yield url


@pytest.fixture
async def monitor() -> AsyncIterator[Monitor]:
    async with aiohttp.ClientSession() as session:
        monitor = Monitor(session, random=Random(7))
        yield monitor
        await monitor.stop()


def make_pool(*urls: str, **options: Any) -> Pool:
    return Pool("small", config(*urls, **options))


def config(*urls: str, **options: Any) -> PoolConfig:
    return PoolConfig.model_validate({"model": "m", "endpoints": list(urls), "engine": "vllm", **FAST, **options})


class WatchedPool(Pool):
    """Tells when a check has been taken in."""

    def __init__(self, name: str, config: PoolConfig) -> None:
        self._check_came = asyncio.Event()
        super().__init__(name, config)

    def checked(self, endpoint: Endpoint, check: Check, complaint: str = "") -> None:
        super().checked(endpoint, check, complaint)
        self._check_came.set()

    async def becomes(self, *, live: bool) -> None:
        async with asyncio.timeout(20):
            while self.live is not live:
                self._check_came.clear()
                await self._check_came.wait()


async def test_load_is_read_again_and_again(engine: Engine, url: str, monitor: Monitor) -> None:
    pool = make_pool(url)
    engine.says("/metrics", LOAD)
    monitor.start([pool])
    await engine.seen("/metrics")
    assert pool.endpoints[0].load == 5
    assert pool.snapshot().kv == 0.5
    engine.says("/metrics", LOAD.replace("3", "30"))
    await engine.seen("/metrics")
    assert pool.endpoints[0].load == 32


async def test_a_path_prefix_is_kept(engine: Engine, url: str, monitor: Monitor) -> None:
    pool = make_pool(f"{url}/team/a/v1")
    engine.says("/team/a/metrics", LOAD)
    engine.says("/team/a/health", status=503)
    monitor.start([pool])
    await engine.seen("/team/a/metrics")
    await engine.seen("/team/a/health")
    assert pool.endpoints[0].load == 5
    assert not pool.live


async def test_the_pools_key_goes_along(
    engine: Engine, url: str, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POOL_KEY", "sk-pool")
    monitor.start([make_pool(url, api_key="env:POOL_KEY")])
    await engine.seen("/metrics", 1)
    assert engine.headers["/metrics"]["authorization"] == "Bearer sk-pool"
    assert engine.headers["/metrics"]["accept-encoding"] == "identity"


async def test_one_request_at_a_time(engine: Engine, url: str, monitor: Monitor) -> None:
    release = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response(text=LOAD)

    engine.answers["/metrics"] = engine.answers["/health"] = slow
    pool = make_pool(url, health={"interval": "1h"})
    monitor.start([pool])
    await engine.seen("/metrics", 1)
    await engine.seen("/health", 0)
    monitor.update([pool])
    assert engine.asked["/metrics"] == 1
    release.set()
    await engine.seen("/metrics", 5)
    assert engine.most <= 2  # one for load, one for health


BROKEN = {
    "an error": web.Response(status=500, text=LOAD),
    "a page": web.Response(text="<html>", content_type="text/html"),
    "nothing": web.Response(status=204),
    "a redirect": web.Response(status=302, headers={"location": "/elsewhere"}),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_exposition_leaves_load_unknown(name: str, engine: Engine, url: str, monitor: Monitor) -> None:
    pool = make_pool(url)
    broken = BROKEN[name]

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=broken.status, body=broken.body, headers=broken.headers)

    engine.answers["/metrics"] = answer
    engine.says("/elsewhere", LOAD)
    monitor.start([pool])
    await engine.seen("/metrics")
    assert pool.endpoints[0].reading is None
    assert pool.snapshot().queue is None
    assert pool.live
    engine.says("/metrics", LOAD)  # and the reader goes on
    await engine.seen("/metrics")
    assert pool.endpoints[0].load == 5


async def test_an_endless_exposition_is_cut_off(engine: Engine, url: str, monitor: Monitor) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(LOAD.encode() * 1000)
                sent += len(LOAD) * 1000
        except ConnectionError:
            return response

    engine.answers["/metrics"] = endless
    pool = make_pool(url)
    monitor.start([pool])
    await engine.seen("/metrics")
    assert pool.endpoints[0].reading is None
    assert LARGEST < sent < 4 * LARGEST


async def test_a_server_that_is_loading_takes_no_requests_until_it_is_ready(
    engine: Engine, url: str, monitor: Monitor
) -> None:
    pool = make_pool(url)
    assert pool.live
    engine.says("/health", status=503)
    monitor.start([pool])
    await engine.seen("/health")
    assert not pool.live
    engine.says("/health")
    await engine.seen("/health")
    assert pool.live


async def test_a_server_that_is_gone_is_noticed_and_so_is_its_return(monitor: Monitor) -> None:
    engine = Engine()
    engine.says("/health")
    async with serving(engine) as url:
        pool = WatchedPool("small", config(url))
        monitor.start([pool])
        await engine.seen("/health")
        assert pool.live
    await pool.becomes(live=False)
    async with serving(engine, port=int(url.rpartition(":")[2])):
        await pool.becomes(live=True)


async def test_a_server_without_the_engines_health_page_is_not_taken_out(
    engine: Engine, url: str, monitor: Monitor
) -> None:
    pool = make_pool(url)
    monitor.start([pool])
    await engine.seen("/health", 4)
    assert pool.live


async def test_a_health_page_that_is_named_must_be_there(engine: Engine, url: str, monitor: Monitor) -> None:
    pool = make_pool(url, engine="none", health={"path": "/ready", "interval": "5ms"})
    monitor.start([pool])
    await engine.seen("/ready")
    assert not pool.live


async def test_without_engine_and_path_nothing_is_asked(engine: Engine, url: str, monitor: Monitor) -> None:
    quiet, loud = make_pool(url, engine="none"), make_pool(f"{url}/loud")
    monitor.start([quiet, loud])
    await engine.seen("/loud/metrics", 5)
    assert not [path for path in engine.asked if not path.startswith("/loud")]


async def test_a_reload_asks_new_endpoints_and_leaves_the_removed_alone(
    engine: Engine, url: str, monitor: Monitor
) -> None:
    pool = make_pool(f"{url}/a", f"{url}/b")
    monitor.start([pool])
    await engine.seen("/a/metrics")
    pool.reconfigure(config(f"{url}/b", f"{url}/c"))
    monitor.update([pool])
    await engine.seen("/c/metrics", 1)
    left = engine.asked["/a/metrics"]
    await engine.seen("/b/metrics", 5)
    assert engine.asked["/a/metrics"] == left


async def test_a_reload_changes_the_pace_at_once(engine: Engine, url: str, monitor: Monitor) -> None:
    pool = make_pool(url, scrape="1h")
    monitor.start([pool])
    await engine.seen("/metrics", 1)
    pool.reconfigure(config(url))
    monitor.update([pool])
    await engine.seen("/metrics", 3)


async def test_stopping_leaves_no_task(engine: Engine, url: str) -> None:
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession() as session:
        monitor = Monitor(session)
        monitor.start([make_pool(url)])
        await engine.seen("/metrics", 1)
        await monitor.stop()
        assert not [t for t in asyncio.all_tasks() - before if t.get_name().startswith("monitor")]
