"""An answer told again: whichever way it came, whichever way it is asked for, in every wire."""

import orjson
import pytest

from pointsman.gateway.caching.stored import keep, render
from pointsman.gateway.observe.outcome import Usage
from pointsman.gateway.wire.answer import read_answer
from pointsman.gateway.wire.inbound import Inbound
from pointsman.signals.facts import Route

TEXT = "Paris is the capital of France 🇫🇷, and has been for a long time. 巴黎是法国的首都。\n\n- e\u0301t" * 6
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}


def chat(**message):
    choice = {"index": 0, "message": {"role": "assistant", "content": TEXT, **message}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "system_fingerprint": "fp"}
    return {**head, "choices": [choice], "usage": usage}


COMPLETION = {
    "id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "text": TEXT, "logprobs": None, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip
MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
    "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 2},
    "content": [
        {"type": "thinking", "thinking": "Let me think. " * 5, "signature": "sig"},
        {"type": "text", "text": TEXT},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}},
    ],
}  # fmt: skip
RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "completed", "error": None,
    "incomplete_details": None, "instructions": None, "metadata": {"who": "someone"}, "user": "someone",
    "output": [
        {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "So."}],
         "content": [{"type": "reasoning_text", "text": "Hm, hm."}]},
        {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [
            {"type": "output_text", "text": TEXT, "annotations": [{"type": "url_citation", "url": "http://x"}],
             "logprobs": []}]},
        {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"a": 1}',
         "status": "completed"},
    ],
    "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
}  # fmt: skip

ANSWERS = {
    "chat": (Route.CHAT, chat()),
    "chat that thinks": (Route.CHAT, chat(reasoning_content="Well, " * 20)),
    "chat that calls": (Route.CHAT, chat(content=None, tool_calls=[CALL])),
    "text": (Route.COMPLETIONS, COMPLETION),
    "messages": (Route.MESSAGES, MESSAGE),
    "responses": (Route.RESPONSES, RESPONSE),
}


def asks(route, stream=False, **body):
    return Inbound(route, "POST", f"/{route.value}", b"", {}, b"", {"stream": stream, **body})


AFRESH = ("id", "created", "created_at", "user", "metadata", "store", "previous_response_id")


def lasting(answer):
    """What must be the same each time."""
    if isinstance(answer, list):
        return [lasting(each) for each in answer]
    if not isinstance(answer, dict):
        return answer
    return {k: lasting(v) for k, v in answer.items() if v is not None and (k not in AFRESH or "function" in answer)}


@pytest.mark.parametrize("name", ANSWERS)
def test_whole_answers_are_told_as_they_were(name):
    route, answer = ANSWERS[name]
    told = orjson.loads(render(keep(route, False, orjson.dumps(answer)).document, asks(route)))
    assert lasting(told) == lasting(answer)
    assert told["id"] != answer["id"]
    assert [item["id"].partition("_")[0] for item in told.get("output", ())] in ([], ["rs", "msg", "fc"])


@pytest.mark.parametrize("name", ANSWERS)
def test_a_stream_of_it_says_the_same_and_can_be_kept_as_well(name):
    route, answer = ANSWERS[name]
    kept = keep(route, False, orjson.dumps(answer))
    events = render(kept.document, asks(route, stream=True, stream_options={"include_usage": True}))
    assert read_answer(route, True, events) == read_answer(route, False, orjson.dumps(answer)) == kept.answer
    again = keep(route, True, events)
    assert lasting(orjson.loads(render(again.document, asks(route)))) == lasting(answer)


@pytest.mark.parametrize("name", ["chat", "text"])
def test_usage_comes_with_a_stream_only_if_asked_for(name):
    route, answer = ANSWERS[name]
    kept = keep(route, stream=False, body=orjson.dumps(answer))
    assert b'"usage"' not in render(kept.document, asks(route, stream=True))
    asked = render(kept.document, asks(route, stream=True, stream_options={"include_usage": True}))
    assert asked.count(b'"usage":{"prompt_tokens":3') == 1


def test_a_stream_that_told_no_usage_is_kept_with_what_the_upstream_counted():
    silent = render(keep(Route.CHAT, False, orjson.dumps(chat())).document, asks(Route.CHAT, stream=True))
    kept = keep(Route.CHAT, True, silent, Usage(7, 2, 4))
    told = orjson.loads(render(kept.document, asks(Route.CHAT)))["usage"]
    assert told == {
        "prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4},
    }  # fmt: skip


def test_each_time_it_has_another_id_and_the_time_of_now():
    kept = keep(Route.CHAT, False, orjson.dumps(chat()))
    first, second = (orjson.loads(render(kept.document, asks(Route.CHAT))) for _ in range(2))
    assert first["id"] != second["id"] != "chatcmpl-1"
    assert first["created"] > 1


def test_a_response_repeats_its_own_request_and_not_the_one_that_it_was_made_for():
    kept = keep(Route.RESPONSES, False, orjson.dumps(RESPONSE))
    assert b"someone" not in kept.document
    told = orjson.loads(render(kept.document, asks(Route.RESPONSES, user="me", metadata={"a": "b"})))
    assert (told["user"], told["metadata"], told["store"]) == ("me", {"a": "b"}, False)


def test_what_a_server_tells_of_the_prompt_is_not_kept():
    answer = chat() | {"prompt_logprobs": [1], "prompt_token_ids": [2], "kv_transfer_params": {"x": 1}}
    document = keep(Route.CHAT, False, orjson.dumps(answer)).document
    assert not any(word in document for word in (b"prompt_logprobs", b"prompt_token_ids", b"kv_transfer"))


def cut(route, answer):
    whole = render(keep(route, False, orjson.dumps(answer)).document, asks(route, stream=True))
    events = whole.split(b"\n\n")
    return [b"\n\n".join(events[:n]) + b"\n\n" for n in range(1, len(events) // 2)]


@pytest.mark.parametrize("name", ["chat", "text", "messages", "responses"])
def test_a_stream_that_broke_off_is_not_kept(name):
    route, answer = ANSWERS[name]
    assert [keep(route, True, part) for part in cut(route, answer)] == [None] * len(cut(route, answer))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'{"choices": []}', b'{"choices": [1]}', b"\x00"])
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_no_answer_is_not_kept(body, stream):
    assert all(keep(route, stream, b"data: " + body + b"\n\n" if stream else body) is None for route in Route)


def test_of_a_broken_document_nothing_is_told():
    document = keep(Route.CHAT, False, orjson.dumps(chat())).document
    assert render(document, asks(Route.MESSAGES)) is None
    for end in range(0, len(document), 7):
        assert render(document[:end], asks(Route.CHAT)) is None
    for bad in (
        {},
        {"v": 0},
        {"v": 1, "route": "chat/completions"},
        {"v": 1, "route": "chat/completions", "answer": {}},
    ):
        assert render(orjson.dumps(bad), asks(Route.CHAT, stream=True)) is None
