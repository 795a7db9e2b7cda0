"""What a pool is sent: the client's bytes, or what they mean in the pool's wire."""

from __future__ import annotations

import json

import pytest

from pointsman.gateway.errors import BadRequest
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.relay.outbound import prepare
from pointsman.gateway.schema.pools import PoolConfig
from pointsman.gateway.wire.dialect import DIALECTS
from pointsman.gateway.wire.inbound import Inbound
from pointsman.signals.facts import Route

CHAT = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}


def pool_of(**extra):
    return Pool("p", PoolConfig(model="org/m", endpoints=["http://127.0.0.1:9"], **extra))


def inbound(body, route=Route.CHAT, path=None, raw=None, query=b"", headers=None):
    raw = json.dumps(body).encode() if raw is None else raw
    return Inbound(route, "POST", path or f"/{route.value}", query, headers or {}, raw, body)


def sent(given, **pool):
    return prepare(given, pool_of(**pool), "r")


async def test_only_the_model_is_rewritten():
    raw = b'{ "seed":12345678901234567890123, "model" :"auto","messages":[{"role":"user","content":"hi"}], "t": 1.50}'
    out = sent(inbound(CHAT, raw=raw))
    assert out.body == raw.replace(b'"auto"', b'"org/m"')
    assert (out.method, out.path, out.translation) == ("POST", "/v1/chat/completions", None)


async def test_a_model_that_was_not_named_is_added():
    body = {"messages": []}
    assert json.loads(sent(inbound(body)).body) == {"messages": [], "model": "org/m"}


async def test_queries_pass():
    assert sent(inbound(CHAT, query=b"api-version=1&x=%20")).path == "/v1/chat/completions?api-version=1&x=%20"


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        (None, {"include_usage": True}),
        ({}, {"include_usage": True}),
        ({"include_usage": False}, {"include_usage": True}),
        ({"include_obfuscation": False}, {"include_obfuscation": False, "include_usage": True}),
        ({"include_usage": True, "x": 1}, {"include_usage": True, "x": 1}),
        (5, 5),
    ],
)
async def test_streams_are_asked_for_their_usage(options, asked):
    body = {**CHAT, "stream": True, "stream_options": options}
    assert json.loads(sent(inbound(body)).body)["stream_options"] == asked


@pytest.mark.parametrize("body", [CHAT, {**CHAT, "stream": False}])
async def test_plain_requests_are_not(body):
    assert "stream_options" not in json.loads(sent(inbound(body)).body)


async def test_other_wires_know_no_such_option():
    out = sent(inbound({"input": "hi", "stream": True}, Route.RESPONSES), native=["responses"])
    assert "stream_options" not in json.loads(out.body)
    assert out.dialect is DIALECTS[Route.RESPONSES]


MESSAGES = {"model": "auto", "max_tokens": 5, "messages": CHAT["messages"]}


@pytest.mark.parametrize("pool", [{"provider": "anthropic"}, {"native": ["messages"]}])
async def test_a_pool_that_speaks_the_clients_wire_gets_its_bytes(pool):
    out = sent(inbound(MESSAGES, Route.MESSAGES), **pool)
    assert (out.path, out.translation) == ("/v1/messages", None)
    assert json.loads(out.body) == {**MESSAGES, "model": "org/m"}


@pytest.mark.parametrize(
    ("body", "route", "pool", "path", "answer"),
    [
        (MESSAGES, Route.MESSAGES, {}, "/v1/chat/completions", Route.CHAT),
        ({"input": "hi"}, Route.RESPONSES, {}, "/v1/chat/completions", Route.CHAT),
        (CHAT, Route.CHAT, {"provider": "anthropic"}, "/v1/messages", Route.MESSAGES),
    ],
)
async def test_other_pools_get_a_translation(body, route, pool, path, answer):
    out = sent(inbound(body, route, query=b"beta=true", headers={"content-type": "application/x+json"}), **pool)
    assert out.translation is not None
    assert (out.path, out.dialect, out.headers["content-type"]) == (path, DIALECTS[answer], "application/json")
    assert json.loads(out.body)["model"] == "org/m"


@pytest.mark.parametrize(
    ("route", "pool"),
    [
        (Route.EMBEDDINGS, {"provider": "anthropic"}),
        (Route.COMPLETIONS, {"provider": "anthropic"}),
        (Route.COUNT_TOKENS, {}),
    ],
)
async def test_what_a_pool_cannot_do_is_said(route, pool):
    with pytest.raises(BadRequest, match=route.value):
        sent(inbound({"input": "hi", "prompt": "hi", "messages": []}, route), **pool)


async def test_the_pools_key_replaces_the_clients(monkeypatch):
    monkeypatch.setenv("POOL_KEY", "pool-secret")
    out = sent(inbound(CHAT, headers={"authorization": "Bearer client"}), api_key="env:POOL_KEY")
    assert out.headers["authorization"] == "Bearer pool-secret"


async def test_paths_of_which_we_know_nothing_keep_their_bytes():
    raw = b'{"input": "hi"}'
    out = sent(inbound({"input": "hi"}, Route.OTHER, "/rerank", raw), paths=["/v1/rerank"])
    assert (out.body, out.path) == (raw, "/v1/rerank")
    named = b'{"model": "auto"}'
    assert (
        sent(inbound({"model": "auto"}, Route.OTHER, "/rerank", named), paths=["/rerank"]).body == b'{"model": "org/m"}'
    )
