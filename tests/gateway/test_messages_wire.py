"""The messages wire through the official Anthropic SDK, and chat through the OpenAI SDK to Anthropic's wire."""

import json

import anthropic
import openai
import pytest

from tests.support.clients import KEY, MESSAGES, anthropic_sdk, call, openai_sdk
from tests.support.gateway import config, pool, serving
from tests.support.messages import answer_message, event, message, text_events
from tests.support.upstream import answer_hello, chunk, completion, scripted

WEATHER = {
    "name": "weather",
    "description": "Weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    monkeypatch.setenv("POOL_KEY", "pool-key")


def claude(url, **extra):
    return pool(url, model="claude-sonnet", provider="anthropic", api_key="env:POOL_KEY", **extra)


async def create(url, **extra):
    async with anthropic_sdk(url) as client:
        return await client.messages.create(**{"model": "auto", "max_tokens": 50, "messages": MESSAGES, **extra})


async def events(url, see=lambda part: None):
    async with anthropic_sdk(url) as client:
        stream = await client.messages.create(model="auto", max_tokens=50, messages=MESSAGES, stream=True)
        return [part async for part in stream if see(part) is None]


def text_of(parts):
    return "".join(p.delta.text for p in parts if p.type == "content_block_delta" and p.delta.type == "text_delta")


# To a pool that speaks it: bytes


@pytest.mark.parametrize("provider", ["anthropic", "native"])
async def test_bytes_go_to_a_pool_of_that_wire_with_its_own_key(provider):
    raw = (
        b'{ "max_tokens":5, "model" : "auto",\n "top_k": 7,'
        b' "messages":[{"role":"user","content":"h\\u00e9 \\"model\\""}] }'
    )
    async with scripted(answer_message) as up:
        settings = (
            claude(up.url) if provider == "anthropic" else pool(up.url, api_key="env:POOL_KEY", native=["messages"])
        )
        async with serving(config({"claude": settings})) as gateway:
            headers = {"content-type": "application/json", "x-api-key": KEY, "anthropic-version": "2023-01-01",
                       "anthropic-beta": "tools-2024,context-1m"}  # fmt: skip
            answer = await call("POST", f"{gateway.v1}/messages", data=raw, headers=headers)
    assert answer.json == message()
    sent = up.last
    assert sent.target == "/v1/messages"
    assert sent.body == raw.replace(b'"model" : "auto"', b'"model" : "%b"' % settings["model"].encode())
    assert sent.headers["anthropic-beta"] == "tools-2024,context-1m"
    assert sent.headers["anthropic-version"] == "2023-01-01"
    own = ("x-api-key", "pool-key") if provider == "anthropic" else ("authorization", "Bearer pool-key")
    assert sent.headers[own[0]] == own[1]
    assert KEY not in str(sent.headers)


async def test_a_client_without_a_version_gets_the_pools():
    async with scripted(answer_message) as up, serving(config({"claude": claude(up.url)})) as gateway:
        body = {"model": "auto", "max_tokens": 5, "messages": MESSAGES}
        await call("POST", f"{gateway.v1}/messages", json=body)
    assert up.last.headers["anthropic-version"] == "2023-06-01"


async def test_the_sdk_whole_and_streamed():
    async with scripted(answer_message) as up, serving(config({"claude": claude(up.url)})) as gateway:
        whole, parts = await create(gateway.url), await events(gateway.url)
    assert (whole.content[0].text, whole.usage.output_tokens, whole.model) == ("hello", 2, "claude-served")
    assert text_of(parts) == "hello"
    assert "stream_options" not in up.last.json
    assert parts[-1].type == "message_stop"


async def test_the_stream_helper_of_the_sdk_builds_the_message():
    async with (
        scripted(answer_message) as up,
        serving(config({"claude": claude(up.url)})) as gateway,
        anthropic_sdk(gateway.url) as client,
        client.messages.stream(model="auto", max_tokens=5, messages=MESSAGES) as stream,
    ):
        final = await stream.get_final_message()
    assert (final.content[0].text, final.stop_reason) == ("hello", "end_turn")


async def test_tokens_are_counted_by_the_pool_that_can():
    async with (
        scripted(answer_message) as up,
        serving(config({"claude": claude(up.url)})) as gateway,
        anthropic_sdk(gateway.url) as client,
    ):
        counted = await client.messages.count_tokens(model="auto", messages=MESSAGES)
    assert counted.input_tokens == 42
    assert (up.last.target, up.last.json["model"]) == ("/v1/messages/count_tokens", "claude-sonnet")


# To an OpenAI-wire pool: translation


async def test_messages_reach_an_openai_pool():
    async with (
        scripted(answer_hello) as up,
        serving(config({"small": pool(up.url, api_key="env:POOL_KEY")})) as gateway,
    ):
        whole = await create(gateway.url, system="Be brief", stop_sequences=["END"])
        parts = await events(gateway.url)
    assert (whole.content[0].text, whole.stop_reason, whole.usage.input_tokens) == ("hello", "end_turn", 3)
    assert text_of(parts) == "hello"
    first, last = up.requests
    assert first.target == "/v1/chat/completions"
    assert first.json["messages"][0] == {"role": "system", "content": "Be brief"}
    assert (first.json["model"], first.json["stop"]) == ("org/small-7b", ["END"])
    assert first.headers["authorization"] == "Bearer pool-key"
    assert KEY not in str(first.headers)
    assert last.json["stream_options"] == {"include_usage": True}
    assert [p.usage.output_tokens for p in parts if p.type == "message_delta"] == [2]


def tool_call_chunks():
    def delta(**fields):
        part = chunk()
        part["choices"][0]["delta"] = fields
        return part

    yield delta(role="assistant", content="Let me look.")
    call_ = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    yield delta(tool_calls=[call_])
    for piece in ('{"ci', 'ty":"Rome"}'):
        yield delta(tool_calls=[{"index": 0, "function": {"arguments": piece}}])
    yield chunk(finish="tool_calls")


async def call_a_tool(x):
    if x.request.json.get("stream"):
        await x.start_events()
        for part in tool_call_chunks():
            await x.event(part)
        await x.event("[DONE]")
        await x.end()
        return
    body = completion("Let me look.")
    call_ = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}}
    body["choices"][0]["message"]["tool_calls"] = [call_]
    body["choices"][0]["finish_reason"] = "tool_calls"
    await x.respond(body)


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_are_translated_both_ways(stream):
    history = [
        {"role": "user", "content": "Weather in Rome?"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Oslo"}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "rain"}]},
    ]
    async with (
        scripted(call_a_tool) as up,
        serving(config({"small": pool(up.url)})) as gateway,
        anthropic_sdk(gateway.url) as client,
    ):
        asked = {"model": "auto", "max_tokens": 50, "messages": history, "tools": [WEATHER]}
        if stream:
            async with client.messages.stream(**asked) as helper:
                answer = await helper.get_final_message()
        else:
            answer = await client.messages.create(**asked)
    assert answer.stop_reason == "tool_use"
    assert [block.type for block in answer.content] == ["text", "tool_use"]
    assert (answer.content[1].name, answer.content[1].input) == ("weather", {"city": "Rome"})
    sent = up.last.json
    assert sent["tools"][0]["function"]["parameters"] == WEATHER["input_schema"]
    assert [m["role"] for m in sent["messages"]] == ["user", "assistant", "tool"]
    assert json.loads(sent["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {"city": "Oslo"}


async def test_tokens_are_estimated_for_a_pool_that_cannot_count():
    async with (
        scripted(answer_hello) as up,
        serving(config({"small": pool(up.url)})) as gateway,
        anthropic_sdk(gateway.url) as client,
    ):
        raw = await client.messages.with_raw_response.count_tokens(model="auto", messages=MESSAGES)
    assert 1 <= (await raw.parse()).input_tokens < 50
    assert json.loads(await raw.text())["estimated"] is True
    assert up.requests == []


async def test_the_first_candidates_tokens_count_even_if_another_could_count():
    decisions = [{"name": "all", "when": "true", "models": ["small", "claude"]}]
    async with scripted(answer_message) as up:
        pools = {"small": pool("http://127.0.0.1:9"), "claude": claude(up.url)}
        async with serving(config(pools, decisions)) as gateway, anthropic_sdk(gateway.url) as client:
            assert (await client.messages.count_tokens(model="auto", messages=MESSAGES)).input_tokens != 42
            assert (await client.messages.count_tokens(model="claude", messages=MESSAGES)).input_tokens == 42


async def test_what_chat_cannot_say_is_refused_in_anthropics_shape():
    tool = {"type": "web_search_20250305", "name": "web_search"}
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        with pytest.raises(anthropic.BadRequestError, match="web_search") as caught:
            await create(gateway.url, tools=[tool])
    assert caught.value.body["error"]["type"] == "invalid_request_error"
    assert up.requests == []


# Chat to Anthropic's wire


async def chat_to_claude(gateway, **extra):
    async with openai_sdk(gateway.v1) as client:
        answer = await client.chat.completions.create(model="claude", messages=MESSAGES, **extra)
        return [part async for part in answer] if extra.get("stream") else answer


async def test_chat_reaches_an_anthropic_pool():
    async with scripted(answer_message) as up, serving(config({"claude": claude(up.url)})) as gateway:
        whole = await chat_to_claude(gateway, max_tokens=9)
        parts = await chat_to_claude(gateway, stream=True, stream_options={"include_usage": True})
    assert (whole.choices[0].message.content, whole.usage.total_tokens) == ("hello", 5)
    assert "".join(p.choices[0].delta.content or "" for p in parts if p.choices) == "hello"
    assert parts[-1].usage.total_tokens == 5
    first = up.requests[0]
    assert (first.target, first.json["max_tokens"], first.json["model"]) == ("/v1/messages", 9, "claude-sonnet")
    assert (first.headers["x-api-key"], first.headers["anthropic-version"]) == ("pool-key", "2023-06-01")
    assert "authorization" not in first.headers


async def test_a_chat_client_gets_tool_calls_from_an_anthropic_pool():
    async def script(x):
        use = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Rome"}}
        await x.respond(message(content=[use], stop_reason="tool_use"))

    function = {"name": "weather", "parameters": WEATHER["input_schema"]}
    async with scripted(script) as up, serving(config({"claude": claude(up.url)})) as gateway:
        answer = await chat_to_claude(gateway, tools=[{"type": "function", "function": function}])
    call_ = answer.choices[0].message.tool_calls[0]
    assert (call_.id, call_.function.name, json.loads(call_.function.arguments)) == ("t1", "weather", {"city": "Rome"})
    assert answer.choices[0].finish_reason == "tool_calls"
    assert up.last.json["tools"][0]["input_schema"] == WEATHER["input_schema"]


async def test_an_anthropic_error_comes_to_a_chat_client_as_one_of_its_own():
    async def script(x):
        await x.respond({"type": "error", "error": {"type": "invalid_request_error", "message": "odd roles"}}, 400)

    async with scripted(script) as up, serving(config({"claude": claude(up.url)})) as gateway:
        with pytest.raises(openai.BadRequestError, match="odd roles") as caught:
            await chat_to_claude(gateway)
    assert caught.value.type == "invalid_request_error"


async def test_a_chat_error_comes_to_a_messages_client_as_one_of_its_own():
    async def script(x):
        await x.respond({"error": {"message": "too long", "type": "BadRequestError", "code": 400}}, 400)

    async with scripted(script) as up, serving(config({"small": pool(up.url)})) as gateway:
        with pytest.raises(anthropic.BadRequestError, match="too long") as caught:
            await create(gateway.url)
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["type"] == "invalid_request_error"


# Streams that break


async def half_a_message(x):
    await x.start_events()
    for part in text_events("hel")[:3]:
        await x.chunk(part)
    x.close()


async def half_a_chat(x):
    await x.start_events()
    await x.event(chunk("hel"))
    await x.end()


@pytest.mark.parametrize("wire", ["native", "translated"])
async def test_a_broken_stream_ends_with_anthropics_error_event(wire):
    script = half_a_message if wire == "native" else half_a_chat
    got = []
    async with scripted(script) as up:
        settings = claude(up.url) if wire == "native" else pool(up.url)
        async with serving(config({"p": settings})) as gateway:
            with pytest.raises(anthropic.APIStatusError) as caught:
                await events(gateway.url, got.append)
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["type"] == "api_error"
    assert text_of(got) == "hel"


async def test_a_broken_anthropic_stream_makes_a_chat_client_raise():
    async with scripted(half_a_message) as up, serving(config({"claude": claude(up.url)})) as gateway:
        with pytest.raises(openai.APIError) as caught:
            await chat_to_claude(gateway, stream=True)
    assert caught.value.code == "upstream_error"


async def test_an_error_event_of_the_upstream_passes_in_mid_stream():
    async def script(x):
        await x.start_events()
        for part in text_events("hel")[:3]:
            await x.chunk(part)
        await x.chunk(event("error", error={"type": "overloaded_error", "message": "Overloaded"}))
        await x.end()

    async with scripted(script) as up, serving(config({"claude": claude(up.url)})) as gateway:
        with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
            await events(gateway.url)
        with pytest.raises(openai.APIError, match="Overloaded"):
            await chat_to_claude(gateway, stream=True)


# Errors of the gateway itself


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"{", 400, "invalid_request_error"),
        (b'{"messages": 1}', 400, "invalid_request_error"),
        (b'{"messages": [], "model": "nobody"}', 404, "not_found_error"),
        (b'{"messages": [], "model": "auto"}', 502, "api_error"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/messages/"])
async def test_the_gateways_errors_have_anthropics_shape(path, body, status, kind):
    async with serving(config({"small": pool("http://127.0.0.1:9", retry={"attempts": 1})})) as gateway:
        answer = await call("POST", gateway.url + path, data=body, headers={"content-type": "application/json"})
    assert answer.status == status
    assert set(answer.json) == {"type", "error"}
    assert answer.json["type"] == "error"
    assert answer.error["type"] == kind
    assert answer.error["message"]


async def test_paths_below_messages_have_anthropics_shape_too():
    async with serving(config({"small": pool("http://127.0.0.1:9")})) as gateway, anthropic_sdk(gateway.url) as client:
        with pytest.raises(anthropic.NotFoundError, match="No pool takes") as caught:
            await client.messages.batches.retrieve("batch_1")
    assert caught.value.body["type"] == "error"
