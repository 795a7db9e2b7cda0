"""Anthropic's SDK in front, an OpenAI-wire pool behind."""

import json

import anthropic
import orjson
import pytest

from pointsman.gateway.errors import BadRequest, UpstreamError
from pointsman.gateway.wire.messages_to_chat import MessagesToChat

WEATHER = {
    "name": "weather",
    "description": "of a place",
    "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
}
HELLO = [{"role": "user", "content": "Hello"}]


def chat(engine="none", model="served", **body):
    body = {"model": "auto", "max_tokens": 64, "messages": HELLO, **body}
    before = json.dumps(body)
    translated = MessagesToChat(body, engine=engine).request(body, model)
    assert json.dumps(body) == before, "the client's body was changed"
    return translated


def completion(message, finish="stop", usage=None, **choice):
    return {
        "id": "chatcmpl-7",
        "object": "chat.completion",
        "model": "qwen",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, **choice}],
        "usage": usage or {"prompt_tokens": 10, "completion_tokens": 4},
    }


def answer(message, finish="stop", *, body=None, **more):
    return MessagesToChat(body or {}).response(completion(message, finish, **more))


def test_a_plain_request():
    assert chat() == {"model": "served", "messages": HELLO, "max_tokens": 64}


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ({"temperature": 0.2, "top_p": 0.9, "top_k": 5}, {"temperature": 0.2, "top_p": 0.9, "top_k": 5}),
        ({"stop_sequences": ["\n\n", "END"]}, {"stop": ["\n\n", "END"]}),
        ({"metadata": {"user_id": "u-1"}}, {"user": "u-1"}),
        ({"metadata": {"user_id": None}}, {}),
        ({"tool_choice": {"type": "auto"}}, {"tool_choice": "auto"}),
        ({"tool_choice": {"type": "any"}}, {"tool_choice": "required"}),
        ({"tool_choice": {"type": "none"}}, {"tool_choice": "none"}),
        (
            {"tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}},
            {
                "tool_choice": {"type": "function", "function": {"name": "weather"}},
                "parallel_tool_calls": False,
            },
        ),
        (
            {
                "output_config": {
                    "effort": "low",
                    "format": {"type": "json_schema", "schema": {"type": "object"}},
                }
            },
            {
                "reasoning_effort": "low",
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "output", "schema": {"type": "object"}, "strict": True},
                },
            },
        ),
        ({"service_tier": "auto"}, {}),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}),
        ({"cache_control": {"type": "ephemeral"}, "speed": "standard"}, {}),
        ({"min_p": 0.1, "guided_regex": "[a-z]+"}, {"min_p": 0.1, "guided_regex": "[a-z]+"}),
        ({"stream": False}, {"stream": False}),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {}),
    ],
)
def test_fields(field, expected):
    plain = chat()
    assert chat(**field) == plain | expected


def test_a_tool_definition():
    tool = {
        **WEATHER,
        "strict": True,
        "cache_control": {"type": "ephemeral"},
        "input_examples": [{"place": "Ulm"}],
    }
    schema = {**WEATHER["input_schema"], "examples": [{"place": "Ulm"}]}
    function = {"name": "weather", "description": "of a place", "parameters": schema, "strict": True}
    assert chat(tools=[tool])["tools"] == [{"type": "function", "function": function}]


def test_models_that_know_only_the_new_name_of_the_limit():
    assert "max_tokens" not in chat(model="gpt-5-mini")
    assert chat(model="o3")["max_completion_tokens"] == 64
    assert chat(model="gpt-oss-20b")["max_tokens"] == 64


def test_a_user_id_too_long_for_openai_stays_one_stable_identity():
    first, again, other = (chat(metadata={"user_id": u * 200})["user"] for u in "aab")
    assert first == again != other
    assert len(first) <= 64


@pytest.mark.parametrize(("kind", "on"), [("enabled", True), ("adaptive", True), ("disabled", False)])
def test_thinking_switches_the_template_of_engines_that_have_one(kind, on):
    kwargs = chat(engine="vllm", thinking={"type": kind})["chat_template_kwargs"]
    assert kwargs == {"enable_thinking": on, "thinking": on}
    kept = chat(engine="vllm", thinking={"type": kind}, chat_template_kwargs={"enable_thinking": "mine"})
    assert kept["chat_template_kwargs"]["enable_thinking"] == "mine"


def test_an_answer_begun_by_the_client_is_continued_where_the_engine_can():
    messages = [*HELLO, {"role": "assistant", "content": "The answer is ("}]
    begun = chat(engine="vllm", messages=messages)
    assert begun["messages"][-1] == {"role": "assistant", "content": "The answer is ("}
    assert (begun["add_generation_prompt"], begun["continue_final_message"]) == (False, True)
    with pytest.raises(BadRequest, match="End with a user turn"):
        chat(messages=messages)


@pytest.mark.parametrize(
    ("field", "place", "said"),
    [
        (
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            "tools.0",
            "web_search_20250305",
        ),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools.0", "bash_20250124"),
        (
            {"tools": [{**WEATHER, "allowed_callers": ["code_execution_20250825"]}]},
            "tools.0.allowed_callers",
            "direct",
        ),
        ({"tools": [{"name": "weather"}]}, "tools.0.input_schema", "object"),
        ({"tools": "weather"}, "tools", "list"),
        ({"tool_choice": {"type": "maybe"}}, "tool_choice.type", "maybe"),
        ({"container": "c-1"}, "container", "Anthropic"),
        ({"mcp_servers": [{"url": "https://mcp"}]}, "mcp_servers", "Anthropic"),
        ({"inference_geo": "eu"}, "inference_geo", "Anthropic"),
        ({"speed": "fast"}, "speed", "Anthropic"),
        ({"output_format": {"type": "xml"}}, "output_format.type", "json_schema"),
        ({"system": 5}, "system", "list"),
        ({"metadata": "me"}, "metadata", "object"),
        ({"messages": "Hello"}, "messages", "list"),
        ({"stream": True, "stream_options": 1}, "stream_options", "object"),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_place(field, place, said):
    with pytest.raises(BadRequest, match=said) as caught:
        chat(**field)
    assert caught.value.param == place


def test_a_whole_answer():
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"place": "Ulm"}'},
    }
    message = {"reasoning_content": "hm", "content": "I look.", "tool_calls": [call]}
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    told = answer(message, "tool_calls", usage=usage)
    assert told["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "pointsman"},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"place": "Ulm"}},
    ]
    assert (told["id"], told["model"], told["stop_reason"]) == ("chatcmpl-7", "qwen", "tool_use")
    assert told["usage"] == {
        "input_tokens": 36,
        "output_tokens": 9,
        "cache_read_input_tokens": 64,
        "cache_creation_input_tokens": 0,
        "output_tokens_details": {"thinking_tokens": 3},
    }


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        ("tool_calls", "end_turn"),
    ],
)
def test_stop_reasons(finish, reason):
    assert answer({"content": "x"}, finish)["stop_reason"] == reason


@pytest.mark.parametrize("field", ["stop_reason", "matched_stop"])
def test_the_stop_sequence_that_the_engine_names(field):
    body = {"stop_sequences": ["END"]}
    told = answer({"content": "x"}, body=body, **{field: "END"})
    assert (told["stop_reason"], told["stop_sequence"]) == ("stop_sequence", "END")
    for not_asked in ("<|im_end|>", 151645):
        assert answer({"content": "x"}, body=body, **{field: not_asked})["stop_reason"] == "end_turn"


def test_a_forced_call_finishes_as_tool_use_though_its_wire_says_stop():
    call = {"id": "c", "function": {"name": "now", "arguments": ""}}
    told = answer({"content": None, "tool_calls": [call]}, "stop")
    assert (told["stop_reason"], told["content"][0]["input"]) == ("tool_use", {})


def test_a_refusal():
    told = answer({"content": None, "refusal": "I will not."})
    assert (told["stop_reason"], told["content"]) == ("refusal", [{"type": "text", "text": "I will not."}])


def test_thinking_that_the_client_does_not_want_to_see():
    body = {"thinking": {"type": "adaptive", "display": "omitted"}}
    assert answer({"reasoning": "hm", "content": "4"}, body=body)["content"] == [{"type": "text", "text": "4"}]


def test_a_call_cut_off_by_the_limit_is_left_out_and_a_malformed_one_is_an_error():
    call = {"id": "c", "function": {"name": "weather", "arguments": '{"pla'}}
    told = answer({"content": "I look.", "tool_calls": [call]}, "length")
    assert (told["stop_reason"], len(told["content"])) == ("max_tokens", 1)
    with pytest.raises(UpstreamError, match="weather"):
        answer({"content": None, "tool_calls": [call]}, "tool_calls")


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": [{"message": 5}]}, {"choices": "no"}])
def test_an_answer_of_another_shape_is_the_pools_fault(body):
    with pytest.raises(UpstreamError, match="cannot be read"):
        MessagesToChat({}).response(body)


@pytest.mark.parametrize("reason", ["abort", "error"])
def test_an_answer_that_the_engine_gave_up(reason):
    with pytest.raises(UpstreamError, match=reason):
        answer({"content": "x"}, reason)


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (
            400,
            {"error": {"message": "too long", "type": "BadRequestError", "code": 400}},
            "invalid_request_error",
            "too long",
        ),
        (
            400,
            {"object": "error", "message": "flat", "type": "BadRequestError"},
            "invalid_request_error",
            "flat",
        ),
        (401, {"error": "no key"}, "authentication_error", "no key"),
        (403, {"error": {"message": "no"}}, "permission_error", "no"),
        (404, {"detail": "Not Found"}, "not_found_error", "Not Found"),
        (413, {"error": {"message": "big"}}, "request_too_large", "big"),
        (422, {"detail": [{"loc": ["body"]}]}, "invalid_request_error", '[{"loc":["body"]}]'),
        (429, {"error": {"message": "slow down"}}, "rate_limit_error", "slow down"),
        (500, {}, "api_error", "The upstream answered with status 500."),
        (503, {"error": {"message": "busy"}}, "overloaded_error", "busy"),
    ],
)
def test_errors(status, body, kind, message):
    assert MessagesToChat({}).error(status, body) == {
        "type": "error",
        "error": {"type": kind, "message": message},
    }


def sse(*chunks):
    return b"".join(b"data: %b\n\n" % (c if isinstance(c, bytes) else orjson.dumps(c)) for c in chunks)


def delta(finish=None, **fields):
    return {
        "id": "chatcmpl-7",
        "model": "qwen",
        "choices": [{"index": 0, "delta": fields, "finish_reason": finish}],
    }


STREAM = sse(
    delta(role="assistant", content=""),
    delta(reasoning="Let me "),
    delta(reasoning="see."),
    delta(content="I look"),
    delta(content=" it up."),
    delta(
        tool_calls=[{"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}]
    ),
    delta(tool_calls=[{"index": 0, "function": {"arguments": '{"place":'}}]),
    delta(tool_calls=[{"index": 0, "function": {"arguments": '"Ulm"}'}}]),
    delta(
        tool_calls=[{"index": 1, "id": "call_2", "type": "function", "function": {"name": "now", "arguments": "{}"}}]
    ),
    delta(finish="tool_calls"),
    {"id": "chatcmpl-7", "choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 9}},
    b"[DONE]",
)


def sdk(relay):
    return anthropic.AsyncAnthropic(base_url=relay.url, api_key="k", max_retries=0)


async def test_the_sdk_reads_an_answer(relay):
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"place": "Ulm"}'},
    }
    gateway = await relay(MessagesToChat, completion({"reasoning": "hm", "content": "I look.", "tool_calls": [call]}))
    async with sdk(gateway) as client:
        message = await client.messages.create(
            model="auto", max_tokens=64, system="Be kind.", messages=HELLO, tools=[WEATHER]
        )
    thinking, text, tool = message.content
    assert (thinking.thinking, text.text, tool.name, tool.input) == (
        "hm",
        "I look.",
        "weather",
        {"place": "Ulm"},
    )
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == (
        "tool_use",
        10,
        4,
    )
    assert gateway.asked[0]["messages"] == [{"role": "system", "content": "Be kind."}, *HELLO]


async def test_the_sdks_stream_helper_assembles_the_message(relay):
    gateway = await relay(MessagesToChat, STREAM)
    async with (
        sdk(gateway) as client,
        client.messages.stream(model="auto", max_tokens=64, messages=HELLO, tools=[WEATHER]) as stream,
    ):
        kinds = [event.type async for event in stream]
        message = await stream.get_final_message()
    thinking, text, weather, now = message.content
    assert (thinking.thinking, thinking.signature, text.text) == ("Let me see.", "pointsman", "I look it up.")
    assert (weather.id, weather.name, weather.input) == ("call_1", "weather", {"place": "Ulm"})
    assert (now.id, now.name, now.input) == ("call_2", "now", {})
    assert (message.id, message.model, message.stop_reason) == ("chatcmpl-7", "qwen", "tool_use")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (20, 9)
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert gateway.asked[0]["stream_options"] == {"include_usage": True}


async def test_the_second_round_of_a_tool_call_goes_back_as_the_model_knows_it(relay):
    gateway = await relay(MessagesToChat, STREAM)
    async with sdk(gateway) as client:
        async with client.messages.stream(model="auto", max_tokens=64, messages=HELLO, tools=[WEATHER]) as stream:
            first = await stream.get_final_message()
        result = {"type": "tool_result", "tool_use_id": "call_1", "content": "rain"}
        history = [*HELLO, first.to_param(), {"role": "user", "content": [result]}]
        async with client.messages.stream(model="auto", max_tokens=64, messages=history) as stream:
            await stream.get_final_message()
    assistant, tool = gateway.asked[1]["messages"][1:]
    assert assistant["content"] == "I look it up."
    assert assistant["reasoning"] == assistant["reasoning_content"] == "Let me see."
    assert [c["function"]["name"] for c in assistant["tool_calls"]] == ["weather", "now"]
    assert tool == {"role": "tool", "tool_call_id": "call_1", "content": "rain"}


async def test_the_sdk_raises_on_an_upstreams_error(relay):
    gateway = await relay(MessagesToChat, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, 429)
    async with sdk(gateway) as client:
        with pytest.raises(anthropic.RateLimitError) as caught:
            await client.messages.create(model="auto", max_tokens=64, messages=HELLO)
    assert caught.value.type == "rate_limit_error"
    assert (caught.value.api_message, caught.value.error_code) == ("slow down", "rate_limit_exceeded")


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (sse(delta(content="Half")), "before the answer was complete"),
        (
            sse(delta(content="Half"), {"error": {"message": "CUDA died", "type": "server_error"}}),
            "CUDA died",
        ),
        (sse(delta(content="Half"), b"{oops"), "cannot be read"),
        (b"", "before the answer was complete"),
    ],
)
async def test_the_sdk_raises_on_a_stream_that_fails(relay, stream, said):
    gateway = await relay(MessagesToChat, stream)
    async with sdk(gateway) as client:
        with pytest.raises(anthropic.APIStatusError, match=said) as caught:
            async with client.messages.stream(model="auto", max_tokens=64, messages=HELLO) as events:
                await events.get_final_message()
    assert caught.value.type == "api_error"
