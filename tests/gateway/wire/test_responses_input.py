"""Items to messages: each as a chat server understands it, or refused with its place."""

import pytest

from pointsman.gateway.errors import BadRequest
from pointsman.gateway.wire.responses_input import chat_messages

CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": '{"at":"Rome"}'}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
CHAT_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"at":"Rome"}'}}


def thought(text: str) -> dict:
    return {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": text}]}


def answered(*parts: dict) -> dict:
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": list(parts)}


def said(text: str) -> dict:
    return answered({"type": "output_text", "text": text, "annotations": []})


def user(*parts: dict) -> dict:
    return {"role": "user", "content": list(parts)}


def text(value: str) -> dict:
    return {"type": "input_text", "text": value}


QUESTION = {"role": "user", "content": "And now?"}

CASES = {
    "a string": ("Hi", [{"role": "user", "content": "Hi"}]),
    "a message": ([{"role": "user", "content": "Hi"}], [{"role": "user", "content": "Hi"}]),
    "one text part stays a string": ([user(text("Hi"))], [{"role": "user", "content": "Hi"}]),
    "several parts": (
        [user(text("What is this?"), {"type": "input_image", "image_url": "data:x", "detail": "low"})],
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:x", "detail": "low"}},
                ],
            }
        ],
    ),
    "a file": (
        [user({"type": "input_file", "filename": "a.pdf", "file_data": "data:y"})],
        [{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:y", "filename": "a.pdf"}}]}],
    ),
    "an uploaded file": (
        [user({"type": "input_file", "file_id": "file-1"})],
        [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}],
    ),
    "audio": (
        [user({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}})],
        [
            {
                "role": "user",
                "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}],
            }
        ],
    ),
    "a cache hint": (
        [user(text("long") | {"prompt_cache_breakpoint": {"mode": "explicit"}})],
        [
            {
                "role": "user",
                "content": [{"type": "text", "text": "long", "prompt_cache_breakpoint": {"mode": "explicit"}}],
            }
        ],
    ),
    "system and developer": (
        [{"role": "system", "content": "A"}, {"role": "developer", "content": [text("B"), text("C")]}, QUESTION],
        [{"role": "system", "content": "A\n\nB\nC"}, QUESTION],
    ),
    "an earlier answer": (
        [said("Hello"), QUESTION],
        [{"role": "assistant", "content": "Hello"}, QUESTION],
    ),
    "an earlier answer as plain text": (
        [{"role": "assistant", "content": "Hello"}, QUESTION],
        [{"role": "assistant", "content": "Hello"}, QUESTION],
    ),
    "two earlier answers stay two": (
        [said("One"), said("Two"), QUESTION],
        [{"role": "assistant", "content": "One"}, {"role": "assistant", "content": "Two"}, QUESTION],
    ),
    "a refusal": (
        [answered({"type": "refusal", "refusal": "No."}), QUESTION],
        [{"role": "assistant", "content": None, "refusal": "No."}, QUESTION],
    ),
    "a call and its result": (
        [QUESTION, CALL, OUTPUT],
        [
            QUESTION,
            {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        ],
    ),
    "text and parallel calls are one message": (
        [QUESTION, said("Let me look."), CALL, CALL | {"call_id": "call_2"}, OUTPUT, OUTPUT | {"call_id": "call_2"}],
        [
            QUESTION,
            {
                "role": "assistant",
                "content": "Let me look.",
                "tool_calls": [CHAT_CALL, CHAT_CALL | {"id": "call_2"}],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
            {"role": "tool", "tool_call_id": "call_2", "content": "sunny"},
        ],
    ),
    "text after a call joins it": (
        [QUESTION, CALL, said("Looking."), OUTPUT],
        [
            QUESTION,
            {"role": "assistant", "content": "Looking.", "tool_calls": [CHAT_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        ],
    ),
    "calls in turn are messages in turn": (
        [QUESTION, CALL, OUTPUT, CALL | {"call_id": "call_2"}, OUTPUT | {"call_id": "call_2"}],
        [
            QUESTION,
            {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
            {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL | {"id": "call_2"}]},
            {"role": "tool", "tool_call_id": "call_2", "content": "sunny"},
        ],
    ),
    "a result in parts": (
        [QUESTION, CALL, OUTPUT | {"output": [text("sun"), text("wind")]}],
        [
            QUESTION,
            {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]},
            {
                "role": "tool",
                "tool_call_id": "call_1",
                "content": [{"type": "text", "text": "sun"}, {"type": "text", "text": "wind"}],
            },
        ],
    ),
    "reasoning of the running tool loop": (
        [QUESTION, thought("Rome?"), CALL, OUTPUT],
        [
            QUESTION,
            {
                "role": "assistant",
                "content": None,
                "reasoning": "Rome?",
                "reasoning_content": "Rome?",
                "tool_calls": [CHAT_CALL],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        ],
    ),
    "reasoning before the last question": (
        [thought("Greet."), said("Hello"), QUESTION],
        [{"role": "assistant", "content": "Hello"}, QUESTION],
    ),
    "encrypted reasoning": (
        [QUESTION, {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "x"}, CALL, OUTPUT],
        [
            QUESTION,
            {"role": "assistant", "content": None, "tool_calls": [CHAT_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        ],
    ),
}


@pytest.mark.parametrize(("given", "messages"), CASES.values(), ids=CASES)
def test_items_become_messages(given, messages):
    assert chat_messages({"input": given}) == messages


def test_instructions_come_first():
    messages = chat_messages({"instructions": "Be brief.", "input": "Hi"})
    assert messages == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]


def test_instructions_and_a_developer_message_are_one_system_message():
    body = {"instructions": "Be brief.", "input": [{"role": "developer", "content": "Be kind."}, QUESTION]}
    assert chat_messages(body) == [{"role": "system", "content": "Be brief.\n\nBe kind."}, QUESTION]


REFUSED = {
    "no input": (None, "input", "missing"),
    "a number": (7, "input", "list of objects"),
    "a list of strings": (["Hi"], "input.0", "object"),
    "no content": ([{"role": "user"}], "input.0.content", "list of objects"),
    "an unknown role": ([{"role": "tool", "content": "x"}], "input.0.role", "developer"),
    "a role that is no string": ([{"role": ["user"], "content": "x"}], "input.0.role", "must be"),
    "a type that is no string": ([{"type": ["x"]}], "input.0", "cannot be said"),
    "a part type that is no string": ([user({"type": ["x"]})], "input.0.content.0", "cannot be said"),
    "text that is no string": ([user({"type": "input_text", "text": 1})], "input.0.content.0.text", "string"),
    "an image by id": ([user({"type": "input_image", "file_id": "f"})], "input.0.content.0", "image_url"),
    "a file by URL": (
        [user({"type": "input_file", "file_url": "http://x"})],
        "input.0.content.0.file_url",
        "file_data",
    ),
    "a screenshot": ([user({"type": "computer_screenshot"})], "input.0.content.0", "computer_screenshot"),
    "an image in a system message": (
        [{"role": "system", "content": [{"type": "input_image", "image_url": "data:x"}]}],
        "input.0.content.0",
        "only text",
    ),
    "a stored item": ([{"type": "item_reference", "id": "msg_1"}], "input.0", "Send the item itself"),
    "a stored item without type": ([{"id": "msg_1"}], "input.0", "Send the item itself"),
    "a built-in tool's call": ([QUESTION, {"type": "web_search_call", "id": "ws"}], "input.1", "web_search_call"),
    "a call without id": ([QUESTION, CALL | {"call_id": None}], "input.1.call_id", "string"),
    "a result without id": ([QUESTION, {**OUTPUT, "call_id": None}], "input.1.call_id", "string"),
    "parsed arguments": ([QUESTION, CALL | {"arguments": {}}], "input.1.arguments", "string"),
}


@pytest.mark.parametrize(("given", "where", "hint"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_said_is_refused_with_its_place(given, where, hint):
    with pytest.raises(BadRequest, match=hint) as caught:
        chat_messages({"input": given})
    assert caught.value.param == where


def test_instructions_must_be_text():
    with pytest.raises(BadRequest, match="instructions"):
        chat_messages({"instructions": ["x"], "input": "Hi"})
