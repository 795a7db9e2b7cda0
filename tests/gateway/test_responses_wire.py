"""The Responses API through the official OpenAI SDK, translated and by bytes."""

import asyncio
import json

import openai
import pytest

from tests.support.clients import KEY, MESSAGES, call, openai_sdk
from tests.support.gateway import config, pool, serving
from tests.support.messages import answer_message
from tests.support.upstream import answer_hello, chunk, completion, scripted

DEAD = "http://127.0.0.1:9"
WEATHER = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}


def response(text="hello", **extra):
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"id": "m1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-served",
        "status": "completed",
        "output": [item],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 3,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 5,
        },
        **extra,
    }


def named(kind, number, **fields):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, 'sequence_number': number, **fields})}\n\n"


async def answer_response(x):
    if not x.request.json.get("stream"):
        await x.respond(response())
        return
    await x.start_events()
    await x.chunk(named("response.created", 0, response=response(status="in_progress", output=[], usage=None)))
    where = {"item_id": "m1", "output_index": 0, "content_index": 0, "logprobs": []}
    await x.chunk(named("response.output_text.delta", 1, delta="hello", **where))
    await x.chunk(named("response.completed", 2, response=response()))
    await x.end()


async def events(url, **extra):
    async with openai_sdk(url) as client:
        stream = await client.responses.create(model="auto", input="Say hello", stream=True, **extra)
        return [event async for event in stream]


async def test_bytes_go_to_a_pool_that_speaks_it():
    raw = b'{"input" : "h\\u00e9", "store":false, "model":"auto", "seed": 12345678901234567890123 }'
    async with scripted(answer_response) as up, serving(config({"gpt": pool(up.url, native=["responses"])})) as gateway:
        answer = await call("POST", f"{gateway.v1}/responses", data=raw, headers={"content-type": "application/json"})
    assert answer.json == response()
    assert up.last.target == "/v1/responses"
    assert up.last.body == raw.replace(b'"auto"', b'"org/small-7b"')


async def test_the_sdk_gets_native_answers_and_events():
    outcomes = []
    async with scripted(answer_response) as up, serving(config({"gpt": pool(up.url, native=["responses"])})) as gateway:
        gateway.gateway.observe(outcomes.append)
        async with openai_sdk(gateway.v1) as client:
            whole = await client.responses.create(model="auto", input="Say hello")
        parts = await events(gateway.v1)
    assert (whole.output_text, whole.model) == ("hello", "gpt-served")
    assert [part.type for part in parts][-1] == "response.completed"
    assert "stream_options" not in up.last.json
    assert [outcome.usage.completion for outcome in outcomes] == [2, 2]


async def test_other_pools_are_asked_for_a_chat_completion():
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        async with openai_sdk(gateway.v1) as client:
            whole = await client.responses.create(model="auto", input="Say hello", instructions="Be brief")
        parts = await events(gateway.v1)
    assert (whole.output_text, whole.status, whole.usage.total_tokens) == ("hello", "completed", 5)
    assert "".join(p.delta for p in parts if p.type == "response.output_text.delta") == "hello"
    assert (parts[0].type, parts[-1].type) == ("response.created", "response.completed")
    assert [p.sequence_number for p in parts] == list(range(len(parts)))
    sent = up.requests[0]
    assert sent.target == "/v1/chat/completions"
    assert sent.json["messages"] == [{"role": "system", "content": "Be brief"}, *MESSAGES]
    assert KEY not in str(sent.headers)


async def test_the_stream_helper_of_the_sdk_builds_the_response():
    async with (
        scripted(answer_hello) as up,
        serving(config({"small": pool(up.url)})) as gateway,
        openai_sdk(gateway.v1) as client,
        client.responses.stream(model="auto", input="Say hello") as stream,
    ):
        final = await stream.get_final_response()
    assert final.output_text == "hello"


async def test_functions_are_translated_both_ways():
    async def script(x):
        body = completion(None)
        made = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}}
        body["choices"][0] |= {"finish_reason": "tool_calls"}
        body["choices"][0]["message"]["tool_calls"] = [made]
        await x.respond(body)

    async with (
        scripted(script) as up,
        serving(config({"small": pool(up.url)})) as gateway,
        openai_sdk(gateway.v1) as client,
    ):
        answer = await client.responses.create(model="auto", input="Weather in Rome?", tools=[WEATHER])
    assert [(item.type, item.name, item.arguments) for item in answer.output] == [
        ("function_call", "weather", '{"city":"Rome"}')
    ]
    assert up.last.json["tools"][0]["function"]["parameters"] == WEATHER["parameters"]


async def test_what_chat_cannot_say_is_a_400_that_names_the_place():
    async with (
        scripted(answer_hello) as up,
        serving(config({"small": pool(up.url)})) as gateway,
        openai_sdk(gateway.v1) as client,
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            await client.responses.create(model="auto", input="hi", tools=[WEATHER, {"type": "web_search"}])
    assert caught.value.param.startswith("tools.1")
    assert up.requests == []


async def test_an_anthropic_pool_does_not_offer_it():
    async with (
        scripted(answer_message) as up,
        serving(config({"claude": pool(up.url, provider="anthropic")})) as gateway,
        openai_sdk(gateway.v1) as client,
    ):
        with pytest.raises(openai.BadRequestError, match="does not offer /v1/responses"):
            await client.responses.create(model="auto", input="hi")


async def half_a_chat(x):
    await x.start_events()
    await x.event(chunk("hel"))
    await x.end()


async def half_a_response(x):
    await x.start_events()
    await x.chunk(named("response.created", 0, response=response(status="in_progress", output=[], usage=None)))
    await x.end()


@pytest.mark.parametrize("native", [False, True])
async def test_a_broken_stream_makes_the_sdk_raise(native):
    async with scripted(half_a_response if native else half_a_chat) as up:
        settings = pool(up.url, native=["responses"] if native else [])
        async with serving(config({"small": settings})) as gateway:
            with pytest.raises(openai.APIError) as caught:
                await events(gateway.v1)
    assert (caught.value.code, caught.value.type) == ("upstream_error", "server_error")


async def test_a_failed_response_of_the_upstream_is_passed_on():
    seen = asyncio.Event()

    async def script(x):
        await x.start_events()
        await x.chunk(named("response.created", 0, response=response(status="in_progress", output=[], usage=None)))
        await seen.wait()  # what fails before the client has anything is a status
        failed = response(status="failed", output=[], error={"code": "server_error", "message": "engine died"})
        await x.chunk(named("response.failed", 1, response=failed))
        await x.end()

    async with (
        scripted(script) as up,
        serving(config({"gpt": pool(up.url, native=["responses"])})) as gateway,
        openai_sdk(gateway.v1) as client,
    ):
        async for event in await client.responses.create(model="auto", input="hi", stream=True):
            last = event
            seen.set()
    assert (last.type, last.response.error.message) == ("response.failed", "engine died")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [(b"[1]", 400, "invalid_request"), (b'{"model": "nobody", "input": "x"}', 404, "model_not_found")],
)
async def test_errors_have_openais_shape(body, status, code):
    async with serving(config({"small": pool(DEAD)})) as gateway:
        headers = {"content-type": "application/json"}
        answer = await call("POST", f"{gateway.url}/responses/", data=body, headers=headers)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert set(answer.error) == {"message", "type", "param", "code"}
