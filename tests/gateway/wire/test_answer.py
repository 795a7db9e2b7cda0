"""What is read of an answer, whichever wire it came in."""

from __future__ import annotations

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.wire.answer import Call, read_answer
from pointsman.signals.facts import Route
from tests.support.told import told
from tests.support.upstream import Request, chunk, completion

GENERATING = (Route.CHAT, Route.COMPLETIONS, Route.MESSAGES, Route.RESPONSES)


def whole(route, body):
    return read_answer(route, False, orjson.dumps(body))


def events(route, *data):
    return read_answer(route, True, b"".join(b"data: %b\n\n" % orjson.dumps(each) for each in data))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", [Route.CHAT, Route.MESSAGES, Route.RESPONSES])
def test_text_and_finish(route, stream):
    said = told(Request("POST", f"/v1/{route.value}", {}, orjson.dumps({"stream": stream})))
    answer = read_answer(route, stream, said.body)
    assert answer is not None
    assert (answer.text.count("é"), answer.finish, answer.parses, answer.logprob) == (6, "stop", None, None)


TOP = [{"token": "a", "logprob": math.log(0.5)}, {"token": "b", "logprob": math.log(0.25)}]
TOKENS = [{"token": "a", "logprob": -0.5, "top_logprobs": TOP}, {"token": "b", "logprob": -9999.0, "top_logprobs": []}]


def test_probabilities_of_chat_completions():
    body = completion()
    body["choices"][0]["logprobs"] = {"content": TOKENS}
    answer = whole(Route.CHAT, body)
    assert answer.logprobs == [-0.5, -20.0]
    assert answer.margin == pytest.approx(0.25)
    parts = [chunk("a") | {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": [t]}}]} for t in TOKENS]
    assert events(Route.CHAT, *parts).logprobs == answer.logprobs


def test_probabilities_of_text_completions():
    logprobs = {"token_logprobs": [None, -0.5], "top_logprobs": [None, {"a": math.log(0.5), "b": math.log(0.25)}]}
    choice = {"index": 0, "text": "a", "finish_reason": "length", "logprobs": logprobs}
    answer = whole(Route.COMPLETIONS, {"choices": [choice]})
    assert (answer.text, answer.finish, answer.logprob, answer.margin) == ("a", "length", -0.5, pytest.approx(0.25))
    assert events(Route.COMPLETIONS, {"choices": [choice]}, {"choices": [choice]}).text == "aa"


@pytest.mark.parametrize(("arguments", "parses"), [('{"a": 1}', True), ("", True), ('{"a"', False), ("[1]", False)])
def test_calls_of_chat_completions(arguments, parses):
    function = {"name": "f", "arguments": arguments}
    body = completion(None)
    body["choices"][0] |= {"message": {"content": None, "tool_calls": [{"function": function}]}}
    answer = whole(Route.CHAT, body)
    assert (answer.calls, answer.parses) == ([Call("f", arguments)], parses)
    first = {"index": 0, "function": {"name": "f", "arguments": arguments[:3]}}
    rest = {"index": 0, "function": {"arguments": arguments[3:]}}
    deltas = [{"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]} for call in (first, rest)]
    assert events(Route.CHAT, *deltas).calls == answer.calls


def test_calls_of_messages():
    block = {"type": "tool_use", "name": "f", "input": {"a": 1}}
    answer = whole(Route.MESSAGES, {"content": [block], "stop_reason": "tool_use"})
    assert (answer.calls, answer.finish) == ([Call("f", '{"a":1}')], "tool_calls")
    answer = events(
        Route.MESSAGES,
        {"type": "message_start", "message": {}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "name": "f"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a"'}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ":1}"}},
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}},
    )
    assert (answer.calls, answer.finish) == ([Call("f", '{"a":1}')], "length")


@pytest.mark.parametrize(
    ("status", "reason", "finish"),
    [("completed", None, "stop"), ("incomplete", "max_output_tokens", "length"), ("failed", None, "failed")],
)
def test_how_responses_end(status, reason, finish):
    body = {"output": [], "status": status, "incomplete_details": reason and {"reason": reason}}
    assert whole(Route.RESPONSES, body).finish == finish


def test_only_the_first_of_several_choices_is_read():
    assert events(Route.CHAT, *({"choices": [{"index": n, "delta": {"content": str(n)}}]} for n in (1, 0))).text == "0"


@given(st.sampled_from(GENERATING), st.booleans(), st.binary() | st.just(b"data: {}\n\n"))
def test_bytes_that_are_no_answer_are_none(route, stream, body):
    answer = read_answer(route, stream, body)
    assert answer is None or answer.text == ""


KEYS = ["choices", "message", "delta", "content", "logprobs", "output", "tool_calls", "index", "type", "text"]
shapes = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(GENERATING), st.booleans(), shapes)
def test_whatever_a_server_says_nothing_is_raised(route, stream, body):
    data = orjson.dumps(body)
    read_answer(route, stream, b"data: %b\n\n" % data if stream else data)


def test_other_routes_have_no_answers():
    assert read_answer(Route.EMBEDDINGS, False, b"{}") is None
