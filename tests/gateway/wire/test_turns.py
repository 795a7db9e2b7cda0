"""The same conversation reads the same in every wire, and nothing that a client sends breaks the reading."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.wire.turns import read_messages, read_offered, read_tool_text, read_tools
from pointsman.signals.facts import Message, Route, Tool

CONVERSATION = [
    Message("system", "Be brief."),
    Message("user", "What is in this picture?\nAnswer in Chinese: 你好 🎉", ("image",)),
    Message("assistant", "", (), 1),
    Message("tool", "a cat"),
    Message("assistant", "A cat."),
]


def chat():
    return {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is in this picture?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    {"type": "text", "text": "Answer in Chinese: 你好 🎉"},
                ],
            },
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "look"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "a cat"},
            {"role": "assistant", "content": "A cat."},
        ]
    }


def messages():
    return {
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is in this picture?"},
                    {"type": "image", "source": {"type": "base64", "data": "AAAA"}},
                    {"type": "text", "text": "Answer in Chinese: 你好 🎉"},
                ],
            },
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "look", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "a cat"}]},
            {"role": "assistant", "content": "A cat."},
        ],
    }


def responses():
    return {
        "instructions": "Be brief.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is in this picture?"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
                    {"type": "input_text", "text": "Answer in Chinese: 你好 🎉"},
                ],
            },
            {"type": "function_call", "call_id": "1", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "a cat"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "A cat."}]},
        ],
    }


@pytest.mark.parametrize(
    ("route", "body"),
    [
        (Route.CHAT, chat()),
        (Route.MESSAGES, messages()),
        (Route.COUNT_TOKENS, messages()),
        (Route.RESPONSES, responses()),
    ],
)
def test_each_wire_tells_the_same_conversation(route, body):
    assert read_messages(route, body) == CONVERSATION


@pytest.mark.parametrize(
    ("route", "body", "text"),
    [
        (Route.RESPONSES, {"input": "hi"}, "hi"),
        (Route.COMPLETIONS, {"prompt": "hi"}, "hi"),
        (Route.COMPLETIONS, {"prompt": ["a", "b"]}, "a\nb"),
        (Route.COMPLETIONS, {"prompt": [1, 2, 3]}, ""),
        (Route.EMBEDDINGS, {"input": ["a", [1, 2], "b"]}, "a\nb"),
        (Route.OTHER, {"input": "hi"}, "hi"),
        (Route.OTHER, {}, ""),
    ],
)
def test_text_without_turns_is_the_users(route, body, text):
    assert read_messages(route, body) == [Message("user", text)]


def test_a_tool_result_and_words_in_one_anthropic_message_are_two_turns():
    content = [
        {"type": "tool_result", "content": [{"type": "text", "text": "a cat"}]},
        {"type": "text", "text": "and?"},
    ]
    turns = read_messages(Route.MESSAGES, {"messages": [{"role": "user", "content": content}]})
    assert turns == [Message("tool", "a cat"), Message("user", "and?")]


@pytest.mark.parametrize(
    ("kind", "named"),
    [("input_audio", "audio"), ("file", "file"), ("document", "file"), ("video_url", "video"), ("image", "image")],
)
def test_parts_are_named_alike(kind, named):
    (turn,) = read_messages(Route.CHAT, {"messages": [{"role": "user", "content": [{"type": kind}]}]})
    assert turn.parts == (named,)


@pytest.mark.parametrize(
    "tools",
    [
        [{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}],
        [{"type": "function", "name": "f"}, {"type": "function", "name": "g"}],
        [{"name": "f", "input_schema": {}}, {"type": "g"}],
    ],
)
def test_tools_by_name_in_every_wire(tools):
    assert read_tools({"tools": tools}) == ["f", "g"]
    assert read_tool_text({"tools": tools}).startswith("[")


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [{"type": "function", "function": {"name": "f", "description": "Does f."}}, {"type": "web"}]},
        {"tools": [{"type": "function", "name": "f", "description": "Does f."}, {"type": "web"}]},
        {"tools": [{"name": "f", "description": "Does f.", "input_schema": {}}, {"type": "web", "name": "web"}]},
        {"functions": [{"name": "f", "description": "Does f."}, {"name": "web", "description": 3}]},
    ],
    ids=["chat", "responses", "messages", "functions"],
)
def test_offered_tools_with_descriptions_in_every_wire(body):
    assert read_offered(body) == [Tool("f", "Does f."), Tool("web")]


def test_no_tools_are_no_text():
    assert (read_tools({}), read_tool_text({}), read_tool_text({"tools": []})) == ([], "", "")


words = st.sampled_from(
    ["type", "text", "content", "messages", "role", "input", "tool_calls", "tools", "function", "name"]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from(["text", "image_url", "tool_result", "user", "message"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=15,
)


@given(st.sampled_from(Route), st.dictionaries(words | st.sampled_from(["system", "instructions", "prompt"]), values))
def test_whatever_is_sent_can_be_read(route, body):
    """The upstream judges it."""
    for turn in read_messages(route, body):
        assert isinstance(turn.text, str)
        assert isinstance(turn.role, str)
    assert all(isinstance(name, str) for name in read_tools(body))
    read_tool_text(body)
    assert all(isinstance(part, str) for tool in read_offered(body) for part in tool)
