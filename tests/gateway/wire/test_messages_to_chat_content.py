"""Turns of a messages request as the chat wire wants them."""

import json

import pytest

from pointsman.gateway.errors import BadRequest
from pointsman.gateway.wire.messages_to_chat_content import chat_messages

PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def text(value, **more):
    return {"type": "text", "text": value, **more}


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks):
    return {"role": "assistant", "content": list(blocks)}


def use(name="weather", id="toolu_1", **given):
    return {"type": "tool_use", "id": id, "name": name, "input": given}


def result(content, id="toolu_1", **more):
    return {"type": "tool_result", "tool_use_id": id, "content": content, **more}


def chat(*messages, **more):
    return chat_messages({"messages": list(messages), **more})


@pytest.mark.parametrize("system", ["Be kind.\nBe brief.", [text("Be kind."), text("Be brief.", cache_control={})]])
def test_the_system_prompt_comes_first(system):
    first, second = chat(user(text("Hi")), system=system)
    assert first == {"role": "system", "content": "Be kind.\nBe brief."}
    assert second == {"role": "user", "content": "Hi"}


def test_no_empty_system_prompt():
    assert len(chat(user(text("Hi")), system="")) == 1


def test_a_system_turn_stays_where_it_is():
    messages = [user(text("Hi")), {"role": "system", "content": "Hurry."}, user(text("So?"))]
    assert [m["role"] for m in chat(*messages)] == ["user", "system", "user"]


def test_text_and_images_keep_their_order():
    url = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    (message,) = chat(user(text("this"), PNG, text("or this"), url))
    assert message["content"] == [
        text("this"),
        PNG_PART,
        text("or this"),
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
    ]


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        ({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "D"}}, "D"),
        ({"type": "document", "source": {"type": "content", "content": "D"}}, "D"),
        (
            {"type": "document", "title": "T", "source": {"type": "content", "content": [text("D"), PNG]}},
            [text("T"), text("D"), PNG_PART],
        ),
        (
            {"type": "search_result", "title": "T", "source": "https://s", "content": [text("R")]},
            "T\nhttps://s\nR",
        ),
    ],
)
def test_documents_and_search_results_become_text(block, parts):
    assert chat(user(block)) == [{"role": "user", "content": parts}]


def test_a_tool_call_and_its_result():
    messages = chat(
        user(text("Weather?")),
        assistant(text("I look."), use(place="Ulm")),
        user(text("and then?"), result("rain")),
    )
    call = messages[1].pop("tool_calls")[0]
    assert (call["id"], call["type"], call["function"]["name"]) == ("toolu_1", "function", "weather")
    assert json.loads(call["function"]["arguments"]) == {"place": "Ulm"}
    assert messages[1:] == [
        {"role": "assistant", "content": "I look."},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "rain"},
        {"role": "user", "content": "and then?"},
    ]


def test_a_call_without_words_has_no_content():
    assert chat(assistant(use()))[0]["content"] is None


@pytest.mark.parametrize(
    ("block", "content"),
    [
        (result([text("a"), text("b")]), "a\nb"),
        (result("no such place", is_error=True), "Error: no such place"),
        ({"type": "tool_result", "tool_use_id": "toolu_1"}, ""),
        (result([{"type": "document", "source": {"type": "text", "data": "D"}}]), "D"),
    ],
)
def test_tool_results(block, content):
    assert chat(user(block)) == [{"role": "tool", "tool_call_id": "toolu_1", "content": content}]


def test_images_of_a_tool_result_follow_in_the_users_message():
    tool, shown = chat(user(result([text("see"), PNG]), text("Well?")))
    assert tool["content"] == "see"
    assert shown["content"] == [text("Images in the result of tool call toolu_1:"), PNG_PART, text("Well?")]


def test_neighbours_of_one_role_are_one_turn():
    messages = chat(
        {"role": "user", "content": "a"},
        user(text("b")),
        assistant(use(id="1")),
        assistant(use(id="2")),
        user(result("x", "1")),
        user(result("y", "2"), text("c")),
    )
    assert [m["role"] for m in messages] == ["user", "assistant", "tool", "tool", "user"]
    assert messages[0]["content"] == [text("a"), text("b")]
    assert [c["id"] for c in messages[1]["tool_calls"]] == ["1", "2"]


def test_only_thinking_that_an_openai_wire_pool_thought_goes_back_to_it():
    ours = {"type": "thinking", "thinking": "hm", "signature": "pointsman"}
    claudes = {"type": "thinking", "thinking": "secret", "signature": "EqQBCg..."}
    redacted = {"type": "redacted_thinking", "data": "xyz"}
    (message,) = chat(assistant(ours, claudes, redacted, text("4")))
    assert message == {"role": "assistant", "content": "4", "reasoning": "hm", "reasoning_content": "hm"}
    assert chat(assistant(claudes)) == []


NESTED = {"type": "document", "source": {"type": "content", "content": [text("x")]}}
for _ in range(300):
    NESTED = {"type": "document", "source": {"type": "content", "content": [NESTED]}}


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ({"role": "robot", "content": "x"}, "messages.0.role"),
        ({"role": "user"}, "messages.0.content"),
        ({"role": "user", "content": ["x"]}, "messages.0.content.0"),
        (user({"type": "text"}), "messages.0.content.0.text"),
        (user({"type": "container_upload", "file_id": "f"}), "messages.0.content.0"),
        (user({"type": "image"}), "messages.0.content.0.source"),
        (user({"type": "image", "source": {"type": "file", "file_id": "f"}}), "messages.0.content.0.source"),
        (
            user({"type": "document", "source": {"type": "base64", "data": "JVB"}}),
            "messages.0.content.0.source",
        ),
        (user({**NESTED, "citations": {"enabled": True}}), "messages.0.content.0.citations"),
        (user(NESTED), "messages.0.content.0.source.content.0"),
        (user(result([{"type": "tool_reference", "tool_name": "t"}])), "messages.0.content.0.content.0"),
        (user({"type": "tool_result", "content": "x"}), "messages.0.content.0.tool_use_id"),
        (assistant({"type": "server_tool_use", "id": "s", "name": "web_search"}), "messages.0.content.0"),
        (assistant({"type": "tool_use", "id": "1", "name": "t", "input": "x"}), "messages.0.content.0.input"),
        ({"role": "system", "content": [PNG]}, "messages.0.content.0.0"),
    ],
)
def test_refusals_name_the_place(message, place):
    with pytest.raises(BadRequest) as caught:
        chat(message)
    assert caught.value.param == place
