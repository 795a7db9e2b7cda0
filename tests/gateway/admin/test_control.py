"""The control plane of a running gateway."""

import asyncio
import json

import pytest

from tests.support.clients import MESSAGES, call, chat, openai_sdk
from tests.support.gateway import config, pool, serving
from tests.support.upstream import answer_hello, chunk, scripted

DEAD = "http://127.0.0.1:9"


def settings(url=DEAD, **extra):
    return config({"small": pool(url)}, **extra)


# Health


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_health(method):
    async with serving(settings()) as gateway:
        health = await call(method, f"{gateway.url}/healthz")
        ready = await call(method, f"{gateway.url}/readyz")
    assert (health.status, ready.status) == (200, 200)
    if method == "GET":
        assert (health.json, ready.json) == ({"status": "ok"}, {"status": "ready", "pools": {"small": "up"}})
    else:
        assert health.body == b""


async def test_ready_with_one_live_pool_and_the_others_are_listed():
    async def healthy(x):
        await x.respond({})

    async def sick(x):
        await x.respond({}, 503)

    check = {"path": "/health", "interval": "20ms"}
    async with scripted(healthy) as good, scripted(sick) as bad:
        pools = {"a": pool(good.url, health=check), "b": pool(bad.url, health=check)}
        async with serving(config(pools)) as gateway, asyncio.timeout(10):
            answer = await call("GET", f"{gateway.url}/readyz")
            while answer.json["pools"] != {"a": "up", "b": "down"}:
                answer = await call("GET", f"{gateway.url}/readyz")
            assert (answer.status, answer.json["status"]) == (200, "ready")
            assert (await chat(gateway.url, "b")).error["code"] == "pool_unavailable"

            gateway.rewrite(config({"b": pools["b"]}))
            await gateway.gateway.reload()
            answer = await call("GET", f"{gateway.url}/readyz")
            assert (answer.status, answer.json) == (503, {"status": "no live endpoint", "pools": {"b": "down"}})


async def test_not_ready_while_draining_but_still_answering():
    async with scripted(answer_hello) as up, serving(settings(up.url)) as gateway:
        gateway.gateway.draining = True
        answer = await call("GET", f"{gateway.url}/readyz")
        assert (answer.status, answer.json["status"]) == (503, "draining")
        assert (await call("GET", f"{gateway.url}/healthz")).status == 200
        assert (await chat(gateway.url)).status == 200


# Metrics


@pytest.mark.parametrize(
    ("accept", "media"),
    [("*/*", "text/plain"), ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text")],
)
async def test_metrics_come_in_the_form_that_was_asked_for(accept, media):
    async with scripted(answer_hello) as up, serving(settings(up.url)) as gateway:
        await chat(gateway.url)
        answer = await call("GET", f"{gateway.url}/metrics", headers={"accept": accept})
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, media)
    assert b"pointsman_requests_total" in answer.body


# Reload


async def reload(gateway):
    return await call("POST", f"{gateway.url}/admin/reload")


async def test_a_reload_changes_decisions_and_pools_at_once():
    async with scripted(answer_hello) as up, serving(settings(up.url)) as gateway:
        assert (await chat(gateway.url, "new")).status == 404
        pools = {"small": pool(up.url), "new": pool(up.url, model="org/new")}
        decisions = [{"name": "other", "when": "true", "models": ["new"]}]
        gateway.rewrite(config(pools, decisions))
        answer = await reload(gateway)
        assert answer.status == 200
        assert answer.json | {"config": "", "changes": [], "findings": []} == {
            "status": "reloaded",
            "pools": ["new", "small"],
            "decisions": 1,
            "config": "",
            "changes": [],
            "findings": [],
        }
        assert [each["text"] for each in answer.json["changes"]][:2] == [
            "decision `everything`: removed",
            "decision `other`: added: when: true, models: [new]",
        ]
        assert (await chat(gateway.url)).headers["x-pointsman-decision"] == "other"
        assert (await chat(gateway.url, "new")).headers["x-pointsman-model"] == "org/new"

        gateway.rewrite(config({"new": pools["new"]}))
        await reload(gateway)
        assert (await chat(gateway.url, "small")).status == 404
        assert [*(await call("GET", f"{gateway.url}/admin/pools")).json] == ["new"]


async def test_a_bad_file_is_refused_with_every_place_and_the_old_one_goes_on():
    async with scripted(answer_hello) as up, serving(settings(up.url)) as gateway:
        gateway.path.write_text(
            "version: 1\npools:\n  small: {model: m, endpoints: [nonsense]}\ndecisions:\n"
            "  - {name: a, when: urgnt, models: [small]}\n"
        )
        answer = await reload(gateway)
        assert (answer.status, answer.error["code"]) == (400, "invalid_config")
        message = answer.error["message"]
        assert "goes on serving" in message
        assert f"{gateway.path}:3:" in message
        assert f"{gateway.path}:5:" in message
        assert (await chat(gateway.url)).status == 200

        gateway.path.write_text("version: [")
        assert f"{gateway.path}:" in (await reload(gateway)).error["message"]
        gateway.path.unlink()
        assert (await reload(gateway)).status == 400
        assert (await chat(gateway.url)).status == 200


async def test_a_reload_keeps_streams_and_leases():
    heard = asyncio.Event()

    async def script(x):
        await x.start_events()
        await x.event(chunk("one"))
        await heard.wait()
        await x.event(chunk("two", finish="stop"))
        await x.event("[DONE]")
        await x.end()

    outcomes = asyncio.Queue()
    async with scripted(script) as up, scripted(answer_hello) as other, serving(settings(up.url)) as gateway:
        gateway.gateway.observe(outcomes.put_nowait)
        async with openai_sdk(gateway.v1) as client:
            stream = await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
            texts = [(await anext(stream)).choices[0].delta.content]
            old = gateway.gateway.runtime.pools["small"]

            gateway.rewrite(settings(other.url))  # the pool stays, its endpoint goes
            assert (await reload(gateway)).status == 200
            assert gateway.gateway.runtime.pools["small"] is old
            assert old.inflight == 1
            assert (await chat(gateway.url)).status == 200

            gateway.rewrite(config({"tiny": pool(other.url)}))  # the pool goes
            assert (await reload(gateway)).status == 200
            heard.set()
            texts += [part.choices[0].delta.content async for part in stream]
        assert texts == ["one", "two"]
        ended = [await outcomes.get(), await outcomes.get()]
        assert [outcome.status for outcome in ended] == [200, 200]
        assert old.inflight == 0


async def test_what_is_learned_of_an_endpoint_survives_a_reload():
    async def script(x):
        await x.respond({"error": {"message": "broken"}}, 500)

    eject = {"eject": {"failures": 2, "for": "1h", "max": "100%"}}
    async with scripted(script) as bad, scripted(answer_hello) as good:
        start = config({"small": pool(bad.url, good.url, health=eject, retry={"attempts": 2}, balance="round_robin")})
        async with serving(start) as gateway:
            for _ in range(6):
                await chat(gateway.url)
            assert len(bad.requests) == 2
            gateway.rewrite(start | {"log": {"level": "warning"}})
            await reload(gateway)
            for _ in range(4):
                assert (await chat(gateway.url)).status == 200
            assert len(bad.requests) == 2


# Admin


async def test_pools_are_shown_as_they_are_and_without_secrets(monkeypatch):
    monkeypatch.setenv("POOL_KEY", "sk-pool-key")
    async with (
        scripted(answer_hello) as up,
        serving(config({"small": pool(up.url, DEAD, api_key="env:POOL_KEY")})) as gateway,
    ):
        answer = await call("GET", f"{gateway.url}/admin/pools")
    shown = answer.json["small"]
    assert (shown["model"], shown["healthy"], shown["inflight"]) == ("org/small-7b", True, 0)
    assert [endpoint["up"] for endpoint in shown["endpoints"]] == [True, True]
    assert b"sk-pool-key" not in answer.body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": "Bearer sk-client"}, 401),
        ({"authorization": "Bearer sk-admin"}, 200),
        ({"x-api-key": "sk-admin"}, 200),
    ],
)
async def test_with_admin_keys_one_is_needed_even_on_loopback(monkeypatch, headers, status):
    monkeypatch.setenv("ADMIN", "sk-admin")
    monkeypatch.setenv("CLIENT", "sk-client")
    auth = {"keys": [{"key": "env:CLIENT", "tenant": "t"}]}
    async with serving(settings(auth=auth, admin={"keys": ["env:ADMIN"]})) as gateway:
        answer = await call("GET", f"{gateway.url}/admin/pools", headers=headers)
        assert answer.status == status
        if status == 401:
            assert (await call("POST", f"{gateway.url}/admin/reload", headers=headers)).status == 401
            assert answer.error["code"] == "invalid_api_key"


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
async def test_without_admin_keys_whoever_comes_through_a_proxy_is_refused(header):
    async with serving(settings()) as gateway:
        assert (await call("GET", f"{gateway.url}/admin/pools")).status == 200
        answer = await call("GET", f"{gateway.url}/admin/pools", headers={header: "203.0.113.9"})
    assert (answer.status, answer.error["code"]) == (403, "forbidden")


async def test_without_admin_keys_another_machine_is_refused():
    async with serving(settings()) as gateway:
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http", "method": "GET", "path": "/admin/pools", "raw_path": b"/admin/pools", "query_string": b"",
            "headers": [(b"host", b"localhost")], "client": ("203.0.113.9", 5000), "server": ("127.0.0.1", 80),
            "scheme": "http", "http_version": "1.1", "root_path": "", "asgi": {"version": "3.0"},
        }  # fmt: skip
        await gateway.gateway(scope, receive, send)
    assert sent[0]["status"] == 403
    assert json.loads(sent[1]["body"])["error"]["code"] == "forbidden"


# Errors


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "allow"),
    [
        ("GET", "/admin/unknown", 404, "not_found", None),
        ("GET", "/admin", 404, "not_found", None),
        ("GET", "/admin/pools/", 404, "not_found", None),  # never a redirect
        ("GET", "/healthz/", 404, "not_found", None),
        ("GET", "/metrics/x", 404, "not_found", None),
        ("GET", "/admin/reload", 405, "method_not_allowed", "POST"),
        ("DELETE", "/admin/pools", 405, "method_not_allowed", "GET"),
        ("POST", "/healthz", 405, "method_not_allowed", "GET, HEAD"),
        ("OPTIONS", "/readyz", 405, "method_not_allowed", "GET, HEAD"),
    ],
)
async def test_what_is_not_there_is_an_error_object(method, path, status, code, allow):
    async with serving(settings()) as gateway:
        answer = await call(method, gateway.url + path)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert set(answer.error) == {"message", "type", "param", "code"}
    assert answer.headers["content-type"] == "application/json"
    allowed = answer.headers.get("allow")
    assert (allowed and sorted(allowed.split(", "))) == (allow and sorted(allow.split(", ")))


async def test_a_failure_of_ours_is_an_error_object_too(monkeypatch):
    async with serving(settings()) as gateway:
        monkeypatch.setattr(gateway.gateway.metrics, "scrape", lambda accept: 1 / 0)
        answer = await call("GET", f"{gateway.url}/metrics")
    assert (answer.status, answer.error["code"]) == (500, "internal_error")
    assert b"division" not in answer.body
