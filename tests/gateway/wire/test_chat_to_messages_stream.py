"""However Anthropic cuts its deltas, the client of the chat wire assembles the same answer."""

import json
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.errors import PoolUnavailable, UpstreamError
from pointsman.gateway.wire.chat_to_messages_stream import MessagesStreamToChat
from pointsman.gateway.wire.sse import Event, parse_event

FIELD = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}


def feed(stream, *events):
    return [raw for e in events for raw in stream.feed(Event(e["type"], orjson.dumps(e)))]


def opened(**usage):
    return {"type": "message_start", "message": {"id": "msg_1", "model": "claude", "usage": usage}}


def block(index, content_block, *pieces):
    kind, key = FIELD[content_block["type"]]
    yield {"type": "content_block_start", "index": index, "content_block": content_block}
    for piece in pieces:
        yield {"type": "content_block_delta", "index": index, "delta": {"type": kind, key: piece}}
    yield {"type": "content_block_stop", "index": index}


def ended(reason="end_turn", **usage):
    yield {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}
    yield {"type": "message_stop"}


def chunks_of(raws):
    return [orjson.loads(parse_event(raw).data) for raw in raws if parse_event(raw).data != b"[DONE]"]


def assemble(chunks):
    said = {"content": "", "reasoning_content": "", "calls": []}
    for chunk in chunks:
        for choice in chunk["choices"]:
            for key in ("content", "reasoning_content"):
                said[key] += choice["delta"].get(key) or ""
            for call in choice["delta"].get("tool_calls", ()):
                if call["index"] == len(said["calls"]):
                    assert call["type"] == "function"
                    said["calls"].append({"id": call["id"], "name": call["function"]["name"], "arguments": ""})
                said["calls"][call["index"]]["arguments"] += call["function"]["arguments"]
    return said


def cut(draw, text):
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)) | {0, len(text)})
    return [text[a:b] for a, b in pairwise(places)] or [""]


@st.composite
def messages(draw):
    thinking, text = draw(st.text(max_size=20)), draw(st.text(max_size=20))
    inputs = draw(
        st.lists(st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=6), max_size=3), max_size=3)
    )
    events = [*block(0, {"type": "thinking", "thinking": "", "signature": ""}, *cut(draw, thinking))]
    events += block(1, {"type": "text", "text": ""}, *cut(draw, text))
    for i, given_input in enumerate(inputs):
        start = {"type": "tool_use", "id": f"id{i}", "name": f"tool{i}", "input": {}}
        spelled = json.dumps(given_input) if given_input else ""  # Anthropic spells {} as nothing
        events += block(2 + i, start, *cut(draw, spelled))
    pings = draw(st.sets(st.integers(0, len(events))))
    for place in sorted(pings, reverse=True):
        events.insert(place, {"type": "ping"})
    return thinking, text, inputs, events


@given(messages())
def test_any_cut_assembles_to_the_same_answer(message):
    thinking, text, inputs, events = message
    stream = MessagesStreamToChat(False, 1)
    raws = feed(stream, opened(input_tokens=1), *events, *ended("tool_use", output_tokens=1)) + stream.finish()
    assert raws[-1] == b"data: [DONE]\n\n"
    said = assemble(chunks_of(raws))
    assert (said["reasoning_content"], said["content"]) == (thinking, text)
    assert [json.loads(c.pop("arguments")) for c in said["calls"]] == inputs
    assert said["calls"] == [{"id": f"id{i}", "name": f"tool{i}"} for i in range(len(inputs))]


def test_usage_is_a_chunk_of_its_own_for_those_who_asked():
    stream = MessagesStreamToChat(True, 1)
    start = opened(input_tokens=3, cache_read_input_tokens=40, output_tokens=1)
    raws = feed(stream, start, *ended(output_tokens=7, input_tokens=None)) + stream.finish()
    *others, last = chunks_of(raws)
    assert all(chunk["usage"] is None for chunk in others)
    assert (last["choices"], last["usage"]["prompt_tokens"], last["usage"]["total_tokens"]) == ([], 43, 50)


def test_usage_that_comes_only_at_the_end_counts():
    stream = MessagesStreamToChat(True, 1)
    raws = feed(stream, opened(input_tokens=0), *ended(input_tokens=9, output_tokens=2)) + stream.finish()
    assert chunks_of(raws)[-1]["usage"]["prompt_tokens"] == 9


def test_servers_that_send_a_block_whole_with_its_start():
    stream = MessagesStreamToChat(False, 1)
    raws = feed(
        stream,
        opened(),
        *block(0, {"type": "thinking", "thinking": "hm"}),
        *block(1, {"type": "text", "text": "4"}),
        *block(2, {"type": "tool_use", "id": "1", "name": "t", "input": {"x": 1}}),
        *ended(),
    )
    said = assemble(chunks_of(raws + stream.finish()))
    assert (said["reasoning_content"], said["content"]) == ("hm", "4")
    assert json.loads(said["calls"][0]["arguments"]) == {"x": 1}


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([opened()], "before the answer was complete"),
        ([{"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}], "Busy"),
        ([{"type": "content_block_start", "index": 0}], "cannot be read"),
        ([{"type": "message_start", "message": 5}], "cannot be read"),
    ],
)
def test_streams_that_are_not_answers(events, said):
    stream = MessagesStreamToChat(False, 1)
    with pytest.raises(UpstreamError, match=said):
        _ = feed(stream, *events) + stream.finish()


def test_comments_and_unknown_events_say_nothing():
    stream = MessagesStreamToChat(False, 1)
    assert stream.feed(Event("", b"")) == feed(stream, {"type": "news"}) == []


def test_the_terminal_error_event():
    event = parse_event(MessagesStreamToChat(False, 1).fail(PoolUnavailable("Gone.")))
    assert event.name == ""
    assert orjson.loads(event.data)["error"]["code"] == "pool_unavailable"
