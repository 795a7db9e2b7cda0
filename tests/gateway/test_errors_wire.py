"""Errors as SDK users and curl users meet them: an object that says what to do, and the right status."""

import asyncio
import gzip
import json

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI

from tests.support.gateway import config, pool, serving
from tests.support.upstream import answer_hello, completion, scripted

MESSAGES = [{"role": "user", "content": "Say hello"}]
DEAD = "http://127.0.0.1:9"  # the discard port: nobody listens


async def post(url, data, content_type="application/json", path="/v1/chat/completions", **headers):
    headers = {"content-type": content_type, **headers}
    async with aiohttp.ClientSession() as http, http.post(url + path, data=data, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


async def ask(url, **body):
    async with AsyncOpenAI(base_url=url, api_key="x", max_retries=0) as client:
        return await client.chat.completions.create(**{"model": "auto", "messages": MESSAGES, **body})


@pytest.mark.parametrize(
    ("raw", "status", "says"),
    [
        (b"{", 400, "not valid JSON"),
        (b"", 400, "empty"),
        (b"[]", 400, "object"),
        (b'{"messages": "hi"}', 400, "`messages`"),
        (b'{"messages": [1]}', 400, "`messages`"),
        (b'{"messages": [], "model": 5}', 400, "`model`"),
        (b'{"messages": [], "stream": "yes"}', 400, "`stream`"),
        (b'{"messages": [], "x": NaN}', 400, "not valid JSON"),
        (b'{"messages": [], "x": "\\ud800"}', 400, "not valid JSON"),
        (b'{"messages": [], "x": "\xff"}', 400, "not valid JSON"),
        (b'{"messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "nested"),
        (b'{"messages": [], "tools": ' + b"[" * 300 + b"]" * 300 + b"}", 400, "nested"),
    ],
)
async def test_bad_bodies_get_an_error_object(raw, status, says):
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        got, body, headers = await post(gateway.url, raw)
    error = json.loads(body)["error"]
    assert (got, error["type"]) == (status, "invalid_request_error")
    assert says in error["message"]
    assert set(error) == {"message", "type", "param", "code"}
    assert headers["x-pointsman-error-source"] == "gateway"
    assert headers["x-request-id"]
    assert up.requests == []


async def test_a_wrong_content_type_is_a_415():
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        status, body, _ = await post(gateway.url, b"a=1", "application/x-www-form-urlencoded")
    assert (status, json.loads(body)["error"]["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_a_413(chunked):
    async def parts():
        for _ in range(20):
            yield b"x" * 1000

    settings = config({"small": pool(DEAD)}, server={"max_body": "10KB"})
    async with serving(settings) as gateway:
        status, body, _ = await post(gateway.url, parts() if chunked else b"x" * 20_000)
    assert (status, json.loads(body)["error"]["code"]) == (413, "request_too_large")


async def test_gzip_bodies_are_read_and_others_refused():
    raw = json.dumps({"model": "auto", "messages": MESSAGES}).encode()
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        fine = await post(gateway.url, gzip.compress(raw), **{"content-encoding": "gzip"})
        broken = await post(gateway.url, b"nonsense", **{"content-encoding": "gzip"})
        other = await post(gateway.url, raw, **{"content-encoding": "br"})
    assert (fine[0], broken[0], other[0]) == (200, 400, 415)
    assert up.last.json["messages"] == MESSAGES
    assert "content-encoding" not in up.last.headers


async def test_a_gzip_bomb_is_a_413():
    async with serving(config({"small": pool(DEAD)}, server={"max_body": "100KB"})) as gateway:
        status, _, _ = await post(gateway.url, gzip.compress(b"x" * 10_000_000), **{"content-encoding": "gzip"})
    assert status == 413


async def test_an_unknown_model_is_a_404_that_helps():
    async with serving(config({"small": pool(DEAD)})) as gateway:
        with pytest.raises(openai.NotFoundError, match="small") as caught:
            await ask(gateway.v1, model="smal")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


async def test_no_decision_is_a_404_that_says_what_to_add():
    decisions = [{"name": "never", "when": "false", "models": ["small"]}]
    async with serving(config({"small": pool(DEAD)}, decisions)) as gateway:
        with pytest.raises(openai.NotFoundError, match="when: true") as caught:
            await ask(gateway.v1)
    assert caught.value.code == "no_route"


async def test_upstream_4xx_pass_byte_for_byte():
    body = b'{"error":  {"message": "maximum context length is 5", "code": "context_length_exceeded"}}\n'

    async def script(x):
        await x.respond(body, 400, {"x-vendor": "1"})

    async with (
        scripted(script) as up,
        serving(config({"small": pool(up.url, up.url.replace("127.0.0.1", "localhost"))})) as gateway,
    ):
        status, got, headers = await post(gateway.url, json.dumps({"messages": MESSAGES}))
    assert (status, got, headers["x-vendor"]) == (400, body, "1")
    assert headers["x-pointsman-error-source"] == "upstream"
    assert len(up.requests) == 1  # never tried again


@pytest.mark.parametrize("status", [401, 403])
async def test_our_own_bad_key_is_a_502_that_does_not_blame_the_client(status):
    async def script(x):
        await x.respond({"error": {"message": "Incorrect API key provided: sk-secret"}}, status)

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        with pytest.raises(openai.InternalServerError, match="api_key") as caught:
            await ask(gateway.v1)
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_auth")
    assert "sk-secret" not in str(caught.value)


async def test_an_upstream_429_keeps_its_retry_after():
    async def script(x):
        await x.respond({"error": {"message": "slow down"}}, 429, {"retry-after": "7", "retry-after-ms": "7000"})

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        with pytest.raises(openai.RateLimitError, match="slow down") as caught:
            await ask(gateway.v1)
    assert caught.value.response.headers["retry-after"] == "7"


async def test_5xx_bytes_pass_if_they_are_an_error_object_else_a_502():
    answers = iter([(500, b'{"error": {"message": "engine dead", "code": "dead"}}'), (503, b"<html>busy</html>")])

    async def script(x):
        status, body = next(answers)
        await x.respond(body, status)

    async with scripted(script) as up:
        settings = config({"small": pool(up.url, retry={"attempts": 1})})
        async with serving(settings) as gateway:
            with pytest.raises(openai.InternalServerError, match="engine dead") as first:
                await ask(gateway.v1)
            with pytest.raises(openai.InternalServerError) as second:
                await ask(gateway.v1)
    assert (first.value.status_code, first.value.code) == (500, "dead")
    assert first.value.response.headers["x-should-retry"] == "false"
    assert (second.value.status_code, second.value.code) == (502, "upstream_error")
    assert "html" not in str(second.value)


async def test_a_dead_endpoint_is_passed_over():
    async with scripted(answer_hello) as up, serving(config({"small": pool(DEAD, up.url)})) as gateway:
        for _ in range(6):
            assert (await ask(gateway.v1)).choices[0].message.content == "hello"


async def test_the_next_model_of_the_decision_serves_when_the_first_cannot():
    decisions = [{"name": "all", "when": "true", "models": ["small", "large"]}]
    async with scripted(answer_hello) as up:
        pools = {"small": pool(DEAD), "large": pool(up.url) | {"model": "org/large"}}
        async with (
            serving(config(pools, decisions)) as gateway,
            AsyncOpenAI(base_url=gateway.v1, api_key="x", max_retries=0) as client,
        ):
            raw = await client.chat.completions.with_raw_response.create(model="auto", messages=MESSAGES)
    assert raw.headers["x-pointsman-pool"] == "large"
    assert raw.headers["x-pointsman-model"] == "org/large"
    assert up.last.json["model"] == "org/large"


async def test_nobody_listening_is_a_clear_502_without_addresses():
    async with serving(config({"small": pool(DEAD)})) as gateway:
        with pytest.raises(openai.InternalServerError) as caught:
            await ask(gateway.v1)
    assert caught.value.status_code == 502
    assert "127.0.0.1" not in str(caught.value)
    assert caught.value.response.headers["x-should-retry"] == "false"


async def test_a_full_pool_is_a_429_with_retry_after():
    asked, release = asyncio.Event(), asyncio.Event()

    async def script(x):
        asked.set()
        await release.wait()
        await x.respond(completion())

    async with scripted(script) as up:
        limits = {"inflight": 1, "queue": 0, "queue_timeout": "1s"}
        async with serving(config({"small": pool(up.url, limits=limits)})) as gateway:
            first = asyncio.create_task(ask(gateway.v1))
            await asked.wait()
            with pytest.raises(openai.RateLimitError) as caught:
                await ask(gateway.v1)
            release.set()
            await first
    assert caught.value.code == "pool_full"
    assert int(caught.value.response.headers["retry-after"]) >= 1


@pytest.mark.parametrize("behaviour", ["close", "reset", "garbage"])
async def test_an_upstream_that_breaks_before_headers_is_a_502(behaviour):
    async def script(x):
        if behaviour == "garbage":
            await x.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        (x.reset if behaviour == "reset" else x.close)()

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        with pytest.raises(openai.InternalServerError) as caught:
            await ask(gateway.v1)
    assert caught.value.status_code == 502


async def test_get_on_a_post_route_is_a_405_in_error_shape():
    async with (
        serving(config({"small": pool(DEAD)})) as gateway,
        aiohttp.ClientSession() as http,
        http.get(gateway.v1 + "/chat/completions") as answer,
    ):
        assert answer.status == 405
        assert (await answer.json())["error"]["code"] == "method_not_allowed"


async def test_a_connection_is_usable_after_an_error():
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(connector=connector) as http:
            for body, status in ((b"{", 400), (json.dumps({"messages": MESSAGES}).encode(), 200)):
                async with http.post(
                    gateway.v1 + "/chat/completions", data=body, headers={"content-type": "application/json"}
                ) as answer:
                    assert answer.status == status
                    await answer.read()
