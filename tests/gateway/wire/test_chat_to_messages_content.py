"""Messages of a chat request as Anthropic's turns."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.errors import BadRequest
from pointsman.gateway.wire.chat_to_messages_content import messages_and_system
from pointsman.gateway.wire.messages_to_chat_content import chat_messages


def turns(*messages):
    return messages_and_system({"messages": list(messages)})


def text(value):
    return {"type": "text", "text": value}


def user(content):
    return {"role": "user", "content": content}


def call(id="1", name="weather", arguments='{"place": "Ulm"}'):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(id="1", content="rain"):
    return {"role": "tool", "tool_call_id": id, "content": content}


def test_system_and_developer_messages_are_joined_wherever_they_stand():
    told = turns(
        {"role": "system", "content": "Be kind."},
        user("Hi"),
        {"role": "developer", "content": [text("Be brief."), text("Be quick.")]},
    )
    assert told["system"] == "Be kind.\n\nBe brief.\n\nBe quick."
    assert told["messages"] == [user([text("Hi")])]


def test_no_system_prompt_no_field():
    assert turns(user("Hi")) == {"messages": [user([text("Hi")])]}


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/PNG;base64,aGk=", "detail": "low"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVB="}},
            {
                "type": "document",
                "title": "a.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVB="},
            },
        ),
    ],
)
def test_parts(part, block):
    assert turns(user([text("see"), part]))["messages"] == [user([text("see"), block])]


def test_a_tool_call_and_the_results_of_one_round_in_one_turn():
    told = turns(
        user("Weather?"),
        {"role": "assistant", "content": "I look.", "tool_calls": [call(), call("2", "now", "")]},
        tool(),
        tool("2", [text("noon")]),
        user("and then?"),
    )["messages"]
    assert told[1:] == [
        {
            "role": "assistant",
            "content": [
                text("I look."),
                {"type": "tool_use", "id": "1", "name": "weather", "input": {"place": "Ulm"}},
                {"type": "tool_use", "id": "2", "name": "now", "input": {}},
            ],
        },
        user(
            [
                {"type": "tool_result", "tool_use_id": "1", "content": "rain"},
                {"type": "tool_result", "tool_use_id": "2", "content": [text("noon")]},
                text("and then?"),
            ]
        ),
    ]


@pytest.mark.parametrize("content", [None, "", []])
def test_an_assistant_that_only_calls_has_no_empty_text(content):
    (turn,) = turns({"role": "assistant", "content": content, "tool_calls": [call()]})["messages"]
    assert [b["type"] for b in turn["content"]] == ["tool_use"]


def test_neighbours_of_one_role_are_one_turn_and_empty_ones_none():
    told = turns(user("a"), {"role": "assistant", "content": ""}, user("b"))["messages"]
    assert told == [user([text("a"), text("b")])]


def test_an_assistants_refusal_is_something_it_said():
    said = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}], "refusal": "Never."}
    assert turns(said)["messages"][0]["content"] == [text("No."), text("Never.")]


def test_reasoning_without_a_signature_stays_behind():
    said = {"role": "assistant", "content": "4", "reasoning_content": "hm"}
    assert turns(said)["messages"][0]["content"] == [text("4")]


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ({"role": "function", "name": "f", "content": "x"}, "messages.0.role"),
        ({"role": ["user"], "content": "x"}, "messages.0.role"),
        (user(None), "messages.0.content"),
        (user([{"type": "input_audio", "input_audio": {}}]), "messages.0.content.0"),
        (user([{"type": "image_url", "image_url": "https://x"}]), "messages.0.content.0.image_url"),
        (
            user([{"type": "image_url", "image_url": {"url": "ftp://x"}}]),
            "messages.0.content.0.image_url.url",
        ),
        (user([{"type": "file", "file": {"file_id": "f"}}]), "messages.0.content.0.file"),
        (tool(None), "messages.0.tool_call_id"),
        ({"role": "assistant", "tool_calls": [{"type": "custom"}]}, "messages.0.tool_calls.0"),
        (
            {"role": "assistant", "tool_calls": [call(arguments="{")]},
            "messages.0.tool_calls.0.function.arguments",
        ),
        (
            {"role": "assistant", "tool_calls": [call(arguments="[]")]},
            "messages.0.tool_calls.0.function.arguments",
        ),
        ({"role": "assistant", "function_call": {"name": "f"}}, "messages.0.function_call"),
        ({"role": "assistant", "audio": {"id": "a"}}, "messages.0.audio"),
        ({"role": "system", "content": [{"type": "image_url"}]}, "messages.0.content.0"),
    ],
)
def test_refusals_name_the_place(message, place):
    with pytest.raises(BadRequest) as caught:
        turns(message)
    assert caught.value.param == place


WORDS = st.text(min_size=1, max_size=12)
IMAGES = st.binary(max_size=6).map(
    lambda b: {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b.hex()}"}}
)
USERS = WORDS.map(user) | st.lists(WORDS.map(text) | IMAGES, min_size=2, max_size=3).map(user)
ARGUMENTS = st.dictionaries(WORDS, st.integers(0, 99) | WORDS, max_size=2)


@st.composite
def conversations(draw):
    messages = [{"role": "system", "content": draw(WORDS)}, draw(USERS)]
    for turn in range(draw(st.integers(0, 3))):
        said = {"role": "assistant", "content": draw(WORDS)}
        calls = draw(st.lists(ARGUMENTS, max_size=2))
        if calls:
            said["tool_calls"] = [
                call(f"{turn}-{i}", f"tool{i}", json.dumps(a, ensure_ascii=False, separators=(",", ":")))
                for i, a in enumerate(calls)
            ]
        messages += [said, *(tool(f"{turn}-{i}", draw(WORDS)) for i in range(len(calls))), draw(USERS)]
    return messages


@given(conversations())
def test_there_and_back_is_the_same_conversation(messages):
    assert chat_messages(messages_and_system({"messages": messages})) == messages
