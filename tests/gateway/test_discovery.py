"""Pools whose endpoints come and go, as clients and operators meet them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pointsman.gateway.pools.discovery import dns
from pointsman.gateway.pools.monitor import Monitor
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.pools.roster import Member
from pointsman.gateway.relay import http1
from pointsman.gateway.schema.pools import PoolConfig
from tests.support.clients import MESSAGES, call, chat, openai_sdk
from tests.support.gateway import Served, config, pool, serving
from tests.support.kubernetes import api_server, endpoint_slice, event, listing, pod
from tests.support.secure import CERTIFICATE, NAME, client_context, server_context
from tests.support.upstream import Exchange, ScriptedUpstream, answer_hello, chunk, completion, scripted


class Names:
    """What a name server says, until it says something else."""

    def __init__(self, *addresses: str) -> None:
        self.answer: Iterable[str] | OSError = addresses
        self._asked = asyncio.Condition()
        self._times = 0

    async def __call__(self, host: str) -> list[str]:
        async with self._asked:
            self._times += 1
            self._asked.notify_all()
        if isinstance(self.answer, OSError):
            raise self.answer
        return list(self.answer)

    async def says(self, answer: Iterable[str] | OSError) -> None:
        """Until the answer has been taken in."""
        async with asyncio.timeout(20), self._asked:
            self.answer, goal = answer, self._times + 2
            await self._asked.wait_for(lambda: self._times >= goal)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names("127.0.0.1")
    monkeypatch.setattr(dns, "_resolve", names)
    return names


@asynccontextmanager
async def servers(*hosts: str) -> AsyncIterator[dict[str, ScriptedUpstream]]:
    """On one port of several loopback addresses; each answers with its own."""
    async with AsyncExitStack() as stack:
        found: dict[str, ScriptedUpstream] = {}
        for host in hosts:
            port = next((up.url.rpartition(":")[2] for up in found.values()), None)
            found[host] = up = ScriptedUpstream(says(host), url=f"http://{host}:{port}" if port else "")
            await up.listen(host)
            stack.push_async_callback(up.stop)
        yield found


def says(text: str) -> Callable[[Exchange], Any]:
    async def script(x: Exchange) -> None:
        await x.respond(completion(text))

    return script


def port_of(ups: dict[str, ScriptedUpstream]) -> str:
    return next(iter(ups.values())).url.rpartition(":")[2]


def discovering(port: str, **extra: Any) -> dict[str, Any]:
    discover = {"dns": f"http://vllm.models:{port}/engine", "interval": "5ms"}
    return config({"small": {"model": "m", "discover": discover, "balance": "round_robin", **extra}})


async def answers(gateway: Served, number: int = 6) -> set[str]:
    """Who answers."""
    said = [await chat(gateway.url) for _ in range(number)]
    assert {answer.status for answer in said} == {200}
    return {answer.json["choices"][0]["message"]["content"] for answer in said}


async def metric(gateway: Served, start: str) -> list[str]:
    body = (await call("GET", f"{gateway.url}/metrics")).body.decode()
    return [line for line in body.splitlines() if line.startswith(start)]


async def test_dns_changes_while_it_serves(names: Names) -> None:
    async with servers("127.0.0.1", "127.0.0.2", "127.0.0.3") as ups, serving(discovering(port_of(ups))) as gateway:
        assert await answers(gateway) == {"127.0.0.1"}
        await names.says(["127.0.0.2", "127.0.0.3"])
        assert await answers(gateway) == {"127.0.0.2", "127.0.0.3"}
        await names.says(["127.0.0.3"])
        assert await answers(gateway) == {"127.0.0.3"}
        request = ups["127.0.0.3"].last
        assert request.headers["host"] == f"vllm.models:{port_of(ups)}"
        assert request.target == "/engine/v1/chat/completions"
        endpoint = f"127.0.0.3:{port_of(ups)}/engine"
        assert await metric(gateway, "pointsman_endpoint_up") == [
            f'pointsman_endpoint_up{{endpoint="{endpoint}",pool="small"}} 1.0'
        ]
        attempts = await metric(gateway, "pointsman_upstream_attempts_total")
        assert any(f'endpoint="{endpoint}"' in line for line in attempts)
        assert not any("127.0.0.1" in line for line in attempts)  # series of who left end


async def test_a_name_server_that_fails_takes_nothing_away(names: Names) -> None:
    async with servers("127.0.0.1", "127.0.0.2") as ups, serving(discovering(port_of(ups))) as gateway:
        await names.says(socket.gaierror(-3, "Temporary failure in name resolution"))
        assert await answers(gateway) == {"127.0.0.1"}
        assert (await call("GET", f"{gateway.url}/readyz")).status == 200
        shown = (await call("GET", f"{gateway.url}/admin/pools/small")).json["discovery"]
        assert "Temporary failure" in shown["trouble"]
        assert shown["age"] >= 0
        (age,) = await metric(gateway, "pointsman_discovery_age_seconds{")
        assert age.startswith('pointsman_discovery_age_seconds{pool="small"} ')
        assert len(await metric(gateway, 'pointsman_discovery_total{pool="small",result="failure"}')) == 1
        await names.says(["127.0.0.2"])
        assert await answers(gateway) == {"127.0.0.2"}
        assert (await call("GET", f"{gateway.url}/admin/pools/small")).json["discovery"]["trouble"] is None


async def test_a_name_that_never_was_is_a_pool_that_is_not_ready(names: Names) -> None:
    names.answer = socket.gaierror(-2, "Name or service not known")
    async with servers("127.0.0.1") as ups, serving(discovering(port_of(ups))) as gateway:
        assert (await call("GET", f"{gateway.url}/readyz")).status == 503
        answer = await chat(gateway.url)
        assert (answer.status, answer.error["code"]) == (503, "pool_unavailable")
        await names.says(["127.0.0.1"])
        assert (await call("GET", f"{gateway.url}/readyz")).status == 200


async def test_what_runs_at_a_server_that_leaves_is_finished(names: Names) -> None:
    heard = asyncio.Event()

    async def script(x: Exchange) -> None:
        await x.start_events()
        await x.event(chunk("one"))
        await heard.wait()
        await x.event(chunk("two", finish="stop"))
        await x.event("[DONE]")
        await x.end()

    async with servers("127.0.0.1", "127.0.0.2") as ups, serving(discovering(port_of(ups))) as gateway:
        ups["127.0.0.1"].script = script
        async with openai_sdk(gateway.v1) as client:
            stream = await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
            texts = [(await anext(stream)).choices[0].delta.content]
            await names.says(["127.0.0.2"])
            assert await answers(gateway) == {"127.0.0.2"}
            assert gateway.gateway.runtime.pools["small"].inflight == 1
            heard.set()
            texts += [part.choices[0].delta.content async for part in stream]
    assert texts == ["one", "two"]


async def test_a_pool_turns_from_listed_to_discovered_by_a_reload(names: Names) -> None:
    async with servers("127.0.0.1", "127.0.0.2") as ups:
        names.answer = ["127.0.0.2"]
        async with serving(config({"small": pool(ups["127.0.0.1"].url)})) as gateway:
            assert await answers(gateway) == {"127.0.0.1"}
            gateway.rewrite(discovering(port_of(ups)))
            await gateway.gateway.reload()
            await names.says(["127.0.0.2"])
            assert await answers(gateway) == {"127.0.0.2"}


async def test_tls_asks_for_the_name_and_checks_it(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    http1._tls.cache_clear()
    asked: list[str | None] = []
    up = ScriptedUpstream(answer_hello)
    await up.listen(tls=server_context(asked))
    port = up.url.rpartition(":")[2]
    try:
        for name, status in ((NAME, 200), ("other.test", 502)):
            discover = {"dns": f"https://{name}:{port}"}
            async with serving(config({"small": {"model": "m", "discover": discover}})) as gateway:
                answer = await chat(gateway.url)
                assert answer.status == status
                assert asked[-1] == name
        assert up.last.headers["host"] == f"{NAME}:{port}"
        assert "TLS" in answer.error["message"]
    finally:
        await up.stop()
        http1._tls.cache_clear()


async def test_checks_by_tls_ask_for_the_name() -> None:
    asked: list[str | None] = []
    checked = asyncio.Event()

    async def script(x: Exchange) -> None:
        await x.respond({})
        checked.set()

    up = ScriptedUpstream(script)
    await up.listen(tls=server_context(asked))
    port = up.url.rpartition(":")[2]
    small = Pool("small", PoolConfig.model_validate(pool(f"https://127.0.0.1:{port}", health={"path": "/health"})))
    small.roster.list_file([Member(small.endpoints[0].url, authority=f"{NAME}:{port}")])
    small.regroup()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=client_context())) as session:
        monitor = Monitor(session)
        monitor.start([small])
        async with asyncio.timeout(20):
            await checked.wait()
        await monitor.stop()
    await up.stop()
    assert asked == [NAME]
    assert up.last.headers["host"] == f"{NAME}:{port}"


async def test_pods_of_a_rolling_update(tmp_path: Path) -> None:
    """One leaves, its successor comes; a stream that runs there is finished."""
    async with api_server() as api, servers("127.0.0.1", "127.0.0.2") as ups:
        port = [{"name": "http", "port": int(port_of(ups)), "protocol": "TCP"}]
        api.lists.put_nowait(listing(endpoint_slice(pod("127.0.0.1"), ports=port)))
        watch = api.watch()
        kubernetes = {"service": "vllm", "namespace": "models", "port": "http", "kubeconfig": api.kubeconfig(tmp_path)}
        settings = config({"small": {"model": "m", "discover": {"kubernetes": kubernetes}, "balance": "round_robin"}})
        async with serving(settings) as gateway:
            await endpoints_become(gateway, 1)  # a start does not wait for ever
            assert await answers(gateway) == {"127.0.0.1"}
            assert ups["127.0.0.1"].last.headers["host"] == f"vllm.models.svc:{port_of(ups)}"

            leaving = pod("127.0.0.1", ready=False, terminating=True)
            watch.put_nowait(event("MODIFIED", endpoint_slice(leaving, pod("127.0.0.2"), ports=port)))
            shown = await endpoints_become(gateway, 2)
            assert [(e["name"], e["state"], e["source"]) for e in shown] == [
                (f"127.0.0.1:{port_of(ups)}", "draining", "discovery"),
                (f"127.0.0.2:{port_of(ups)}", "up", "discovery"),
            ]
            assert await answers(gateway) == {"127.0.0.2"}
            answer = await call("POST", f"{gateway.url}/admin/pools/small/endpoints/{shown[0]['name']}/undrain")
            assert (answer.status, answer.error["code"]) == (409, "conflict")
            assert await answers(gateway) == {"127.0.0.2"}

            watch.put_nowait(event("MODIFIED", endpoint_slice(pod("127.0.0.2"), ports=port)))
            await endpoints_become(gateway, 1)
            assert await answers(gateway) == {"127.0.0.2"}


async def endpoints_become(gateway: Served, number: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(20):
        while True:
            shown: list[dict[str, Any]] = (await call("GET", f"{gateway.url}/admin/pools/small")).json["endpoints"]
            if len(shown) == number:
                return shown


async def test_checks_name_the_host_too(names: Names) -> None:
    asked = asyncio.Event()

    async def script(x: Exchange) -> None:
        await x.respond({})
        if x.request.target == "/engine/health":
            asked.set()

    async with scripted(script) as up:
        settings = discovering(up.url.rpartition(":")[2], health={"path": "/health", "interval": "5ms"})
        async with serving(settings), asyncio.timeout(20):
            await asked.wait()
        request = next(r for r in up.requests if r.target == "/engine/health")
        assert request.headers["host"].startswith("vllm.models:")
