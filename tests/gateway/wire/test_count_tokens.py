"""An estimate, so the tests say what must add to it and how close it must be."""

import orjson
import pytest

from pointsman.gateway.errors import BadRequest
from pointsman.gateway.wire.count_tokens import count_tokens

PROSE = "The quick brown fox jumps over the lazy dog, and nobody in the whole village seems to mind. "
TOOL = {"name": "weather", "description": PROSE, "input_schema": {"type": "object", "properties": {}}}
IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
USE = {"type": "tool_use", "id": "1", "name": "weather", "input": {"place": PROSE}}


def count(*messages, **body):
    told = orjson.loads(count_tokens({"model": "auto", "messages": list(messages), **body}))
    assert told["estimated"] is True
    return told["input_tokens"]


def user(*content):
    return {"role": "user", "content": list(content)}


def text(value):
    return {"type": "text", "text": value}


def test_prose_is_about_as_long_as_a_real_tokenizer_says():
    assert 1500 < count(user(text(PROSE * 100))) < 2700  # twenty common words and signs each


@pytest.mark.parametrize(
    ("messages", "body"),
    [
        ([user(text("Hi")), user(text(PROSE))], {}),
        ([user(text("Hi"))], {"system": PROSE}),
        ([user(text("Hi"))], {"tools": [TOOL]}),
        ([user(text("Hi")), {"role": "assistant", "content": [USE]}], {}),
        ([user(text("Hi"), {"type": "tool_result", "tool_use_id": "1", "content": PROSE})], {}),
        ([user(text("Hi")), {"role": "assistant", "content": [{"type": "thinking", "thinking": PROSE}]}], {}),
        ([user(text("Hi"), IMAGE)], {}),
        ([user(text("Hi")), {"role": "assistant", "content": PROSE}], {}),
    ],
)
def test_everything_that_the_model_reads_counts(messages, body):
    assert count(*messages, **body) > count(user(text("Hi"))) + 15


def test_what_no_chat_pool_could_be_asked_is_refused():
    with pytest.raises(BadRequest, match="container_upload"):
        count(user({"type": "container_upload", "file_id": "f"}))
