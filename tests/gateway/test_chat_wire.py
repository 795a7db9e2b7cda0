"""The chat wire through the official OpenAI SDK: what its users notice."""

import asyncio
import json

import openai
import pytest
from openai import AsyncOpenAI

from tests.support.gateway import config, pool, serving
from tests.support.upstream import USAGE_CHUNK, answer_hello, chunk, completion, scripted

MESSAGES = [{"role": "user", "content": "Say hello"}]


def sdk(url, **options):
    return AsyncOpenAI(base_url=url, api_key="client-key", max_retries=0, **options)


async def ask(url, **extra):
    async with sdk(url) as client:
        return await client.chat.completions.create(model="auto", messages=MESSAGES, **extra)


async def stream(url, **extra):
    async with sdk(url) as client:
        answer = await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True, **extra)
        return [part async for part in answer]


def text_of(chunks):
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


async def test_an_answer_comes_back_as_the_upstream_gave_it():
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        answer = await ask(gateway.v1)
    assert answer.choices[0].message.content == "hello"
    assert answer.usage.total_tokens == 5
    assert answer.model == "served"
    assert up.last.json["model"] == "org/small-7b"


async def test_the_body_goes_upstream_byte_for_byte_except_for_the_model():
    raw = (
        b'{ "messages":[{"role":"user","content":"caf\xc3\xa9 \\ud83d\\ude00 \\"model\\": \\"auto\\""}],\n'
        b'  "top_k": 5, "seed": 123456789012345678901234567890, "temperature": 0.70,\n'
        b'  "model" : "auto", "chat_template_kwargs": {"model": "auto"}, "x": 1.0E+2 }'
    )
    async with (
        scripted(answer_hello) as up,
        serving(config({"small": pool(up.url)})) as gateway,
        sdk(gateway.v1) as client,
    ):
        await client.post(
            "/chat/completions",
            cast_to=object,
            content=raw,
            options={"headers": {"content-type": "application/json"}},
        )
    assert up.last.body == raw.replace(b'"model" : "auto"', b'"model" : "org/small-7b"')


async def test_streams_arrive_and_usage_is_asked_for_but_not_shown():
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        chunks = await stream(gateway.v1)
    assert text_of(chunks) == "hello"
    assert up.last.json["stream_options"] == {"include_usage": True}
    assert all(c.choices and c.usage is None for c in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_a_client_that_asked_for_usage_gets_it():
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        chunks = await stream(gateway.v1, stream_options={"include_usage": True})
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens == 5


async def test_null_usage_that_our_question_caused_is_taken_out():
    async def script(x):
        await x.start_events()
        await x.event(chunk("hi", usage=None))
        await x.event(chunk(finish="stop", usage=None))
        await x.event(USAGE_CHUNK)
        await x.event("[DONE]")
        await x.end()

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        chunks = await stream(gateway.v1)
    assert len(chunks) == 2
    assert not any("usage" in c.model_fields_set for c in chunks)


async def test_unknown_fields_reasoning_and_logprobs_survive():
    extra = {"reasoning_content": "because", "x_vendor": {"a": 1}}

    async def script(x):
        if x.request.json.get("stream"):
            await x.start_events()
            event = chunk("hi", system_fingerprint="fp", service_tier="flex")
            event["choices"][0]["delta"] |= extra
            await x.event(event)
            await x.event(chunk(finish="stop"))
            await x.event("[DONE]")
            await x.end()
        else:
            body = completion("hi", x_top=[1, 2])
            body["choices"][0]["message"] |= extra
            body["choices"][0]["logprobs"] = {
                "content": [{"token": "hi", "logprob": -0.5, "bytes": None, "top_logprobs": []}]
            }
            await x.respond(body)

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        answer, chunks = await ask(gateway.v1), await stream(gateway.v1)
    assert answer.choices[0].message.model_extra == extra
    assert answer.model_extra == {"x_top": [1, 2]}
    assert answer.choices[0].logprobs.content[0].logprob == -0.5
    assert chunks[0].choices[0].delta.model_extra == extra
    assert chunks[0].system_fingerprint == "fp"


async def test_tool_call_deltas_keep_their_index_and_order():
    def delta(**call):
        event = chunk()
        event["choices"][0]["delta"] = {"tool_calls": [call]}
        return event

    async def script(x):
        await x.start_events()
        await x.event(delta(index=0, id="call_a", type="function", function={"name": "f", "arguments": ""}))
        await x.event(delta(index=1, id="call_b", type="function", function={"name": "g", "arguments": ""}))
        await x.event(delta(index=0, function={"arguments": '{"x":'}))
        await x.event(delta(index=1, function={"arguments": "{}"}))
        await x.event(delta(index=0, function={"arguments": "1}"}))
        await x.event(chunk(finish="tool_calls"))
        await x.event("[DONE]")
        await x.end()

    tools = [{"type": "function", "function": {"name": n, "parameters": {}}} for n in "fg"]
    async with (
        scripted(script) as up,
        serving(config({"small": pool(up.url)})) as gateway,
        sdk(gateway.v1) as client,
        client.chat.completions.stream(model="auto", messages=MESSAGES, tools=tools) as helper,
    ):
        final = await helper.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert [(c.id, c.function.name, c.function.arguments) for c in calls] == [
        ("call_a", "f", '{"x":1}'),
        ("call_b", "g", "{}"),
    ]


async def test_several_choices_interleave():
    def part(index, text=None, finish=None):
        event = chunk(text, finish)
        event["choices"][0]["index"] = index
        return event

    async def script(x):
        await x.start_events()
        for index, text in ((0, "a"), (1, "x"), (1, "y"), (0, "b")):
            await x.event(part(index, text))
        await x.event(part(1, finish="stop"))
        await x.event(part(0, finish="length"))
        await x.event("[DONE]")
        await x.end()

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        chunks = await stream(gateway.v1, n=2)
    texts = {0: "", 1: ""}
    for c in chunks:
        texts[c.choices[0].index] += c.choices[0].delta.content or ""
    assert texts == {0: "ab", 1: "xy"}


@pytest.mark.parametrize("cut", [1, 3])
async def test_utf8_split_anywhere_survives(cut):
    data = ("data: " + json.dumps(chunk("日本語 🎉"), ensure_ascii=False) + "\n\ndata: [DONE]\n\n").encode()

    async def script(x):
        await x.start_events()
        for start in range(0, len(data), cut):
            await x.chunk(data[start : start + cut])
        await x.end()

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        assert text_of(await stream(gateway.v1)) == "日本語 🎉"


async def test_crlf_comments_and_done_without_a_space_pass():
    async def script(x):
        await x.start_events()
        await x.chunk(": ping\n\n")
        await x.chunk(f"data: {json.dumps(chunk('hi'))}\r\n\r\n")
        await x.chunk(f"data: {json.dumps(chunk(finish='stop'))}\n\n")
        await x.chunk("data:[DONE]\n\n")
        await x.end()

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        assert text_of(await stream(gateway.v1)) == "hi"


async def test_the_first_event_is_not_kept_back():
    seen = asyncio.Event()

    async def script(x):
        await x.start_events()
        await x.event(chunk("first"))
        await seen.wait()  # the rest comes only after the client has the first
        await x.event(chunk(finish="stop"))
        await x.event("[DONE]")
        await x.end()

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway, sdk(gateway.v1) as client:
        async for part in await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True):
            if part.choices[0].delta.content == "first":
                seen.set()
    assert seen.is_set()


async def test_stream_headers_forbid_buffering():
    async with (
        scripted(answer_hello) as up,
        serving(config({"small": pool(up.url)})) as gateway,
        sdk(gateway.v1) as client,
    ):
        raw = await client.chat.completions.with_raw_response.create(model="auto", messages=MESSAGES, stream=True)
        assert raw.headers["content-type"].startswith("text/event-stream")
        assert raw.headers["cache-control"] == "no-cache"
        assert raw.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in raw.headers
        async for _ in raw.parse():
            pass


# Broken streams


async def test_a_reset_in_mid_stream_is_an_error_after_the_whole_events():
    async def script(x):
        await x.start_events()
        await x.event(chunk("one"))
        await x.chunk(b'data: {"id": "half an ev')
        x.reset()

    said = ""

    async def read(client):
        nonlocal said
        async for part in await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True):
            said += text_of([part])

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway, sdk(gateway.v1) as client:
        with pytest.raises(openai.APIError) as caught:
            await read(client)
    assert caught.value.code == "upstream_error"
    assert caught.value.type == "server_error"
    assert said == "one"


async def test_a_stream_that_just_ends_is_an_error():
    async def script(x):
        await x.start_events()
        await x.event(chunk("one"))
        await x.end()

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        with pytest.raises(openai.APIError, match="before the answer was complete"):
            await stream(gateway.v1)


async def test_a_finished_answer_without_done_is_whole():
    async def script(x):
        await x.start_events()
        await x.event(chunk("one"))
        await x.event(chunk(finish="stop"))
        await x.end()

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        assert text_of(await stream(gateway.v1)) == "one"


async def test_half_an_event_at_the_end_never_reaches_the_client():
    async def script(x):
        await x.start_events()
        await x.event(chunk("one"))
        await x.chunk(b'data: {"choices": [{"del')
        await x.end()

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        with pytest.raises(openai.APIError) as caught:
            await stream(gateway.v1)
    assert not isinstance(caught.value, json.JSONDecodeError)


async def test_what_follows_done_is_ignored_and_the_connection_is_used_again():
    async def script(x):
        await x.start_events()
        await x.event(chunk("hi", finish="stop"))
        await x.event("[DONE]")
        await x.event(chunk("never"))
        await x.end()

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        for _ in range(3):
            assert text_of(await stream(gateway.v1)) == "hi"
    assert up.connections == 1


async def test_an_error_event_before_any_other_becomes_a_status():
    async def script(x):
        await x.start_events()
        await x.event({"error": {"message": "too long", "type": "BadRequestError", "param": None, "code": 400}})
        await x.event("[DONE]")
        await x.end()

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        with pytest.raises(openai.BadRequestError, match="too long"):
            await stream(gateway.v1)


async def test_an_error_event_in_mid_stream_passes():
    async def script(x):
        await x.start_events()
        await x.event(chunk("one"))
        await x.event({"error": {"message": "engine died", "type": "server_error", "param": None, "code": "dead"}})
        await x.end()

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        with pytest.raises(openai.APIError, match="engine died") as caught:
            await stream(gateway.v1)
    assert caught.value.code == "dead"


async def test_json_for_a_stream_is_a_502():
    async def script(x):
        await x.respond(completion())

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        with pytest.raises(openai.InternalServerError) as caught:
            await stream(gateway.v1)
    assert caught.value.status_code == 502


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("text/event-stream", b"data: {}\n\n"), ("text/html", b"<html>"), ("application/json", b'{"a": "\xff"}')],
)
async def test_what_is_no_json_for_a_plain_request_is_a_502(content_type, body):
    async def script(x):
        await x.respond(body, headers={"content-type": content_type})

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        with pytest.raises(openai.InternalServerError) as caught:
            await ask(gateway.v1)
    assert caught.value.status_code == 502


async def test_a_cut_plain_answer_is_an_error_not_half_an_answer():
    async def script(x):
        await x.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n" + b'{"id": "x"'
        )
        x.close()

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        with pytest.raises(openai.InternalServerError) as caught:
            await ask(gateway.v1)
    assert caught.value.response.headers["x-should-retry"] == "false"
