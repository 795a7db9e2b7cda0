"""However the upstream cuts and mixes its chunks, the client assembles the same well-formed message."""

import json
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.errors import PoolFull, UpstreamError
from pointsman.gateway.wire.messages_to_chat_stream import ChatStreamToMessages
from pointsman.gateway.wire.sse import MAX_EVENT, Event, parse_event

DELTA_OF = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}


def assemble(events):
    """The blocks, and the last message_delta; fails unless the events come as the wire defines."""
    parsed = [parse_event(raw) for raw in events]
    bodies = [orjson.loads(e.data) for e in parsed]
    assert [e.name for e in parsed] == [b["type"] for b in bodies]
    assert bodies[0]["type"] == "message_start"
    assert [b["type"] for b in bodies[-2:]] == ["message_delta", "message_stop"]
    blocks, is_open = [], False
    for body in bodies[1:-2]:
        match body["type"]:
            case "content_block_start":
                assert not is_open
                assert body["index"] == len(blocks)
                blocks.append(dict(body["content_block"], parts=[]))
                is_open = True
            case "content_block_delta":
                assert is_open
                assert body["index"] == len(blocks) - 1
                if body["delta"]["type"] == "signature_delta":
                    assert blocks[-1]["type"] == "thinking"
                    continue
                kind, key = DELTA_OF[blocks[-1]["type"]]
                assert body["delta"]["type"] == kind
                assert body["delta"][key]
                blocks[-1]["parts"].append(body["delta"][key])
            case "content_block_stop":
                assert is_open
                assert body["index"] == len(blocks) - 1
                is_open = False
    assert not is_open
    return [finished(block) for block in blocks], bodies[-2]


def finished(block):
    text = "".join(block["parts"])
    if block["type"] == "tool_use":
        return block["name"], block["id"], json.loads(text or "{}")
    return block["type"], text


def run(deltas, finish="stop", stream=None):
    stream = stream or ChatStreamToMessages()
    events = []
    for fields in [{"role": "assistant"}, *deltas]:
        chunk = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": fields, "finish_reason": None}]}
        events += stream.feed(Event("", orjson.dumps(chunk)))
    end = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    events += stream.feed(Event("", orjson.dumps(end)))
    return events + stream.finish()


VISIBLE = st.text(min_size=1, max_size=30).filter(str.strip)
JSON = st.dictionaries(
    st.text(max_size=4),
    st.text(max_size=8) | st.integers(-9, 9) | st.lists(st.booleans(), max_size=3),
    max_size=3,
)


def cut(draw, text):
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)) | {0, len(text)})
    return [text[a:b] for a, b in pairwise(places)] or [""]


@st.composite
def answers(draw):
    """What the model said, and one of the many ways in which chunks can say it."""
    said, deltas = [], []
    for kind, key in (
        ("thinking", draw(st.sampled_from(["reasoning", "reasoning_content"]))),
        ("text", "content"),
    ):
        if text := draw(st.none() | VISIBLE):
            said.append((kind, text))
            deltas += [{key: piece} for piece in cut(draw, text)]
    pending = []
    for index, arguments in enumerate(draw(st.lists(JSON, max_size=4))):
        said.append((f"tool{index}", f"id{index}", arguments))
        first = {
            "index": index,
            "id": f"id{index}",
            "type": "function",
            "function": {"name": f"tool{index}", "arguments": ""},
        }
        spelled = json.dumps(arguments, indent=draw(st.sampled_from([None, 1])))
        pending.append([first, *({"index": index, "function": {"arguments": p}} for p in cut(draw, spelled))])
    opened = 0
    while any(pending):
        choices = [i for i, rest in enumerate(pending) if rest and i <= opened]
        index = draw(st.sampled_from(choices))
        opened = max(opened, index + 1)
        deltas.append({"tool_calls": [pending[index].pop(0)]})
    return said, deltas


@given(answers())
def test_any_cut_and_any_interleaving_assembles_to_the_same_blocks(answer):
    said, deltas = answer
    blocks, last = assemble(run(deltas))
    assert blocks == said
    assert last["delta"]["stop_reason"] == ("tool_use" if any(len(b) == 3 for b in said) else "end_turn")


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1))
def test_text_is_sent_as_it_comes_once_there_is_something_to_see(pieces):
    stream = ChatStreamToMessages()
    come = sent = ""
    for piece in pieces:
        come += piece
        sent += "".join(e["delta"]["text"] for e in events_of(stream, {"content": piece}) if "delta" in e)
        assert sent == (come if come.strip() else "")


def call(index, name=None, arguments="", id=None, **more):
    function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
    fields = {"index": index, "id": id, "function": function, **more}
    return {"tool_calls": [{k: v for k, v in fields.items() if v is not None}]}


def events_of(stream, *deltas):
    out = []
    for fields in deltas:
        chunk = {"id": "c", "choices": [{"index": 0, "delta": fields}]}
        out += [orjson.loads(parse_event(raw).data) for raw in stream.feed(Event("", orjson.dumps(chunk)))]
    return out


def test_a_second_call_streams_as_soon_as_the_first_is_whole():
    stream = ChatStreamToMessages()
    events_of(stream, call(0, "a", '{"x":', "1"))
    assert events_of(stream, call(1, "b", '{"y"', "2")) == []
    released = events_of(stream, call(0, arguments="1}"))
    assert [e["type"] for e in released] == [
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
    ]
    assert events_of(stream, call(1, arguments=":2}"))[0]["delta"]["partial_json"] == ":2}"


def test_a_call_that_only_looks_whole_is_waited_for():
    mixed = [call(0, "a", '{"x":{}', "1"), call(1, "b", "{}", "2"), call(0, arguments="}")]
    assert assemble(run(mixed))[0] == [("a", "1", {"x": {}}), ("b", "2", {})]


def test_what_is_held_back_is_bounded():
    stream = ChatStreamToMessages()
    events_of(stream, call(0, "a", "{", "1"))
    with pytest.raises(UpstreamError, match="more than"):
        events_of(stream, call(1, "b", "x" * MAX_EVENT, "2"))


def test_servers_that_number_their_calls_badly():
    without = [call(None, "a", '{"x":1}', "1"), call(None, "b", "{", "2"), call(None, arguments="}")]
    same = [call(0, "a", '{"x":1}', "1"), call(0, "b", "{", "2"), call(0, arguments="}")]
    repeated = [call(0, "a", '{"x":', "1"), call(0, arguments="1}", id="1"), call(1, "b", "{}", "2")]
    for deltas in (without, same, repeated):
        assert assemble(run(deltas))[0] == [("a", "1", {"x": 1}), ("b", "2", {})]


def test_blank_text_makes_no_block():
    blocks, _ = assemble(run([{"content": "\n\n"}, call(0, "a", "{}", "1"), {"content": "\n"}], "tool_calls"))
    assert blocks == [("a", "1", {})]


def test_text_between_calls_keeps_its_place():
    deltas = [call(0, "a", "{}", "1"), {"content": "and"}, call(1, "b", "{}", "2")]
    assert assemble(run(deltas))[0] == [("a", "1", {}), ("text", "and"), ("b", "2", {})]


def test_hidden_thinking():
    stream = ChatStreamToMessages(show_thinking=False)
    assert assemble(run([{"reasoning": "hm"}, {"content": "4"}], stream=stream))[0] == [("text", "4")]


def test_a_refusal():
    blocks, last = assemble(run([{"refusal": "No"}, {"refusal": "."}]))
    assert (blocks, last["delta"]["stop_reason"]) == ([("text", "No.")], "refusal")


def test_usage_comes_at_the_end_whole():
    stream = ChatStreamToMessages(frozenset(["END"]))
    chunk = {
        "id": "c",
        "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop", "stop_reason": "END"}],
    }
    usage = {"prompt_tokens": 50, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 48}}
    events = stream.feed(Event("", orjson.dumps(chunk)))
    events += stream.feed(Event("", orjson.dumps({"choices": [], "usage": usage})))
    _, last = assemble(events + stream.finish())
    assert last["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    assert last["usage"]["input_tokens"] == 2
    assert last["usage"]["cache_read_input_tokens"] == 48
    assert last["usage"]["output_tokens"] == 7


def test_comments_and_done_say_nothing():
    stream = ChatStreamToMessages()
    assert stream.feed(Event("", b"")) == stream.feed(Event("", b"[DONE]")) == []


@pytest.mark.parametrize(
    ("deltas", "finish", "said"),
    [
        (
            [call(0, "a", "{}", "1"), {"content": "x"}, call(0, arguments='{"more":1}')],
            "stop",
            "were complete",
        ),
        ([call(0, None, "{}", "1")], "tool_calls", "without a name"),
        ([{"content": "x"}], "abort", "abort"),
        ([{"content": "x"}], None, "before the answer was complete"),
        ([{"content": 5}], "stop", "cannot be read"),
    ],
)
def test_streams_that_are_not_answers(deltas, finish, said):
    with pytest.raises(UpstreamError, match=said):
        run(deltas, finish)


def test_the_terminal_error_event():
    event = parse_event(ChatStreamToMessages().fail(PoolFull("Try later.")))
    assert event.name == "error"
    error = {"type": "rate_limit_error", "message": "Try later.", "details": {"error_code": "pool_full"}}
    assert orjson.loads(event.data) == {"type": "error", "error": error}
