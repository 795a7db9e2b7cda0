"""The HTTP face as the OpenAI SDK sees it."""

from __future__ import annotations

import asyncio
import json
import math
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI
from prometheus_client.parser import text_string_to_metric_families

from pointsman.gateway.sim.engine import EngineOptions
from pointsman.gateway.sim.faults import Fault, Kind
from pointsman.gateway.sim.options import PRESETS, Preset, SimOptions
from pointsman.gateway.sim.server import SimServer

Start = Callable[..., Awaitable[tuple[SimServer, AsyncOpenAI]]]
Until = Callable[[Callable[[], bool]], Awaitable[None]]

MODEL = "pointsman/small"
ASK: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
ENDLESS = {"max_tokens": 30_000, "extra_body": {"ignore_eos": True}}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "get_time"}}


def ask(text: str, **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}


async def metrics(server: SimServer) -> dict[tuple[str, ...], float]:
    """Samples by name and label values, without those that every series has."""
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/metrics") as response:
        families = text_string_to_metric_families(await response.text())
    common = {"model_name": MODEL, "engine": "0"}
    return {
        (
            sample.name,
            *(value for name, value in sorted(sample.labels.items()) if name not in common),
        ): sample.value
        for family in families
        for sample in family.samples
        if sample.name == "vllm:cache_config_info" or common.items() <= sample.labels.items()
    }


class TestChat:
    async def test_an_answer_names_the_model_and_counts_its_tokens(self, start: Start) -> None:
        _, client = await start()
        answer = await client.chat.completions.create(**ASK)
        choice = answer.choices[0]
        assert (choice.message.content or "").startswith(f'{MODEL} here. You wrote: "Why is the sky blue?".')
        assert (choice.finish_reason, answer.model, answer.object) == ("stop", MODEL, "chat.completion")
        assert answer.usage is not None
        assert answer.usage.prompt_tokens > 5
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens

    async def test_the_same_request_gets_the_same_answer_and_another_seed_another(self, start: Start) -> None:
        _, client = await start()
        one, same, other = [
            (await client.chat.completions.create(**ASK, **more)).choices[0].message.content
            for more in ({}, {}, {"seed": 5})
        ]
        assert one == same != other

    async def test_a_stream_is_as_vllm_sends_it(self, start: Start) -> None:
        _, client = await start()
        whole = await client.chat.completions.create(**ASK)
        stream = await client.chat.completions.create(**ASK, stream=True, stream_options={"include_usage": True})
        first, *middle, last, usage = [chunk async for chunk in stream]
        assert (first.choices[0].delta.role, first.choices[0].delta.content) == ("assistant", "")
        text = "".join(chunk.choices[0].delta.content or "" for chunk in [*middle, last])
        assert text == whole.choices[0].message.content
        assert {chunk.choices[0].finish_reason for chunk in [first, *middle]} == {None}
        assert last.choices[0].finish_reason == "stop"
        assert len({(chunk.id, chunk.model, chunk.created) for chunk in [first, *middle, last, usage]}) == 1
        assert usage.choices == []
        assert usage.usage is not None
        assert whole.usage is not None
        assert usage.usage.completion_tokens == whole.usage.completion_tokens == len(middle) + 1

    async def test_without_include_usage_no_chunk_has_it(self, start: Start) -> None:
        _, client = await start()
        chunks = [chunk async for chunk in await client.chat.completions.create(**ASK, stream=True)]
        assert all(chunk.usage is None and chunk.choices for chunk in chunks)

    async def test_the_raw_stream_ends_with_done(self, start: Start) -> None:
        server, _ = await start()
        body = {**ASK, "stream": True}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{server.url}/v1/chat/completions", json=body) as response,
        ):
            assert response.content_type == "text/event-stream"
            text = await response.text()
        assert text.endswith("data: [DONE]\n\n")
        assert all(event.startswith("data: ") for event in text.strip().split("\n\n"))

    async def test_several_choices_stream_side_by_side(self, start: Start) -> None:
        _, client = await start()
        whole = await client.chat.completions.create(**ASK, n=3)
        texts, ends = ["", "", ""], [0, 0, 0]
        async for chunk in await client.chat.completions.create(**ASK, n=3, stream=True):
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
                ends[choice.index] += choice.finish_reason is not None
        assert texts == [choice.message.content for choice in whole.choices]
        assert len(set(texts)) == 3
        assert ends == [1, 1, 1]

    @pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
    async def test_the_limit_holds(self, start: Start, name: str) -> None:
        _, client = await start()
        answer = await client.chat.completions.create(**ASK, **{name: 7})
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage is not None
        assert answer.usage.completion_tokens == 7

    async def test_a_stop_string_ends_the_answer(self, start: Start) -> None:
        _, client = await start()
        answer = await client.chat.completions.create(**ASK, stop=[" wrote"])
        assert answer.choices[0].message.content == f"{MODEL} here. You"
        assert answer.choices[0].finish_reason == "stop"

    async def test_ignore_eos_gives_exactly_as_many_tokens_as_asked(self, start: Start) -> None:
        _, client = await start()
        answer = await client.chat.completions.create(**ASK, max_tokens=300, extra_body={"ignore_eos": True})
        assert answer.usage is not None
        assert answer.usage.completion_tokens == 300

    async def test_logprobs_come_for_every_token(self, start: Start) -> None:
        _, client = await start()
        answer = await client.chat.completions.create(**ASK, logprobs=True, top_logprobs=2, max_tokens=4)
        entries = answer.choices[0].logprobs
        assert entries is not None
        assert entries.content is not None
        assert "".join(entry.token for entry in entries.content) == answer.choices[0].message.content
        assert all(entry.logprob <= 0 and len(entry.top_logprobs) == 2 for entry in entries.content)

    async def test_a_second_turn_finds_the_first_in_the_prefix_cache(self, start: Start) -> None:
        _, client = await start()
        first = await client.chat.completions.create(**ASK)
        turns = [*ASK["messages"], {"role": "assistant", "content": first.choices[0].message.content}]
        second = await client.chat.completions.create(
            model=MODEL, messages=[*turns, {"role": "user", "content": "And at night?"}]
        )
        assert first.usage is not None
        assert second.usage is not None
        assert second.usage.prompt_tokens_details is not None
        assert 0 < (second.usage.prompt_tokens_details.cached_tokens or 0) < second.usage.prompt_tokens

    async def test_content_parts_are_read(self, start: Start) -> None:
        _, client = await start()
        parts = [
            {"type": "text", "text": "What is on this picture?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ]
        answer = await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}])  # type: ignore[misc, list-item]
        assert "What is on this picture?" in (answer.choices[0].message.content or "")

    async def test_json_is_answered_with_json(self, start: Start) -> None:
        _, client = await start()
        answer = await client.chat.completions.create(**ASK, response_format={"type": "json_object"})
        assert json.loads(answer.choices[0].message.content or "")["model"] == MODEL
        schema = {"type": "object", "properties": {"count": {"type": "integer"}}}
        wanted = {"type": "json_schema", "json_schema": {"name": "counted", "schema": schema}}
        answer = await client.chat.completions.create(**ASK, response_format=wanted)
        assert json.loads(answer.choices[0].message.content or "") == {"count": 1}


class TestTools:
    async def test_a_tool_that_the_prompt_names_is_called(self, start: Start) -> None:
        _, client = await start()
        answer = await client.chat.completions.create(**ask("get_weather in Oslo", tools=[CLOCK, WEATHER]))
        assert answer.choices[0].finish_reason == "tool_calls"
        assert answer.choices[0].message.content is None
        (call,) = answer.choices[0].message.tool_calls or []
        assert call.type == "function"
        assert call.function.name == "get_weather"
        assert json.loads(call.function.arguments) == {"city": "get_weather in Oslo", "days": 1}

    async def test_a_streamed_call_opens_with_its_name_and_goes_on_with_arguments(self, start: Start) -> None:
        _, client = await start()
        body = ask("get_weather and get time", tools=[CLOCK, WEATHER])
        whole = await client.chat.completions.create(**body)
        calls: dict[int, list[Any]] = {}
        async for chunk in await client.chat.completions.create(**body, stream=True):
            for delta in chunk.choices[0].delta.tool_calls or []:
                calls.setdefault(delta.index, []).append(delta)
            reason = chunk.choices[0].finish_reason
        assert reason == "tool_calls"
        for index, expected in enumerate(whole.choices[0].message.tool_calls or []):
            first, *rest = calls[index]
            assert expected.type == "function"
            assert (first.id, first.type, first.function.name) == (
                expected.id,
                "function",
                expected.function.name,
            )
            assert all(delta.id is None and delta.function.name is None for delta in rest)
            assert "".join(delta.function.arguments for delta in rest) == expected.function.arguments
        assert len(calls) == 2

    @pytest.mark.parametrize(
        ("choice", "called"),
        [
            ("auto", []),
            ("none", []),
            ("required", ["get_time"]),
            ({"type": "function", "function": {"name": "get_weather"}}, ["get_weather"]),
        ],
    )
    async def test_the_choice_is_followed(self, start: Start, choice: Any, called: list[str]) -> None:
        _, client = await start()
        answer = await client.chat.completions.create(**ASK, tools=[CLOCK, WEATHER], tool_choice=choice)
        calls = answer.choices[0].message.tool_calls or []
        assert [call.function.name for call in calls if call.type == "function"] == called

    async def test_the_result_of_a_tool_is_answered_with_text(self, start: Start) -> None:
        _, client = await start()
        call = {"id": "1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
        messages: list[Any] = [
            {"role": "user", "content": "get_time please"},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "noon"},
        ]
        answer = await client.chat.completions.create(model=MODEL, messages=messages, tools=[CLOCK])  # type: ignore[list-item]
        assert answer.choices[0].message.tool_calls is None


class TestOtherRoutes:
    async def test_completions_of_several_prompts(self, start: Start) -> None:
        _, client = await start()
        answer = await client.completions.create(model=MODEL, prompt=["one", "two"], n=2, max_tokens=60)
        assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
        assert ['"one"' in choice.text for choice in answer.choices] == [True, True, False, False]
        assert answer.usage is not None
        assert answer.usage.prompt_tokens == 2

    async def test_a_completion_streams_the_text_that_it_gives_whole(self, start: Start) -> None:
        _, client = await start()
        body: dict[str, Any] = {"model": MODEL, "prompt": "one", "max_tokens": 40, "logprobs": 1}
        whole = await client.completions.create(**body)
        chunks = [chunk async for chunk in await client.completions.create(**body, stream=True)]
        assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
        offsets = [offset for chunk in chunks for offset in (chunk.choices[0].logprobs or Any).text_offset or []]  # type: ignore[union-attr]
        assert whole.choices[0].logprobs is not None
        assert offsets == whole.choices[0].logprobs.text_offset

    async def test_a_completion_may_echo_its_prompt_and_take_token_ids(self, start: Start) -> None:
        _, client = await start()
        echoed = await client.completions.create(model=MODEL, prompt="Once upon", echo=True, max_tokens=3)
        assert echoed.choices[0].text.startswith(f"Once upon{MODEL[:5]}")
        answer = await client.completions.create(model=MODEL, prompt=[1, 2, 3], max_tokens=3)
        assert answer.usage is not None
        assert answer.usage.prompt_tokens == 3

    async def test_embeddings_are_the_same_as_floats_and_as_base64(self, start: Start) -> None:
        _, client = await start()
        decoded = await client.embeddings.create(model=MODEL, input=["bread", "taxes"])
        floats = await client.embeddings.create(model=MODEL, input=["bread", "taxes"], encoding_format="float")
        assert [item.embedding for item in decoded.data] == [item.embedding for item in floats.data]
        assert decoded.data[0].embedding != decoded.data[1].embedding
        assert len(decoded.data[0].embedding) == 384
        assert decoded.usage.prompt_tokens == 2
        short = await client.embeddings.create(model=MODEL, input="bread", dimensions=8)
        assert math.hypot(*short.data[0].embedding) == pytest.approx(1)
        assert len(short.data[0].embedding) == 8

    async def test_models_are_listed_under_their_served_names(self, start: Start) -> None:
        _, client = await start(names=("auto", "chat"))
        assert [model.id async for model in client.models.list()] == ["auto", "chat"]
        assert (await client.chat.completions.create(**{**ASK, "model": "chat"})).model == "chat"

    async def test_tokenize_agrees_with_usage(self, start: Start) -> None:
        server, client = await start()
        answer = await client.chat.completions.create(**ASK)
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{server.url}/tokenize", json={**ASK, "return_token_strs": True}) as response,
        ):
            body = await response.json()
        assert answer.usage is not None
        assert body["count"] == len(body["tokens"]) == len(body["token_strs"]) == answer.usage.prompt_tokens
        assert body["max_model_len"] == 32_768

    @pytest.mark.parametrize("path", ["/health", "/ping", "/version", "/load"])
    async def test_the_server_tells_how_it_is(self, start: Start, path: str) -> None:
        server, _ = await start(api_key="secret")
        async with aiohttp.ClientSession() as session, session.get(server.url + path) as response:
            assert response.status == 200


class TestErrors:
    async def test_an_unknown_model(self, start: Start) -> None:
        _, client = await start()
        with pytest.raises(openai.NotFoundError) as caught:
            await client.chat.completions.create(**{**ASK, "model": "gpt-9"})
        assert caught.value.body == {
            "message": "The model `gpt-9` does not exist.",
            "type": "NotFoundError",
            "param": "model",
            "code": 404,
        }

    @pytest.mark.parametrize(("text", "limit"), [("word " * 600, None), ("short", 500)])
    async def test_more_than_the_context_holds(self, start: Start, text: str, limit: int | None) -> None:
        _, client = await start(engine=EngineOptions(max_model_len=500))
        with pytest.raises(openai.BadRequestError, match="maximum context length is 500 tokens"):
            await client.chat.completions.create(**ask(text, max_tokens=limit))

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (b"{", "not valid JSON"),
            (b"[]", "valid dictionary"),
            (b'{"messages": []}', "messages"),
            (b'{"messages": [{"role": "user", "content": 5}]}', "messages.0.content"),
            (b'{"messages": [{"role": "user"}], "max_tokens": 0}', "max_tokens"),
            (b'{"messages": [{"role": "user"}], "tool_choice": "required"}', "tools"),
        ],
    )
    async def test_a_bad_body_says_what_is_wrong(self, start: Start, body: bytes, message: str) -> None:
        server, _ = await start()
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{server.url}/v1/chat/completions", data=body) as response,
        ):
            error = (await response.json())["error"]
        assert (response.status, error["code"], error["type"]) == (400, 400, "BadRequestError")
        assert message in error["message"]

    @pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/v1/embeddings", 405)])
    async def test_what_is_not_there(self, start: Start, method: str, path: str, status: int) -> None:
        server, _ = await start()
        async with aiohttp.ClientSession() as session, session.request(method, server.url + path) as response:
            assert response.status == status
            assert path in (await response.json())["error"]["message"]

    async def test_a_key_is_asked_for(self, start: Start) -> None:
        server, client = await start(api_key="secret")
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(**ASK)
        assert await client.with_options(api_key="secret").chat.completions.create(**ASK)
        assert "secret" not in repr(server.options)


class TestDisconnect:
    """The speed is that of a real server, so an endless answer lasts minutes."""

    async def test_in_the_middle_of_a_stream(self, start: Start, until: Until) -> None:
        server, client = await start(speed=1.0)
        stream = await client.chat.completions.create(**ASK, **ENDLESS, stream=True)
        await anext(stream.__aiter__())
        assert len(server.engine.running) == 1
        await stream.close()
        await until(lambda: server.engine.idle)
        assert server.engine.kv_usage == 0
        samples = await metrics(server)
        assert samples["vllm:request_success_total", "abort"] == 1
        assert samples["vllm:num_requests_running",] == 0

    @pytest.mark.parametrize("stream", [True, False])
    async def test_while_it_waits_and_before_any_answer(self, start: Start, until: Until, stream: bool) -> None:
        server, client = await start(speed=1.0, engine=EngineOptions(max_num_seqs=1))
        first = asyncio.create_task(client.chat.completions.create(**ASK, **ENDLESS))
        await until(lambda: len(server.engine.running) == 1)
        second = asyncio.create_task(_read(client, ask("Second", stream=stream)))
        await until(lambda: len(server.engine.waiting) == 1)
        assert (await metrics(server))["vllm:num_requests_waiting_by_reason", "capacity"] == 1
        second.cancel()
        await until(lambda: not server.engine.waiting)
        assert len(server.engine.running) == 1
        first.cancel()
        await until(lambda: server.engine.idle)
        await asyncio.gather(first, second, return_exceptions=True)


async def _read(client: AsyncOpenAI, body: dict[str, Any]) -> list[Any]:
    answer = await client.chat.completions.create(**body)
    return [chunk async for chunk in answer] if body.get("stream") else [answer]


class TestFaults:
    @pytest.mark.parametrize("stream", [True, False])
    async def test_errors_with_status_and_retry_after(self, start: Start, stream: bool) -> None:
        _, client = await start(faults=(Fault(kind=Kind.ERROR, status=529, retry_after=3, times=1),))
        with pytest.raises(openai.InternalServerError) as caught:
            await _read(client, {**ASK, "stream": stream})
        assert (caught.value.status_code, caught.value.response.headers["retry-after"]) == (529, "3")
        assert await _read(client, {**ASK, "stream": stream})

    async def test_a_reset_before_the_headers(self, start: Start) -> None:
        server, _ = await start()
        with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
            await _post(server, "reset")

    @pytest.mark.parametrize("fault", ["cut:after=3", "reset_stream:after=3"])
    async def test_a_stream_that_breaks_off(self, start: Start, fault: str) -> None:
        _, client = await start()
        seen: list[Any] = []
        headers = {"x-sim-fault": fault}
        stream = await client.chat.completions.create(**ASK, stream=True, extra_headers=headers)
        with pytest.raises((openai.APIConnectionError, json.JSONDecodeError)):
            await _collect(stream, seen)
        assert len(seen) == 3

    async def test_a_truncated_stream_looks_complete_to_http(self, start: Start) -> None:
        server, _ = await start()
        body = await _post(server, "truncate:after=2")
        assert body.count(b"data: ") == 2
        assert b"[DONE]" not in body

    @pytest.mark.parametrize(
        ("fault", "end", "reset"),
        [
            ("cut:after=1", b"\n\n\r\n", False),
            ("truncate:after=1", b"\n\n\r\n0\r\n\r\n", False),
            ("reset_stream:after=1", b"", True),
            ("reset", b"", True),
        ],
    )
    async def test_how_the_connection_ends(self, start: Start, fault: str, end: bytes, reset: bool) -> None:
        server, _ = await start()
        received, was_reset = await _raw(server, fault)
        assert received.endswith(end)
        assert was_reset is reset
        assert received.count(b"data: ") == {"reset": 0, "reset_stream:after=1": 2}.get(fault, 1)

    @pytest.mark.parametrize("fault", ["cut", "reset_stream", "truncate"])
    async def test_a_body_that_breaks_off(self, start: Start, fault: str) -> None:
        server, _ = await start()
        try:
            body = await _post(server, fault, ASK)
        except (aiohttp.ClientError, ConnectionError):
            assert fault != "truncate"
        else:
            assert fault == "truncate"
            with pytest.raises(json.JSONDecodeError):
                json.loads(body)

    @pytest.mark.parametrize("fault", ["hang", "hang_stream:after=2"])
    async def test_a_hang_lasts_until_the_client_leaves(self, start: Start, until: Until, fault: str) -> None:
        server, _ = await start()
        task = asyncio.create_task(_post(server, fault))
        await until(lambda: server.inflight == 1)
        task.cancel()
        await until(lambda: server.inflight == 0)
        assert server.engine.idle

    async def test_latency_comes_before_an_answer_that_is_otherwise_right(self, start: Start) -> None:
        server, _ = await start()
        assert (await _post(server, "latency:seconds=0.001")).endswith(b"data: [DONE]\n\n")

    async def test_a_bad_header_is_refused(self, start: Start) -> None:
        server, _ = await start()
        assert b"x-sim-fault: 'explode' is no fault" in await _post(server, "explode")

    async def test_faults_are_set_listed_and_cleared_over_http(self, start: Start) -> None:
        server, client = await start()
        url = f"{server.url}/sim/faults"
        async with aiohttp.ClientSession() as session:
            async with session.post(url, json={"kind": "error", "status": 503}) as response:
                assert await response.json() == [{"kind": "error", "status": 503}]
            with pytest.raises(openai.InternalServerError):
                await client.chat.completions.create(**ASK)
            async with session.post(url, json=[{"kind": "explode"}]) as response:
                assert response.status == 400
            async with session.get(url) as response:
                assert len(await response.json()) == 1, "a bad list changes nothing"
            async with session.delete(url) as response:
                assert await response.json() == []
        assert await client.chat.completions.create(**ASK)

    async def test_health_fails_alone(self, start: Start) -> None:
        server, client = await start(faults=(Fault(kind=Kind.HEALTH),))
        async with aiohttp.ClientSession() as session:
            for path in ("/health", "/ping"):
                async with session.get(server.url + path) as response:
                    assert response.status == 503
        assert await client.chat.completions.create(**ASK)


_STREAM = {**ASK, "stream": True}


def _chat_url(server: SimServer) -> str:
    return f"{server.url}/v1/chat/completions"


async def _post(server: SimServer, fault: str, body: dict[str, Any] = _STREAM) -> bytes:
    headers = {"x-sim-fault": fault}
    async with (
        aiohttp.ClientSession() as session,
        session.post(_chat_url(server), json=body, headers=headers) as response,
    ):
        return await response.read()


async def _collect(stream: AsyncIterator[Any], into: list[Any]) -> None:
    async for item in stream:
        into.append(item)  # what came before an error counts


async def _raw(server: SimServer, fault: str) -> tuple[bytes, bool]:
    """All bytes up to the connection's end, and whether that was a reset."""
    body = json.dumps(_STREAM).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-sim-fault: {fault}\r\n"
    loop = asyncio.get_running_loop()
    received = b""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.setblocking(False)
        await loop.sock_sendall(connection, head.encode() + b"content-length: %d\r\n\r\n%b" % (len(body), body))
        try:
            while chunk := await loop.sock_recv(connection, 65536):
                received += chunk
        except ConnectionResetError:
            return received, True
    return received, False


class TestMetrics:
    async def test_they_count_what_was_done(self, start: Start) -> None:
        server, client = await start()
        for _ in range(2):
            answer = await client.chat.completions.create(**ASK, max_tokens=8)
        assert answer.usage is not None
        assert answer.usage.prompt_tokens_details is not None
        prompt, cached = answer.usage.prompt_tokens, answer.usage.prompt_tokens_details.cached_tokens
        samples = await metrics(server)
        assert samples["vllm:prompt_tokens_total",] == samples["vllm:prefix_cache_queries_total",] == 2 * prompt
        assert samples["vllm:prefix_cache_hits_total",] == cached
        assert samples["vllm:generation_tokens_total",] == 16
        assert samples["vllm:request_success_total", "length"] == 2
        assert samples["vllm:time_to_first_token_seconds_count",] == 2
        assert samples["vllm:inter_token_latency_seconds_count",] == 14
        assert samples["vllm:e2e_request_latency_seconds_count",] == 2
        assert samples["vllm:request_queue_time_seconds_count",] == 2
        assert samples["vllm:inter_token_latency_seconds_sum",] == pytest.approx(14 * 0.005)
        assert samples["vllm:num_preemptions_total",] == 0

    async def test_the_cache_configuration_is_told(self, start: Start) -> None:
        server, _ = await start()
        samples = await metrics(server)
        assert samples["vllm:cache_config_info", "16", "True", "8192"] == 1
        assert samples["vllm:kv_cache_usage_perc",] == 0

    async def test_load_shows_while_requests_run(self, start: Start, until: Until) -> None:
        server, client = await start(speed=1.0)
        tasks = [asyncio.create_task(client.chat.completions.create(**ASK, **ENDLESS)) for _ in range(3)]
        await until(lambda: len(server.engine.running) == 3)
        samples = await metrics(server)
        assert samples["vllm:num_requests_running",] == 3
        assert 0 < samples["vllm:kv_cache_usage_perc",] < 1
        async with aiohttp.ClientSession() as session, session.get(f"{server.url}/load") as response:
            assert await response.json() == {"server_load": 3}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class TestLifetime:
    async def test_closing_ends_open_streams_and_leaves_nothing_behind(self, until: Until) -> None:
        before = asyncio.all_tasks()
        async with SimServer(SimOptions(speed=1.0)) as server:
            task = asyncio.create_task(_post(server, "hang_stream:after=1"))
            other = asyncio.create_task(_post(server, "hang"))
            await until(lambda: server.inflight == 2)
        outcomes = await asyncio.gather(task, other, return_exceptions=True)
        assert all(isinstance(outcome, aiohttp.ClientError | ConnectionError) for outcome in outcomes)
        assert asyncio.all_tasks() == before
        assert server.inflight == 0

    async def test_a_port_in_use_is_an_os_error(self, start: Start) -> None:
        server, _ = await start()
        with pytest.raises(OSError, match="in use"):
            await SimServer(SimOptions(port=server.port)).start()

    async def test_a_large_model_is_slower_than_a_small_one(self, start: Start) -> None:
        sums = []
        for preset in (Preset.SMALL, Preset.LARGE):
            server, client = await start(engine=PRESETS[preset])
            await client.chat.completions.create(**ASK, max_tokens=11)
            sums.append((await metrics(server))["vllm:inter_token_latency_seconds_sum",])
        assert sums == pytest.approx([10 / 200, 10 / 60])

    async def test_many_at_once_all_get_their_answers(self, start: Start) -> None:
        server, client = await start(engine=EngineOptions(max_num_seqs=8, num_blocks=64, max_model_len=1024))
        answers = await asyncio.gather(
            *(client.chat.completions.create(**ask(f"Question {n}", max_tokens=60)) for n in range(60))
        )
        assert all(f'"Question {n}"' in (a.choices[0].message.content or "") for n, a in enumerate(answers))
        assert (server.engine.idle, server.engine.kv_usage, server.inflight) == (True, 0, 0)
