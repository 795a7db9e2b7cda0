"""What is read out of each wire's answers: usage, the end, errors. Everything else passes as it is."""

from __future__ import annotations

import json

import pytest

from pointsman.gateway.errors import UpstreamError
from pointsman.gateway.observe.outcome import Usage
from pointsman.gateway.wire.dialect import DIALECTS
from pointsman.signals.facts import Route

CACHED = {"cache_read_input_tokens": 5, "cache_creation_input_tokens": 7}
DETAILS = {"prompt_tokens_details": {"cached_tokens": 4}}


@pytest.mark.parametrize(
    ("route", "usage", "counted"),
    [
        (Route.CHAT, {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}, Usage(3, 2)),
        (Route.CHAT, {"prompt_tokens": 9, "completion_tokens": 2, **DETAILS}, Usage(9, 2, 4)),
        (
            Route.CHAT,
            {"prompt_tokens": 3, "completion_tokens": 2, **DETAILS},
            Usage(3, 2),
        ),  # more cached than there are
        (Route.CHAT, {"prompt_tokens": 3, "total_tokens": 5}, None),
        (Route.CHAT, {"prompt_tokens": -3, "completion_tokens": 2}, None),
        (Route.CHAT, {"prompt_tokens": "3", "completion_tokens": 2}, None),
        (Route.CHAT, {"completion_tokens": 2, "total_tokens": None}, None),
        (Route.CHAT, {}, None),
        (Route.CHAT, None, None),
        (Route.CHAT, [], None),
        (Route.EMBEDDINGS, {"prompt_tokens": 8, "total_tokens": 8}, Usage(8, 0)),
        (Route.RESPONSES, {"input_tokens": 3, "output_tokens": 2}, Usage(3, 2)),
        (Route.RESPONSES, {"input_tokens": 3}, None),
        (Route.MESSAGES, {"input_tokens": 3, "output_tokens": 2}, Usage(3, 2)),
        (Route.MESSAGES, {"input_tokens": 3, "output_tokens": 2, **CACHED}, Usage(15, 2, 5)),
        (Route.MESSAGES, {"output_tokens": 2}, None),
        (Route.MESSAGES, {"input_tokens": 3}, None),
    ],
)
def test_usage_is_what_the_upstream_counted_or_unknown(route, usage, counted):
    assert DIALECTS[route].usage({"usage": usage}) == counted
    assert DIALECTS[route].usage({}) is None


def event(data, name="", end=b"\n\n") -> bytes:
    lines = [b"event: " + name.encode()] if name else []
    lines.append(b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()))
    return end[: len(end) // 2].join(lines) + end


@pytest.mark.parametrize(
    ("route", "body", "finish"),
    [
        (Route.CHAT, {"choices": [{"finish_reason": "length"}, {"finish_reason": "stop"}]}, "length"),
        (Route.COMPLETIONS, {"choices": [{"finish_reason": "stop"}]}, "stop"),
        (Route.MESSAGES, {"stop_reason": "max_tokens"}, "max_tokens"),
        (Route.RESPONSES, {"status": "incomplete"}, "incomplete"),
        (Route.EMBEDDINGS, {"data": []}, None),
        (Route.CHAT, {"choices": [None]}, None),
        (Route.CHAT, {"choices": {"finish_reason": "stop"}}, None),
        (Route.MESSAGES, {"stop_reason": 5}, None),
    ],
)
def test_why_an_answer_ended(route, body, finish):
    assert DIALECTS[route].finish(body) == finish


def chunk(finish=None, **extra) -> bytes:
    return event({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], **extra})


def chat(**body):
    return DIALECTS[Route.CHAT].meter(body)


USAGE = {"prompt_tokens": 3, "completion_tokens": 2}
ASKED = {"stream_options": {"include_usage": True}}
DONE = event(b"[DONE]")

# Chat


def test_usage_is_taken_out_for_clients_that_did_not_ask():
    meter = chat()
    first, last = chunk("stop"), event({"choices": [], "usage": USAGE})
    assert meter.feed(first + last + DONE) == first + DONE
    assert meter.usage == Usage(3, 2)


def test_usage_stays_for_clients_that_asked():
    block = chunk(usage=None) + event({"choices": [], "usage": USAGE})
    assert chat(**ASKED).feed(block) == block


def test_usage_beside_words_stays():
    """Some servers send it with the last words without being asked; the words are not ours to drop."""
    block = chunk("stop", usage=USAGE)
    assert chat().feed(block) == block


def test_only_the_null_usage_is_taken_out_of_an_event():
    out = chat().feed(b'data: {"a": 1.50,"usage":null,"choices":[{"x": "\\"usage\\":null"}]}\n\n')
    assert out == b'data: {"a": 1.50,"choices":[{"x": "\\"usage\\":null"}]}\n\n'


def test_the_last_usage_counts():
    meter = chat()
    meter.feed(chunk(usage={"prompt_tokens": 3, "completion_tokens": 1}))
    meter.feed(chunk("stop", usage=USAGE))
    meter.feed(event({"choices": [], "usage": {"prompt_tokens": "?"}}))
    assert meter.usage == Usage(3, 2)


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
def test_events_are_counted_as_the_client_gets_them(end):
    meter = chat()
    parts = [
        event({"choices": [1]}, end=end),
        event({"choices": [], "usage": USAGE}, end=end),
        event(b"[DONE]", end=end),
    ]
    assert meter.feed(b"".join(parts)) == parts[0] + parts[2]
    assert meter.events == 2


def test_words_about_the_wire_are_words():
    block = chunk(text='"usage" "error" [DONE] {"error": {"message": 1}}')
    meter = chat()
    assert meter.feed(block) == block
    assert not meter.done
    assert meter.error is None


def test_what_is_no_json_passes():
    block = b'data: {broken "usage"\n\n: comment "error"\n\nevent: x\n\ndata: [1, "usage"]\n\n'
    assert chat().feed(block) == block


def test_a_stream_without_done_is_whole_when_all_choices_have_ended():
    def part(index, finish):
        return event({"choices": [{"index": index, "finish_reason": finish}]})

    meter = chat(n=2)
    meter.feed(part(0, "length"))
    assert not meter.complete()
    meter.feed(part(1, "stop"))
    assert meter.complete()
    assert meter.finish == "length"


@pytest.mark.parametrize(
    "odd", [{"choices": 5}, {"choices": [None]}, {"choices": [{"finish_reason": 5}]}, {"choices": None}]
)
def test_odd_choices_end_nothing(odd):
    meter = chat()
    meter.feed(event({**odd, "finish_reason": "x"}))
    assert not meter.complete()


# Anthropic


def messages(*events):
    meter = DIALECTS[Route.MESSAGES].meter({})
    block = b"".join(event(data, data["type"]) for data in events)
    assert meter.feed(block) == block
    return meter


START = {"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 1, **CACHED}}}


def delta(**usage):
    return {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}


def test_anthropics_counts_come_in_two_events():
    meter = messages(START, delta(output_tokens=20), {"type": "message_stop"})
    assert (meter.usage, meter.finish, meter.complete()) == (Usage(15, 20, 5), "end_turn", True)


@pytest.mark.parametrize(
    ("events", "counted"),
    [
        ([START], None),  # its one output token is no count of the answer's
        ([START, delta()], None),
        ([START, delta(output_tokens=0)], Usage(15, 0, 5)),
        ([START, delta(input_tokens=0, output_tokens=20)], Usage(15, 20, 5)),
        ([START, delta(input_tokens=4, output_tokens=20)], Usage(16, 20, 5)),
        ([START, delta(output_tokens=10), delta(output_tokens=20)], Usage(15, 20, 5)),
        ([delta(input_tokens=3, output_tokens=20)], Usage(3, 20)),
        ([delta(output_tokens=20)], None),
        ([{"type": "message_start", "message": None}, delta(output_tokens=20)], None),
    ],
)
def test_anthropics_counts_as_servers_tell_them(events, counted):
    assert messages(*events).usage == counted


def test_anthropics_error_event():
    meter = messages(START, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})
    assert meter.done
    assert meter.error == {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}


# Responses


def responses(*events):
    meter = DIALECTS[Route.RESPONSES].meter({})
    block = b"".join(event(data, data["type"]) for data in events)
    assert meter.feed(block) == block
    return meter


@pytest.mark.parametrize("status", ["completed", "incomplete"])
def test_responses_end_with_the_response(status):
    response = {"status": status, "error": None, "usage": {"input_tokens": 3, "output_tokens": 2}}
    meter = responses(
        {"type": "response.created", "response": {"error": None, "usage": None}},
        {"type": f"response.{status}", "response": response},
    )
    assert (meter.complete(), meter.finish, meter.usage, meter.error) == (True, status, Usage(3, 2), None)


@pytest.mark.parametrize(
    "last",
    [
        {
            "type": "response.failed",
            "response": {"status": "failed", "error": {"code": "server_error", "message": "dead"}},
        },
        {"type": "error", "code": "server_error", "message": "dead", "sequence_number": 1},
        {"type": "error", "error": {"code": "server_error", "message": "dead"}},
    ],
)
def test_responses_that_fail(last):
    meter = responses({"type": "response.created", "response": {"error": None}}, last)
    assert meter.done
    assert meter.error == {"error": {"code": "server_error", "message": "dead"}}


def test_a_response_that_fails_without_a_word_has_failed():
    assert responses({"type": "response.failed", "response": {"status": "failed"}}).error


# Errors


def test_each_wire_has_its_own_error_event():
    error = UpstreamError("gone\nwrong")
    assert "try again" in error.told.lower()
    told = {"message": error.told, "type": "server_error", "param": None, "code": "upstream_error"}
    lines = {route: DIALECTS[route].error_event(error).split(b"\n") for route in DIALECTS}
    assert all(line[-2:] == [b"", b""] for line in lines.values())
    assert json.loads(lines[Route.CHAT][0].removeprefix(b"data: ")) == {"error": told}
    assert lines[Route.RESPONSES][0] == b"event: error"
    assert json.loads(lines[Route.RESPONSES][1].removeprefix(b"data: ")) == {"type": "error", "error": told}
    assert lines[Route.MESSAGES][0] == b"event: error"
    assert json.loads(lines[Route.MESSAGES][1].removeprefix(b"data: "))["error"]["type"] == "api_error"
