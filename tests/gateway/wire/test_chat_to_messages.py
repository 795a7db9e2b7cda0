"""OpenAI's SDK in front, a pool of `provider: anthropic` behind."""

import json

import openai
import orjson
import pytest

from pointsman.gateway.errors import BadRequest, UpstreamError
from pointsman.gateway.wire.chat_to_messages import ChatToMessages

SCHEMA = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "of a place", "parameters": SCHEMA},
}
HELLO = [{"role": "user", "content": "Hello"}]
HELLO_TURN = [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]


def messages(**body):
    body = {"model": "auto", "messages": HELLO, **body}
    before = json.dumps(body)
    translated = ChatToMessages(body).request(body, "claude")
    assert json.dumps(body) == before, "the client's body was changed"
    return translated


def test_a_plain_request_gets_the_limit_that_anthropic_wants():
    assert messages() == {"model": "claude", "max_tokens": 8192, "messages": HELLO_TURN}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_tokens": 5, "max_completion_tokens": 6}, {"max_tokens": 6}),
        ({"max_tokens": None}, {}),
        ({"temperature": 1, "top_p": 0.5}, {"temperature": 1, "top_p": 0.5}),
        ({"stop": "END"}, {"stop_sequences": ["END"]}),
        ({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
        ({"user": "u-1", "safety_identifier": "s-1"}, {"metadata": {"user_id": "u-1"}}),
        ({"safety_identifier": "s-1"}, {"metadata": {"user_id": "s-1"}}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}),
        ({"tool_choice": "auto"}, {"tool_choice": {"type": "auto"}}),
        ({"tool_choice": "none"}, {"tool_choice": {"type": "none"}}),
        ({"tool_choice": "required"}, {"tool_choice": {"type": "any"}}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
            {"tool_choice": {"type": "tool", "name": "weather"}},
        ),
        ({"reasoning_effort": "high"}, {"output_config": {"effort": "high"}}),
        ({"reasoning_effort": "minimal"}, {"output_config": {"effort": "low"}}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"response_format": {"type": "text"}}, {}),
        (
            {
                "reasoning_effort": "low",
                "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
            },
            {"output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}},
        ),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}),
        ({"top_k": 5, "thinking": {"type": "adaptive"}}, {"top_k": 5, "thinking": {"type": "adaptive"}}),
        (
            {"n": 1, "logprobs": False, "frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}},
            {},
        ),
        ({"seed": None, "store": False, "modalities": ["text"], "verbosity": "medium"}, {}),
        ({"metadata": {"a": "b"}, "prompt_cache_key": "k", "prediction": {"type": "content"}}, {}),
        ({"tools": [], "parallel_tool_calls": False}, {}),
    ],
)
def test_fields(field, expected):
    assert messages(**field) == messages() | expected


def test_tools():
    bare = {"type": "function", "function": {"name": "now", "strict": True}}
    assert messages(tools=[WEATHER, bare])["tools"] == [
        {"name": "weather", "description": "of a place", "input_schema": SCHEMA},
        {"name": "now", "strict": True, "input_schema": {"type": "object", "properties": {}}},
    ]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"tool_choice": "required"}, {"type": "any", "disable_parallel_tool_use": True}),
        ({"tool_choice": "none"}, {"type": "none"}),
    ],
)
def test_one_tool_call_at_a_time(chosen, expected):
    assert messages(tools=[WEATHER], parallel_tool_calls=False, **chosen)["tool_choice"] == expected


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logit_bias": {"50256": -100}}, "logit_bias"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"presence_penalty": -1}, "presence_penalty"),
        ({"seed": 0}, "seed"),
        ({"store": True}, "store"),
        ({"temperature": 1.5}, "temperature"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"verbosity": "low"}, "verbosity"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"functions": [{"name": "old"}]}, "functions"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools.0"),
        ({"tools": [{"type": "function"}]}, "tools.0.function"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"tool_choice": "always"}, "tool_choice"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "Be kind."}]}, "messages"),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_place(field, place):
    with pytest.raises(BadRequest) as caught:
        messages(**field)
    assert caught.value.param == place
    assert place in caught.value.message


def message(*content, stop="end_turn", **usage):
    return {
        "id": "msg_7",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": list(content),
        "stop_reason": stop,
        "usage": {"input_tokens": 10, "output_tokens": 4, **usage},
    }


def test_a_whole_answer():
    thinking = {"type": "thinking", "thinking": "hm", "signature": "EqQB"}
    told = ChatToMessages({}).response(
        message(
            thinking,
            {"type": "text", "text": "I "},
            {"type": "text", "text": "look."},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Ulm"}},
            stop="tool_use",
            cache_read_input_tokens=64,
            cache_creation_input_tokens=16,
            output_tokens_details={"thinking_tokens": 3},
        )
    )
    choice = told["choices"][0]
    call = choice["message"].pop("tool_calls")[0]
    assert (call["id"], call["type"], call["function"]["name"]) == ("toolu_1", "function", "weather")
    assert json.loads(call["function"]["arguments"]) == {"place": "Ulm"}
    assert choice["message"] == {
        "role": "assistant",
        "content": "I look.",
        "refusal": None,
        "reasoning_content": "hm",
        "thinking_blocks": [thinking],
    }
    assert (told["id"], told["model"], choice["finish_reason"]) == ("msg_7", "claude", "tool_calls")
    assert told["usage"] == {
        "prompt_tokens": 90,
        "completion_tokens": 4,
        "total_tokens": 94,
        "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 16},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
    ],
)
def test_finish_reasons(stop, finish):
    assert ChatToMessages({}).response(message(stop=stop))["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize("body", [{}, {"content": 5}, {"content": [{"text": "no type"}]}])
def test_an_answer_of_another_shape_is_the_pools_fault(body):
    with pytest.raises(UpstreamError, match="cannot be read"):
        ChatToMessages({}).response(body)


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        ({"type": "rate_limit_error", "message": "slow down"}, "rate_limit_error", None),
        (
            {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"},
            "invalid_request_error",
            "context_length_exceeded",
        ),
        (
            {"type": "rate_limit_error", "message": "m", "details": {"error_code": "spend"}},
            "rate_limit_error",
            "spend",
        ),
        ({"message": "m"}, "api_error", None),
    ],
)
def test_errors(said, kind, code):
    told = ChatToMessages({}).error(400, {"type": "error", "error": said})
    assert told == {"error": {"message": said["message"], "type": kind, "param": None, "code": code}}


def sse(*events):
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), orjson.dumps(e)) for e in events)


def start(index, **block):
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index, kind, **fields):
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def stop(index):
    return {"type": "content_block_stop", "index": index}


OPENED = {
    "type": "message_start",
    "message": {
        **message(stop=None),
        "usage": {"input_tokens": 20, "output_tokens": 1, "cache_read_input_tokens": 5},
    },
}

STREAM = sse(
    OPENED,
    {"type": "ping"},
    start(0, type="thinking", thinking="", signature=""),
    delta(0, "thinking_delta", thinking="Let me "),
    delta(0, "thinking_delta", thinking="see."),
    delta(0, "signature_delta", signature="EqQB"),
    stop(0),
    start(1, type="redacted_thinking", data="xyz"),
    stop(1),
    start(2, type="text", text=""),
    delta(2, "text_delta", text="I look"),
    delta(2, "text_delta", text=" it up."),
    stop(2),
    start(3, type="tool_use", id="toolu_1", name="weather", input={}),
    delta(3, "input_json_delta", partial_json=""),
    delta(3, "input_json_delta", partial_json='{"place":'),
    delta(3, "input_json_delta", partial_json='"Ulm"}'),
    stop(3),
    start(4, type="tool_use", id="toolu_2", name="now", input={}),
    delta(4, "input_json_delta", partial_json=""),
    stop(4),
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 9},
    },
    {"type": "message_stop"},
)


def sdk(relay):
    return openai.AsyncOpenAI(base_url=relay.url + "v1", api_key="k", max_retries=0)


async def test_the_sdk_reads_an_answer(relay):
    use = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Ulm"}}
    gateway = await relay(ChatToMessages, message({"type": "text", "text": "I look."}, use, stop="tool_use"))
    async with sdk(gateway) as client:
        told = await client.chat.completions.create(model="auto", messages=HELLO, tools=[WEATHER])
    (choice,) = told.choices
    assert (choice.message.content, choice.finish_reason) == ("I look.", "tool_calls")
    assert json.loads(choice.message.tool_calls[0].function.arguments) == {"place": "Ulm"}
    assert (told.usage.prompt_tokens, told.usage.completion_tokens) == (10, 4)
    assert gateway.asked[0]["messages"] == HELLO_TURN


async def test_the_sdks_stream_helper_assembles_the_completion(relay):
    gateway = await relay(ChatToMessages, STREAM)
    async with (
        sdk(gateway) as client,
        client.chat.completions.stream(
            model="auto", messages=HELLO, tools=[WEATHER], stream_options={"include_usage": True}
        ) as stream,
    ):
        async for _ in stream:
            pass
        told = await stream.get_final_completion()
    (choice,) = told.choices
    assert (told.id, told.model, choice.finish_reason) == ("msg_7", "claude", "tool_calls")
    assert (choice.message.role, choice.message.content) == ("assistant", "I look it up.")
    assert choice.message.reasoning_content == "Let me see."
    weather, now = choice.message.tool_calls
    assert (weather.id, weather.function.name, json.loads(weather.function.arguments)) == (
        "toolu_1",
        "weather",
        {"place": "Ulm"},
    )
    assert (now.id, now.function.name, now.function.arguments) == ("toolu_2", "now", "{}")
    assert (told.usage.prompt_tokens, told.usage.completion_tokens) == (25, 9)
    assert told.usage.prompt_tokens_details.cached_tokens == 5
    assert "stream_options" not in gateway.asked[0]


async def test_every_chunk_carries_the_same_head(relay):
    gateway = await relay(ChatToMessages, STREAM)
    async with sdk(gateway) as client:
        chunks = [c async for c in await client.chat.completions.create(model="auto", messages=HELLO, stream=True)]
    assert len({(c.id, c.created, c.model, c.object) for c in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks[-2:]] == [None, "tool_calls"]
    assert all(c.usage is None and c.choices for c in chunks), "usage that nobody asked for"


async def test_thinking_goes_back_signed_in_the_next_round(relay):
    gateway = await relay(ChatToMessages, STREAM)
    async with sdk(gateway) as client:
        async with client.chat.completions.stream(model="auto", messages=HELLO, tools=[WEATHER]) as stream:
            first = (await stream.get_final_completion()).choices[0].message
        history = [*HELLO, first.model_dump(), {"role": "tool", "tool_call_id": "toolu_1", "content": "rain"}]
        async with client.chat.completions.stream(model="auto", messages=history) as stream:
            await stream.get_final_completion()
    _, assistant, result = gateway.asked[1]["messages"]
    assert assistant["content"][:2] == [
        {"type": "thinking", "thinking": "Let me see.", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "xyz"},
    ]
    assert [b["type"] for b in assistant["content"][2:]] == ["text", "tool_use", "tool_use"]
    assert result["content"] == [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"}]


async def test_the_sdk_raises_on_an_upstreams_error(relay):
    said = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    gateway = await relay(ChatToMessages, said, 429)
    async with sdk(gateway) as client:
        with pytest.raises(openai.RateLimitError, match="slow down") as caught:
            await client.chat.completions.create(model="auto", messages=HELLO)
    assert caught.value.type == "rate_limit_error"


OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
HALF = (OPENED, start(0, type="text", text=""), delta(0, "text_delta", text="Half"))


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (sse(*HALF), "before the answer was complete"),
        (sse(*HALF, OVERLOADED), "overloaded_error"),
        (sse(*HALF) + b"event: content_block_delta\ndata: {oops\n\n", "cannot be read"),
        (b"", "before the answer was complete"),
    ],
)
async def test_the_sdk_raises_on_a_stream_that_fails(relay, stream, said):
    gateway = await relay(ChatToMessages, stream)
    async with sdk(gateway) as client:
        with pytest.raises(openai.APIError, match=said) as caught:
            async for _ in await client.chat.completions.create(model="auto", messages=HELLO, stream=True):
                pass
    assert (caught.value.code, caught.value.type) == ("upstream_error", "server_error")
