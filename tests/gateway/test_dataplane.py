"""What every answer of the data plane has: paths, methods, headers, request ids."""

import asyncio
import json
import re

import openai
import pytest

from tests.support.clients import KEY, MESSAGES, anthropic_sdk, call, chat, openai_sdk
from tests.support.gateway import config, pool, serving
from tests.support.upstream import answer_hello, completion, scripted

DEAD = "http://127.0.0.1:9"
ROUTED = {
    "x-pointsman-decision",
    "x-pointsman-model",
    "x-pointsman-pool",
    "x-pointsman-cache",
    "x-pointsman-overhead-ms",
}
BODIES = {
    "chat/completions": {"messages": MESSAGES},
    "completions": {"prompt": "hi"},
    "embeddings": {"input": "hi"},
    "responses": {"input": "hi"},
    "messages": {"messages": MESSAGES, "max_tokens": 5},
    "messages/count_tokens": {"messages": MESSAGES},
}


def ours(answer):
    return {name.lower() for name in answer.headers if name.lower().startswith("x-pointsman-")}


# Paths and methods


@pytest.mark.parametrize("form", ["/v1/{}", "/{}", "/v1/{}/", "/{}/"])
@pytest.mark.parametrize("route", BODIES)
async def test_each_route_with_and_without_v1_and_slash(form, route):
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        answer = await call("POST", gateway.url + form.format(route), json=BODIES[route])
    assert answer.status == 200, answer.body
    assert ours(answer) == ROUTED


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("route", BODIES)
async def test_other_methods_are_a_405_that_names_the_right_one(method, route):
    async with serving(config({"small": pool(DEAD)})) as gateway:
        answer = await call(method, f"{gateway.v1}/{route}")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert answer.headers["x-pointsman-error-source"] == "gateway"
    if method != "HEAD":
        assert "Use POST" in answer.error["message"]
        assert ("type" in answer.json) == route.startswith("messages")


async def test_odd_request_targets_are_404s():
    async with serving(config({"small": pool(DEAD)})) as gateway:
        for target in ("*", "/v1//chat/completions", "/%2e%2e/", "/v1/chat%2Fcompletions", "http://evil.example/v1/x"):
            reader, writer = await asyncio.open_connection(*gateway.url.removeprefix("http://").split(":"))
            writer.write(f"OPTIONS {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            assert head.startswith(b"HTTP/1.1 404 "), target
            assert json.loads(body)["error"]["code"] == "not_found"


# Headers of answers


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_says_how_it_came_about(stream):
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        answer = await chat(gateway.url, stream=stream)
    assert ours(answer) == ROUTED
    assert answer.headers["x-pointsman-decision"] == "everything"
    assert answer.headers["x-pointsman-model"] == "org/small-7b"
    assert answer.headers["x-pointsman-pool"] == "small"
    assert answer.headers["x-pointsman-cache"] == "bypass"
    assert 0 < float(answer.headers["x-pointsman-overhead-ms"]) < 60_000


@pytest.mark.parametrize("stream", [False, True])
async def test_errors_after_routing_say_it_too(stream):
    async def refuse(x):
        await x.respond({"error": {"message": "no"}}, 422)

    async with scripted(refuse) as up:
        pools = {"small": pool(up.url), "dead": pool(DEAD, retry={"attempts": 1})}
        async with serving(config(pools)) as gateway:
            refused, dead = (
                await chat(gateway.url, "small", stream=stream),
                await chat(gateway.url, "dead", stream=stream),
            )
    for answer, status in ((refused, 422), (dead, 502)):
        assert answer.status == status
        assert ours(answer) == ROUTED | {"x-pointsman-error-source"}
        assert answer.headers["x-pointsman-error-source"] == "upstream"
        assert answer.headers["x-request-id"]


async def test_errors_before_routing_have_no_more_than_id_and_source():
    async with serving(config({"small": pool(DEAD)})) as gateway:
        answer = await chat(gateway.url, "nobody")
    assert ours(answer) == {"x-pointsman-error-source"}
    assert answer.headers["x-request-id"].startswith("req_")


async def test_the_model_list_has_what_applies():
    async with serving(config({"small": pool(DEAD)})) as gateway:
        answer = await call("GET", f"{gateway.v1}/models")
    assert ours(answer) == {"x-pointsman-cache", "x-pointsman-overhead-ms"}


async def test_the_overhead_leaves_out_what_the_upstream_took():
    asked, seconds = asyncio.Event(), []

    async def script(x):
        loop = asyncio.get_running_loop()
        asked.set()
        began = loop.time()
        await asyncio.sleep(0.05)
        seconds.append(loop.time() - began)
        await x.respond(completion())

    outcomes = []
    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        gateway.gateway.observe(outcomes.append)
        answer = await chat(gateway.url)
    told = outcomes[0].timings
    assert float(answer.headers["x-pointsman-overhead-ms"]) / 1000 <= told.total - seconds[0]


async def test_an_upstreams_own_x_pointsman_headers_do_not_come_through():
    async def script(x):
        await x.respond(completion(), headers={"x-pointsman-pool": "forged", "x-pointsman-other": "1", "x-vendor": "2"})

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        answer = await chat(gateway.url)
    assert answer.headers.getall("x-pointsman-pool") == ["small"]
    assert "x-pointsman-other" not in answer.headers
    assert answer.headers["x-vendor"] == "2"


# Request ids


async def test_both_sdks_see_the_request_id():
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        async with openai_sdk(gateway.v1, default_headers={"x-request-id": "mine-1"}) as client:
            answer = await client.chat.completions.create(model="auto", messages=MESSAGES)
            with pytest.raises(openai.NotFoundError) as caught:
                await client.chat.completions.create(model="nobody", messages=MESSAGES)
        async with anthropic_sdk(gateway.url) as other:
            raw = await other.messages.with_raw_response.create(model="auto", max_tokens=5, messages=MESSAGES)
    assert answer._request_id == caught.value.request_id == "mine-1"
    assert up.requests[0].headers["x-request-id"] == "mine-1"
    assert re.fullmatch(r"req_[0-9a-f]{24}", raw.headers["x-request-id"])
    assert up.requests[1].headers["x-request-id"] == raw.headers["x-request-id"]


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "caf\xe9"])
async def test_an_id_that_logs_and_headers_cannot_carry_is_replaced(given):
    async with serving(config({"small": pool(DEAD)})) as gateway:
        reader, writer = await asyncio.open_connection(*gateway.url.removeprefix("http://").split(":"))
        head = f"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-request-id: {given}\r\n\r\n"
        writer.write(head.encode("latin-1"))
        answer = (await reader.read()).decode()
        writer.close()
    assert re.search(r"^x-request-id: req_[0-9a-f]{24}\r$", answer, re.MULTILINE)


async def test_the_upstreams_id_is_kept_beside_ours():
    async def script(x):
        await x.respond(completion(), headers={"x-request-id": "theirs"})

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        answer = await chat(gateway.url, headers={"x-request-id": "ours"})
    assert answer.headers.getall("x-request-id") == ["ours"]
    assert answer.headers["x-upstream-request-id"] == "theirs"


# Headers of requests


async def test_what_is_for_the_gateway_stays_here_and_the_rest_goes_on():
    sent = {
        "x-pointsman-debug": "1",
        "x-pointsman-anything": "1",
        "openai-organization": "org",
        "idempotency-key": "i1",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "cookie": "a=b",
        "x-vendor": "v",
    }
    async with (
        scripted(answer_hello) as up,
        serving(config({"small": pool(up.url)})) as gateway,
        openai_sdk(gateway.v1) as client,
    ):
        await client.chat.completions.create(model="auto", messages=MESSAGES, extra_headers=sent)
    got = up.last.headers
    assert not [name for name in got if name.startswith("x-pointsman-")]
    assert not {"authorization", "cookie"} & got.keys()
    assert KEY not in str(got)
    for name in ("openai-organization", "idempotency-key", "traceparent", "x-vendor"):
        assert got[name] == sent[name]
    assert got["x-stainless-retry-count"] == "0"
    assert got["host"] == up.url.removeprefix("http://")


# Debug headers


URGENT = {"urgent": {"type": "keyword", "any": ["urgent"]}, "unused": {"type": "keyword", "any": ["x"]}}
RULES = [
    {"name": "hurry", "when": "urgent", "models": ["small"]},
    {"name": "rest", "when": "true", "models": ["small"]},
]


@pytest.mark.parametrize("stream", [False, True])
async def test_debug_headers_explain_the_choice(stream):
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)}, RULES, signals=URGENT)) as gateway:
        answer = await chat(gateway.url, headers={"x-pointsman-debug": "1", "x-request-id": "r1"}, stream=stream)
        plain = await chat(gateway.url, stream=stream)
    signals = json.loads(answer.headers["x-pointsman-signals"])
    trace = json.loads(answer.headers["x-pointsman-trace"])
    assert signals.keys() == {"urgent"}
    assert signals["urgent"]["value"] is False
    assert signals["urgent"]["ms"] > 0
    assert (trace["id"], trace["decision"], trace["models"], trace["skipped"]) == ("r1", "rest", ["small"], ["unused"])
    assert (trace["selection"]["by"], trace["selection"]["choice"]) == ("static", "small")
    assert ours(plain) == ROUTED


async def test_debug_headers_come_with_errors_too():
    rules = [{"name": "no", "when": "urgent", "respond": {"status": 403, "message": "No."}}]
    async with serving(config({"small": pool(DEAD)}, rules, signals=URGENT)) as gateway:
        messages = [{"role": "user", "content": "urgent"}]
        answer = await chat(gateway.url, headers={"x-pointsman-debug": "1"}, messages=messages)
    assert answer.status == 403
    assert json.loads(answer.headers["x-pointsman-trace"])["decision"] == "no"


async def test_debug_headers_can_be_switched_off():
    settings = config({"small": pool(DEAD)}, RULES, signals=URGENT, server={"debug_headers": False})
    async with serving(settings) as gateway:
        answer = await chat(gateway.url, headers={"x-pointsman-debug": "1"})
    assert not {"x-pointsman-signals", "x-pointsman-trace"} & ours(answer)


# Failures of our own


async def test_a_bug_of_ours_is_a_500_without_details_and_the_next_request_works(monkeypatch):
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        with monkeypatch.context() as patched:
            patched.setattr("pointsman.gateway.dataplane.build_facts", lambda *_: 1 / 0)
            answer = await chat(gateway.url)
        assert (answer.status, answer.error["code"]) == (500, "internal_error")
        assert b"division" not in answer.body
        assert answer.headers["x-request-id"]
        assert (await chat(gateway.url)).status == 200
