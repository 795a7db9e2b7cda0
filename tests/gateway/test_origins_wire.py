"""Browsers: who may call the running gateway, and what they may read of its answers."""

import json

import pytest

from pointsman.gateway.access.origin import EXPOSED
from tests.support.clients import MESSAGES, call, chat
from tests.support.gateway import config, pool, serving
from tests.support.upstream import answer_hello, scripted

DEAD = "http://127.0.0.1:9"
PAGE = "https://app.example.com"
BODY = {"model": "auto", "messages": MESSAGES}


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    monkeypatch.setenv("KEY", "sk-key")


def with_auth(url=DEAD, **extra):
    auth = {"keys": [{"key": "env:KEY", "tenant": "t"}]}
    return config({"small": pool(url)}, auth=auth, server={"cors": [PAGE]}, **extra)


def preflight(url, origin=PAGE, headers="authorization, content-type, x-stainless-os, x-pointsman-debug"):
    asked = {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": headers}
    return call("OPTIONS", f"{url}/v1/chat/completions", headers=asked)


async def test_a_preflight_of_a_listed_page_is_allowed_without_a_key():
    async with serving(with_auth()) as gateway:
        answer = await preflight(gateway.url)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "content-type", "x-stainless-os", "x-pointsman-debug"} <= set(allowed)
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_preflight_of_another_page_is_refused():
    async with serving(with_auth()) as gateway:
        answer = await preflight(gateway.url, "https://evil.example")
    assert (answer.status, answer.error["code"]) == (403, "forbidden")
    assert answer.headers["content-type"] == "application/json"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("key", ["sk-key", "wrong"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_listed_page_can_read_answers_errors_and_streams(key, stream):
    async with scripted(answer_hello) as up, serving(with_auth(up.url)) as gateway:
        headers = {"origin": PAGE, "authorization": f"Bearer {key}"}
        answer = await chat(gateway.url, headers=headers, stream=stream)
    assert answer.status == (200 if key == "sk-key" else 401)
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-expose-headers"] == EXPOSED
    assert answer.headers["vary"] == "origin"
    ours = {name.lower() for name in answer.headers if name.lower().startswith("x-")} - {"x-accel-buffering"}
    assert ours <= set(EXPOSED.split(", "))


async def test_another_page_reads_nothing_even_with_a_key():
    async with scripted(answer_hello) as up, serving(with_auth(up.url)) as gateway:
        answer = await chat(gateway.url, headers={"origin": "https://evil.example", "authorization": "Bearer sk-key"})
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.headers


async def test_what_an_upstream_says_of_origins_is_not_passed_on():
    async def script(x):
        await x.respond({"choices": []}, headers={"access-control-allow-origin": "*"})

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        assert "access-control-allow-origin" not in (await chat(gateway.url)).headers


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/models", "/v1/files"])
async def test_without_keys_a_foreign_page_is_refused_everywhere(path):
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url, paths=["/v1/files"])})) as gateway:
        answer = await call("POST", gateway.url + path, json=BODY, headers={"origin": "https://evil.example"})
        null = await call("POST", gateway.url + path, json=BODY, headers={"origin": "null"})
    assert answer.status == null.status == 403
    assert "server.cors" in answer.error["message"]
    assert ("type" in answer.json) == (path == "/v1/messages")
    assert up.requests == []


async def test_without_keys_a_form_post_that_needs_no_preflight_is_refused_too():
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        headers = {"origin": "https://evil.example", "content-type": "text/plain"}
        answer = await call("POST", f"{gateway.v1}/chat/completions", data=json.dumps(BODY), headers=headers)
    assert answer.status == 403
    assert up.requests == []


async def test_without_keys_a_listed_page_and_our_own_may_call():
    settings = config({"small": pool(DEAD)}, server={"cors": ["http://localhost:3000"]})
    async with serving(settings) as gateway:
        listed = await call("GET", f"{gateway.v1}/models", headers={"origin": "http://localhost:3000"})
        own = await call("GET", f"{gateway.v1}/models", headers={"origin": gateway.url})
    assert (listed.status, own.status) == (200, 200)
    assert listed.headers["access-control-allow-origin"] == "http://localhost:3000"


@pytest.mark.parametrize("path", ["/v1/models", "/admin/pools"])
async def test_a_name_that_was_rebound_to_loopback_is_refused(path):
    async with serving(config({"small": pool(DEAD)})) as gateway:
        answer = await call("GET", gateway.url + path, headers={"host": "evil.example"})
    assert answer.status == 403


async def test_a_page_may_not_use_the_admin_api():
    settings = config({"small": pool(DEAD)}, server={"cors": [PAGE]})
    async with serving(settings) as gateway:
        answer = await call("POST", f"{gateway.url}/admin/reload", headers={"origin": PAGE})
    assert (answer.status, answer.error["code"]) == (403, "forbidden")


async def test_a_reload_changes_who_may_call():
    settings = config({"small": pool(DEAD)})
    async with serving(settings) as gateway:
        assert (await call("GET", f"{gateway.v1}/models", headers={"origin": PAGE})).status == 403
        gateway.rewrite(settings | {"server": {"cors": [PAGE]}})
        await gateway.gateway.reload()
        assert (await call("GET", f"{gateway.v1}/models", headers={"origin": PAGE})).status == 200
