"""Endpoints that an operator adds, drains and removes while the gateway serves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from pointsman.gateway.schema.pools import MAX_ENDPOINTS
from tests.support.clients import MESSAGES, Answered, call, chat, openai_sdk
from tests.support.gateway import Served, config, pool, serving
from tests.support.upstream import Exchange, ScriptedUpstream, answer_hello, chunk, completion, scripted

DEAD = "http://127.0.0.1:9"
POOL = "/admin/pools/small"


def says(text: str) -> Callable[[Exchange], Awaitable[None]]:
    async def script(x: Exchange) -> None:
        await x.respond(completion(text))

    return script


@asynccontextmanager
async def two(**options: Any) -> AsyncIterator[tuple[ScriptedUpstream, ScriptedUpstream]]:
    async with scripted(says("one")) as one, scripted(says("two")) as two:
        yield one, two


def settings(*urls: str, **options: Any) -> dict[str, Any]:
    return config({"small": pool(*urls, **{"balance": "round_robin", **options})})


def name(up: ScriptedUpstream) -> str:
    return up.url.removeprefix("http://")


async def ask(gateway: Served, method: str, path: str = "", **options: Any) -> Answered:
    return await call(method, f"{gateway.url}{POOL}{path}", **options)


async def add(gateway: Served, body: Any) -> Answered:
    return await ask(gateway, "POST", "/endpoints", json=body)


async def who(gateway: Served, number: int = 4, **options: Any) -> set[str]:
    """Who answers."""
    said = [await chat(gateway.url, **options) for _ in range(number)]
    assert {answer.status for answer in said} == {200}
    return {answer.json["choices"][0]["message"]["content"] for answer in said}


async def becomes(gateway: Served, key: str, value: Any) -> None:
    async with asyncio.timeout(20):
        while (await ask(gateway, "GET")).json[key] != value:
            pass


async def states(gateway: Served) -> dict[str, str]:
    return {e["url"]: e["state"] for e in (await ask(gateway, "GET")).json["endpoints"]}


async def test_an_endpoint_is_added() -> None:
    async with two() as (one, other), serving(settings(one.url)) as gateway:
        answer = await add(gateway, {"url": f"{other.url}/v1", "weight": 2})
        assert answer.status == 201
        assert answer.json["status"] == "added"
        shown = answer.json["endpoint"]
        assert (shown["name"], shown["url"], shown["weight"]) == (name(other), other.url, 2.0)
        assert (shown["source"], shown["state"], shown["up"]) == ("admin", "up", True)
        assert await who(gateway) == {"one", "two"}
        metrics = (await call("GET", f"{gateway.url}/metrics")).body.decode()
        assert f'pointsman_endpoint_up{{endpoint="{name(other)}",pool="small"}} 1.0' in metrics
        assert f'pointsman_upstream_attempts_total{{endpoint="{name(other)}",pool="small",result="ok"}}' in metrics


async def test_an_added_endpoint_is_checked_like_any_other() -> None:
    async def sick(x: Exchange) -> None:
        await x.respond({}, 503)

    health = {"path": "/health", "interval": "5ms"}
    async with scripted(answer_hello) as up, scripted(sick) as bad, serving(settings(up.url, health=health)) as gateway:
        await add(gateway, {"url": bad.url})
        async with asyncio.timeout(20):
            while (await states(gateway))[bad.url] != "down":
                pass


async def test_a_drained_endpoint_finishes_what_it_has_and_gets_nothing_new() -> None:
    heard = asyncio.Event()

    async def script(x: Exchange) -> None:
        await x.start_events()
        await x.event(chunk("begin"))
        await heard.wait()
        await x.event(chunk("end", finish="stop"))
        await x.event("[DONE]")
        await x.end()

    async with two() as (one, other), serving(settings(one.url)) as gateway:
        one.script = script
        async with openai_sdk(gateway.v1) as client:
            stream = await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
            texts = [(await anext(stream)).choices[0].delta.content]
            one.script = says("one")
            await add(gateway, {"url": other.url})
            answer = await ask(gateway, "POST", f"/endpoints/{name(one)}/drain")
            assert (answer.status, answer.json["status"]) == (200, "drained")
            shown = answer.json["endpoint"]
            assert (shown["state"], shown["up"], shown["inflight"]) == ("draining", False, 1)
            assert await who(gateway) == {"two"}
            heard.set()
            texts += [part.choices[0].delta.content async for part in stream]
        assert texts == ["begin", "end"]
        answer = await ask(gateway, "POST", f"/endpoints/{name(one)}/undrain")
        assert (answer.status, answer.json["endpoint"]["state"]) == (200, "up")
        assert await who(gateway) == {"one", "two"}


async def test_a_session_moves_on_from_a_drained_endpoint_and_comes_back() -> None:
    async with two() as (one, other), serving(settings(one.url, other.url, balance="session")) as gateway:
        ups = {"one": one, "two": other}
        session: dict[str, Any] = {"headers": {"x-session-id": "s-1"}}
        (home,) = await who(gateway, **session)
        await ask(gateway, "POST", f"/endpoints/{name(ups[home])}/drain")
        assert await who(gateway, **session) == ups.keys() - {home}
        await ask(gateway, "POST", f"/endpoints/{name(ups[home])}/undrain")
        assert await who(gateway, **session) == {home}


async def test_a_removed_endpoint_finishes_what_it_has() -> None:
    heard = asyncio.Event()

    async def script(x: Exchange) -> None:
        await heard.wait()
        await x.respond(completion("late"))

    async with two() as (one, other), serving(settings(one.url, other.url)) as gateway:
        one.script = other.script = script
        asking = [asyncio.create_task(chat(gateway.url)) for _ in range(2)]
        await becomes(gateway, "inflight", 2)
        answer = await ask(gateway, "DELETE", f"/endpoints/{name(one)}")
        assert (answer.status, answer.json["status"], answer.json["endpoint"]["inflight"]) == (200, "removed", 1)
        assert await states(gateway) == {other.url: "up"}
        heard.set()
        assert [(await task).status for task in asking] == [200, 200]
        assert gateway.gateway.runtime.pools["small"].inflight == 0
        other.script = says("two")
        assert await who(gateway) == {"two"}
        assert name(one) not in (await call("GET", f"{gateway.url}/metrics")).body.decode()


async def test_the_last_one_may_go_and_the_pool_says_that_it_is_empty() -> None:
    async with two() as (one, other), serving(settings(one.url)) as gateway:
        with capture_logs() as logs:
            assert (await ask(gateway, "DELETE", f"/endpoints/{name(one)}")).status == 200
        assert [line["event"] for line in logs] == ["pool_empty", "endpoint_removed"]
        answer = await chat(gateway.url)
        assert (answer.status, answer.error["code"]) == (503, "pool_unavailable")
        ready = await call("GET", f"{gateway.url}/readyz")
        assert (ready.status, ready.json["pools"]) == (503, {"small": "down"})
        await add(gateway, {"url": other.url})
        assert await who(gateway) == {"two"}
        assert (await call("GET", f"{gateway.url}/readyz")).status == 200


async def test_a_pool_whose_endpoints_all_drain_is_not_ready() -> None:
    async with two() as (one, other), serving(settings(one.url, other.url)) as gateway:
        for up in (one, other):
            assert (await call("GET", f"{gateway.url}/readyz")).status == 200
            await ask(gateway, "POST", f"/endpoints/{name(up)}/drain")
        ready = await call("GET", f"{gateway.url}/readyz")
        assert (ready.status, ready.json["pools"]) == (503, {"small": "down"})
        assert (await chat(gateway.url)).error["code"] == "pool_unavailable"


async def test_who_waits_for_a_pool_is_sent_on_when_its_last_endpoint_drains() -> None:
    async def script(x: Exchange) -> None:
        await heard.wait()
        await x.respond(completion("late"))

    heard = asyncio.Event()
    async with scripted(script) as up, serving(settings(up.url, limits={"inflight": 1})) as gateway:
        asking = [asyncio.create_task(chat(gateway.url)) for _ in range(2)]
        await becomes(gateway, "queue", 1)
        await ask(gateway, "POST", f"/endpoints/{name(up)}/drain")
        (refused,), (running,) = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        assert (await refused).error["code"] == "pool_unavailable"
        heard.set()
        assert (await running).status == 200


async def test_a_reload_keeps_what_the_operator_did() -> None:
    async with two() as (one, other), serving(settings(DEAD, one.url)) as gateway:
        await add(gateway, {"url": other.url})
        await ask(gateway, "DELETE", "/endpoints/127.0.0.1:9")
        await ask(gateway, "POST", f"/endpoints/{name(one)}/drain")
        gateway.rewrite(settings(DEAD, one.url, retry={"attempts": 1}))
        assert (await call("POST", f"{gateway.url}/admin/reload")).status == 200
        assert await states(gateway) == {one.url: "draining", other.url: "up"}
        assert await who(gateway) == {"two"}
        assert (await add(gateway, {"url": DEAD})).status == 201


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({}, "url", "field required"),
        ({"url": "gpu-3:8000"}, "url", "an endpoint is an absolute http or https URL, such as http://127.0.0.1:8001"),
        ({"url": "http://me:secret@gpu-3"}, "url", "credentials do not belong"),
        ({"url": 5}, "url", "string"),
        ({"url": DEAD, "weight": 0}, "weight", "greater than 0"),
        ({"url": DEAD, "weight": "2"}, "weight", "number"),
        ({"url": DEAD, "wieght": 2}, "wieght", "not permitted"),
    ],
)
async def test_what_is_no_endpoint_is_refused(body: Any, param: str, says: str) -> None:
    async with serving(settings(DEAD)) as gateway:
        answer = await add(gateway, body)
        assert (answer.status, answer.error["code"], answer.error["param"]) == (400, "invalid_request", param)
        assert says in answer.error["message"]
        assert "secret" not in answer.error["message"]
        assert await states(gateway) == {DEAD: "up"}


@pytest.mark.parametrize(
    ("data", "media", "status", "code"),
    [
        (b"{", "application/json", 400, "invalid_json"),
        (b"[]", "application/json", 400, "invalid_request"),
        (b'{"url": "http://a"}', "text/plain", 415, "unsupported_media_type"),
        (json.dumps({"url": "x" * 70_000}).encode(), "application/json", 413, "request_too_large"),
    ],
)
async def test_a_body_that_is_none(data: bytes, media: str, status: int, code: str) -> None:
    async with serving(settings(DEAD)) as gateway:
        answer = await ask(gateway, "POST", "/endpoints", data=data, headers={"content-type": media})
    assert (answer.status, answer.error["code"]) == (status, code)


@pytest.mark.parametrize("url", [DEAD, f"{DEAD}/v1/", "HTTP://127.0.0.1:9"])
async def test_an_endpoint_that_is_there_already(url: str) -> None:
    async with serving(settings(DEAD)) as gateway:
        answer = await add(gateway, {"url": url})
        assert (answer.status, answer.error["code"]) == (409, "conflict")
        assert "127.0.0.1:9 already" in answer.error["message"]


async def test_there_is_a_most() -> None:
    urls = [f"http://127.0.0.1:{1 + n}" for n in range(MAX_ENDPOINTS)]
    async with serving(settings(*urls)) as gateway:
        answer = await add(gateway, {"url": "http://127.0.0.2:1"})
        assert (answer.status, answer.error["code"]) == (409, "conflict")
        assert str(MAX_ENDPOINTS) in answer.error["message"]


@pytest.mark.parametrize(
    ("method", "path", "says"),
    [
        ("GET", "/admin/pools/smal", "no pool 'smal'; did you mean `small`?"),
        ("POST", "/admin/pools/smal/endpoints", "no pool 'smal'; did you mean `small`?"),
        ("DELETE", "/admin/pools/smal/endpoints/127.0.0.1:9", "no pool 'smal'"),
        ("DELETE", "/admin/pools/small/endpoints/127.0.0.1:8", "no endpoint '127.0.0.1:8'; did you mean `127.0.0.1:9`"),
        ("POST", "/admin/pools/small/endpoints/gpu-7/drain", "known are 127.0.0.1:9"),
        ("POST", "/admin/pools/small/endpoints/gpu-7/undrain", "known are 127.0.0.1:9"),
    ],
)
async def test_what_is_not_there(method: str, path: str, says: str) -> None:
    async with serving(settings(DEAD)) as gateway:
        answer = await call(method, gateway.url + path)
    assert (answer.status, answer.error["code"]) == (404, "not_found")
    assert says in answer.error["message"]


@pytest.mark.parametrize("named", ["127.0.0.1:9/team/a", "http://127.0.0.1:9/team/a"])
async def test_a_name_may_have_a_path_and_may_be_the_url(named: str) -> None:
    async with serving(settings(f"{DEAD}/team/a", f"{DEAD}/team/b")) as gateway:
        assert (await ask(gateway, "POST", f"/endpoints/{named}/drain")).status == 200
        assert await states(gateway) == {f"{DEAD}/team/a": "draining", f"{DEAD}/team/b": "up"}
        assert (await ask(gateway, "DELETE", f"/endpoints/{named}")).status == 200
        assert await states(gateway) == {f"{DEAD}/team/b": "up"}


async def test_a_name_of_two_endpoints_needs_the_url() -> None:
    async with serving(settings(DEAD, DEAD.replace("http:", "https:"))) as gateway:
        answer = await ask(gateway, "DELETE", "/endpoints/127.0.0.1:9")
        assert (answer.status, answer.error["code"]) == (409, "conflict")
        assert f"{DEAD} and https://127.0.0.1:9" in answer.error["message"]
        assert (await ask(gateway, "DELETE", f"/endpoints/{DEAD}")).status == 200
        assert (await ask(gateway, "DELETE", "/endpoints/127.0.0.1:9")).status == 200


async def test_an_admin_key_is_needed_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN", "sk-admin")
    async with serving(settings(DEAD) | {"admin": {"keys": ["env:ADMIN"]}}) as gateway:
        for method, path in (
            ("POST", "/endpoints"),
            ("DELETE", "/endpoints/127.0.0.1:9"),
            ("POST", "/endpoints/127.0.0.1:9/drain"),
            ("POST", "/endpoints/127.0.0.1:9/undrain"),
            ("GET", ""),
        ):
            assert (await ask(gateway, method, path, data=b"{")).status == 401
        key = {"authorization": "Bearer sk-admin"}
        assert (await ask(gateway, "DELETE", "/endpoints/127.0.0.1:9", headers=key)).status == 200
