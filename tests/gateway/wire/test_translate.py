"""Whatever clients and upstreams send, a translation answers with its own errors and nothing else."""

import copy

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.errors import BadRequest, UpstreamError
from pointsman.gateway.wire.chat_to_messages import ChatToMessages
from pointsman.gateway.wire.messages_to_chat import MessagesToChat
from pointsman.gateway.wire.sse import Event

SCHEMA = {"type": "object"}
PNG = {"type": "base64", "media_type": "image/png", "data": "aGk="}

MESSAGES = {
    "model": "auto",
    "max_tokens": 9,
    "stream": True,
    "stream_options": {},
    "system": [{"type": "text", "text": "s"}],
    "stop_sequences": ["x"],
    "metadata": {"user_id": "u"},
    "thinking": {"type": "adaptive"},
    "chat_template_kwargs": {},
    "service_tier": "auto",
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    "tools": [{"name": "t", "input_schema": SCHEMA, "allowed_callers": ["direct"]}],
    "tool_choice": {"type": "tool", "name": "t"},
    "messages": [
        {"role": "user", "content": [{"type": "image", "source": PNG}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "h", "signature": "pointsman"},
                {"type": "text", "text": "x"},
                {"type": "tool_use", "id": "1", "name": "t", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "image", "source": PNG}]},
                {
                    "type": "document",
                    "title": "d",
                    "citations": {"enabled": False},
                    "source": {"type": "content", "content": [{"type": "text", "text": "x"}]},
                },
                {"type": "search_result", "title": "r", "source": "s", "content": [{"type": "text", "text": "x"}]},
            ],
        },
    ],
}

CHAT = {
    "model": "auto",
    "max_tokens": 9,
    "stream": True,
    "stream_options": {"include_usage": True},
    "stop": ["x"],
    "n": 1,
    "user": "u",
    "temperature": 0.5,
    "reasoning_effort": "low",
    "parallel_tool_calls": False,
    "service_tier": "auto",
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
    "tools": [{"type": "function", "function": {"name": "t", "parameters": SCHEMA}}],
    "tool_choice": {"type": "function", "function": {"name": "t"}},
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "s"}]},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "https://x"}},
                {"type": "file", "file": {"filename": "f", "file_data": "data:application/pdf;base64,x"}},
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "refusal", "refusal": "x"}],
            "thinking_blocks": [{"type": "thinking"}],
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "t", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "x"}]},
    ],
}

COMPLETION = {
    "id": "c",
    "model": "m",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "stop_reason": "x",
            "message": {
                "content": "x",
                "reasoning": "r",
                "refusal": None,
                "tool_calls": [{"id": "1", "function": {"name": "t", "arguments": "{}"}}],
            },
        }
    ],
    "usage": {
        "prompt_tokens": 1,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 1},
    },
}

MESSAGE = {
    "id": "m",
    "model": "m",
    "stop_reason": "end_turn",
    "content": [
        {"type": "thinking", "thinking": "h", "signature": "s"},
        {"type": "text", "text": "x"},
        {"type": "tool_use", "id": "1", "name": "t", "input": {}},
    ],
    "usage": {"input_tokens": 1, "output_tokens": 1, "output_tokens_details": {"thinking_tokens": 1}},
}

CHUNKS = [
    {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"reasoning": "r", "content": "x"}}]},
    {
        "choices": [
            {
                "index": 0,
                "delta": {"tool_calls": [{"index": 0, "id": "1", "function": {"name": "t", "arguments": "{}"}}]},
                "finish_reason": "tool_calls",
            }
        ]
    },
    {"choices": [], "usage": COMPLETION["usage"]},
]

EVENTS = [
    {"type": "message_start", "message": {"id": "m", "model": "m", "usage": MESSAGE["usage"]}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "h"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": MESSAGE["content"][2]},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"},
]

ODD = st.sampled_from(
    [None, True, -1, 10**12, 0.5, "", "x", "text", [], ["x"], [[]], [{}], {}, {"type": "x"}, {"type": []}]
)


def places(value, path=()):
    """Every path into a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def spoilt(value, drawn):
    value = copy.deepcopy(value)
    *path, last = drawn.draw(st.sampled_from([p for p in places(value) if p]))
    inner = value
    for key in path:
        inner = inner[key]
    inner[last] = drawn.draw(ODD)
    return value


REQUESTS = [(MessagesToChat, MESSAGES), (ChatToMessages, CHAT)]
ANSWERS = [(MessagesToChat, COMPLETION), (ChatToMessages, MESSAGE)]
STREAMS = [(MessagesToChat, CHUNKS), (ChatToMessages, EVENTS)]


@pytest.mark.parametrize(("make", "body"), REQUESTS)
def test_the_unspoilt_requests_are_translated(make, body):
    assert make(body).request(body, "m")["messages"]


def outcome(error, run):
    try:
        return run()
    except error as caught:
        return caught.object()


@pytest.mark.parametrize(("make", "body"), REQUESTS)
@given(drawn=st.data())
def test_a_spoilt_request_is_a_bad_request_or_passes(make, body, drawn):
    body = spoilt(body, drawn)
    told = outcome(BadRequest, lambda: make(body).request(body, "m"))
    assert orjson.dumps(told)
    assert told.get("param") or told["model"] == "m"


@pytest.mark.parametrize(("make", "body"), ANSWERS)
@given(drawn=st.data())
def test_a_spoilt_answer_is_the_upstreams_error_or_passes(make, body, drawn):
    body = spoilt(body, drawn)
    assert orjson.dumps(outcome(UpstreamError, lambda: make({}).response(body)))


@pytest.mark.parametrize(("make", "events"), STREAMS)
@given(drawn=st.data())
def test_a_spoilt_stream_is_the_upstreams_error_or_passes(make, events, drawn):
    stream = make({}).stream()
    events = spoilt(events, drawn)
    assert outcome(
        UpstreamError,
        lambda: [stream.feed(Event("", orjson.dumps(event))) for event in events] + stream.finish(),
    )


@pytest.mark.parametrize("make", [MessagesToChat, ChatToMessages])
@given(drawn=st.data(), status=st.integers(400, 599))
def test_any_error_body_has_a_message(make, drawn, status):
    body = spoilt({"error": {"message": "m", "type": "t", "code": "c", "details": {"error_code": "e"}}}, drawn)
    assert isinstance(make({}).error(status, body)["error"]["message"], str)
