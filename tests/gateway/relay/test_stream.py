"""What a client gets of a stream, whatever happens to it on the way."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.errors import UpstreamError
from pointsman.gateway.observe.outcome import ErrorSource, Phase, Usage
from pointsman.gateway.relay.failure import Refusal
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.outbound import Outbound
from pointsman.gateway.relay.stream import StreamRelay
from pointsman.gateway.relay.upstream import ConnectionFailed
from pointsman.gateway.relay.watch import Watch
from pointsman.gateway.schema.pools import Timeouts
from pointsman.gateway.wire.dialect import DIALECTS
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.messages_to_chat import MessagesToChat
from pointsman.signals.facts import Route
from tests.support.answers import FakeAnswer, Sent

MESSAGES = [{"role": "user", "content": "hi"}]
ASKED = {"messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
TOLD = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


@pytest.fixture
def sent():
    return Sent()


def event(data) -> bytes:
    return b"data: %b\n\n" % (data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode())


def chunk(text=None, finish=None, **extra) -> bytes:
    delta = {} if text is None else {"content": text}
    return event({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **extra})


DONE = event(b"[DONE]")
USAGE = event({"id": "c", "choices": [], "usage": TOLD})
WHOLE = [chunk("one"), chunk("two"), chunk(finish="stop"), USAGE, DONE]


async def never():
    await asyncio.Event().wait()


async def relay(answer, sent, body=ASKED, route=Route.CHAT, translation=None):
    """The journal, and what the relay says of the stream's end."""
    journal = Journal("r", route)
    inbound = Inbound(route, "POST", f"/{route.value}", b"", {}, b"", body)
    spoken = DIALECTS[Route.CHAT if translation else route]
    outbound = Outbound("POST", "", {}, b"", spoken, translation)
    with Watch(never) as watch:
        watch.total(60)
        stream = StreamRelay(inbound, outbound, sent.reply, watch, journal)
        return journal, await stream.deliver(answer, await stream.first(answer), Timeouts())


def parse_error(raw: bytes):
    assert raw.startswith(b"data: ")
    assert raw.endswith(b"\n\n")
    return json.loads(raw[6:])["error"]


# Whole streams


async def test_each_read_is_passed_on_at_once(sent):
    journal, broken = await relay(FakeAnswer(WHOLE), sent)
    assert broken is None
    assert sent.parts == [*WHOLE, b""]
    assert (journal.usage, journal.events) == (Usage(3, 2), 5)
    assert journal.error_code is None


@pytest.mark.parametrize("size", [1, 2, 5])
async def test_several_events_in_a_read_are_one_write(sent, size):
    reads = [b"".join(WHOLE[i : i + size]) for i in range(0, len(WHOLE), size)]
    await relay(FakeAnswer(reads), sent)
    assert sent.parts == [*reads, b""]


async def test_a_client_that_did_not_ask_gets_no_usage_but_it_is_counted(sent):
    journal, _ = await relay(FakeAnswer(WHOLE), sent, {"messages": MESSAGES, "stream": True})
    assert sent.body == b"".join(e for e in WHOLE if e is not USAGE)
    assert journal.usage == Usage(3, 2)


async def test_usage_that_nobody_told_is_not_made_up(sent):
    journal, broken = await relay(FakeAnswer([chunk("one"), chunk(finish="stop"), DONE]), sent)
    assert broken is None
    assert journal.usage is None


async def test_headers_forbid_buffering_whatever_the_upstream_said(sent):
    headers = [(b"cache-control", b"max-age=60"), (b"x-accel-buffering", b"yes"), (b"x-vendor", b"1")]
    await relay(FakeAnswer(WHOLE, headers=headers), sent)
    assert sent.headers == {
        b"content-type": b"text/event-stream; charset=utf-8",
        b"cache-control": b"no-cache",
        b"x-accel-buffering": b"no",
        b"x-vendor": b"1",
    }


async def test_nothing_follows_done(sent):
    await relay(FakeAnswer([*WHOLE[:-1], DONE + chunk("no"), chunk("never")]), sent)
    assert sent.body == b"".join(WHOLE)


# Before the first event nothing is promised


async def refused(parts, sent, **options):
    with pytest.raises((UpstreamError, Refusal)) as caught:
        await relay(FakeAnswer(parts, **options), sent)
    assert sent.status is None
    return caught.value


@pytest.mark.parametrize("parts", [[], [b": wait\n\n"], [b": wait\n\n", b"\n\n", b"event: x\n\n"], [b"data: {"]])
@pytest.mark.parametrize("broken", [False, True])
async def test_without_an_event_another_can_be_asked(sent, parts, broken):
    assert isinstance(await refused(parts, sent, broken=broken), ConnectionFailed)


async def test_comments_before_the_first_event_promise_nothing(sent):
    await relay(FakeAnswer([b": wait\n\n", b": wait\n\n", *WHOLE]), sent)
    assert sent.body == b"".join(WHOLE)


async def test_what_is_no_event_stream_is_none(sent):
    await refused(WHOLE, sent, media="application/json")
    await refused(WHOLE, sent, headers=[(b"content-encoding", b"gzip")])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"message": "no", "code": 400}, 400),
        ({"message": "no", "code": "429"}, 429),
        ({"message": "no", "type": "rate_limit_error", "code": None}, 429),
        ({"message": "no", "code": "context_length_exceeded", "type": "invalid_request_error"}, 400),
        ({"message": "no", "code": 200}, 502),
        ({"message": "no"}, 502),
        ("no", 502),
    ],
)
async def test_an_error_that_comes_first_is_a_status(sent, error, status):
    refusal = await refused([event({"error": error}) + DONE], sent)
    assert refusal.status == status
    assert json.loads(refusal.client_body())["error"]["message"] == "no"


async def test_an_error_in_the_first_read_lets_another_be_asked_although_words_came_before(sent):
    assert (await refused([chunk("one") + event({"error": {"message": "no"}})], sent)).status == 502


# After it, whole events and at most one error


async def test_a_break_ends_with_one_error_event(sent):
    journal, broken = await relay(FakeAnswer([WHOLE[0], WHOLE[1] + b'data: {"half'], broken=True), sent)
    assert isinstance(broken, ConnectionFailed)
    assert sent.ended
    assert sent.parts[:2] == WHOLE[:2]
    assert parse_error(sent.parts[2])["code"] == "upstream_error"
    assert (journal.error_source, journal.error_code) == (ErrorSource.UPSTREAM, "upstream_error")
    assert journal.waiting is Phase.STREAM


async def test_an_upstream_that_broke_off_is_left_at_once(sent):
    answer = FakeAnswer([WHOLE[0]])
    await relay(answer, sent)
    assert answer.closed


@pytest.mark.parametrize("error", [{"message": "dead", "code": "x"}, "dead"])
async def test_the_upstreams_own_error_is_the_only_one(sent, error):
    told = event({"error": error})
    journal, broken = await relay(FakeAnswer([WHOLE[0], told + told, chunk("never")]), sent)
    assert sent.body == WHOLE[0] + told
    assert isinstance(broken, Refusal)
    assert journal.error_code == "upstream_error"


async def test_a_null_error_is_none(sent):
    _, broken = await relay(FakeAnswer([chunk("one", error=None), chunk(finish="stop"), DONE]), sent)
    assert broken is None


async def test_every_choice_must_have_ended(sent):
    def part(index, finish):
        return event({"choices": [{"index": index, "delta": {}, "finish_reason": finish}]})

    both = [part(0, "stop"), part(1, "length")]
    assert (await relay(FakeAnswer(both), sent, {**ASKED, "n": 2}))[1] is None
    assert (await relay(FakeAnswer(both[:1]), Sent(), {**ASKED, "n": 2}))[1] is not None


# Translated streams


def to_messages() -> dict:
    body = {"model": "m", "max_tokens": 9, "messages": MESSAGES, "stream": True}
    return {"body": body, "route": Route.MESSAGES, "translation": MessagesToChat(body)}


async def test_what_was_translated_before_an_error_in_the_same_read_arrives(sent):
    first, rest = chunk("one"), chunk("two") + event({"error": {"message": "dead", "type": "t"}})
    _, broken = await relay(FakeAnswer([first, rest]), sent, **to_messages())
    assert broken is not None
    assert b'"two"' in sent.body
    assert sent.body.count(b"event: error") == 1
    assert sent.body.rindex(b"event: error") > sent.body.index(b'"two"')


async def test_what_cannot_be_translated_ends_the_stream(sent):
    _, broken = await relay(
        FakeAnswer([chunk("one"), chunk("two") + event(b"[1"), chunk("never")]), sent, **to_messages()
    )
    assert isinstance(broken, UpstreamError)
    assert b'"two"' in sent.body
    assert b"never" not in sent.body
    assert sent.body.count(b"event: error") == 1


async def test_a_translated_stream_that_just_ends_is_an_error(sent):
    _, broken = await relay(FakeAnswer([chunk("one")]), sent, **to_messages())
    assert isinstance(broken, UpstreamError)
    assert b"message_stop" not in sent.body


async def test_a_first_error_is_told_in_the_clients_wire(sent):
    with pytest.raises(Refusal) as caught:
        await relay(FakeAnswer([event({"error": {"message": "no", "code": 400}})]), sent, **to_messages())
    assert json.loads(caught.value.client_body())["type"] == "error"


# Any cut anywhere

texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=1, max_size=5)


def pieces(data: bytes, marks: list[int]) -> list[bytes]:
    at = sorted({m % (len(data) + 1) for m in marks} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(at)]


@given(texts, st.lists(st.integers(0, 2000), max_size=12), st.integers(0, 2000), st.booleans())
def test_a_client_gets_all_whole_events_and_never_a_part(said, marks, cut, broken):
    events = [b": ping\n\n", *map(chunk, said), chunk(finish="stop"), USAGE, DONE]
    data = b"".join(events)
    data = data[: cut % (len(data) + 1)]
    sent, arrived, rest = Sent(), [], data
    for each in events:
        if not rest.startswith(each):
            break
        arrived.append(each)
        rest = rest[len(each) :]
    answer = FakeAnswer(pieces(data, marks), broken=broken)
    if len(arrived) < 2:
        with pytest.raises(ConnectionFailed):
            asyncio.run(relay(answer, sent))
        assert sent.status is None
        return
    journal, failure = asyncio.run(relay(answer, sent))
    body = sent.body.removeprefix(events[0])
    whole = b"".join(arrived[1:])
    assert body.startswith(whole)
    assert sent.ended
    said_all = arrived[-1] == DONE or (not broken and not rest and len(arrived) >= len(events) - 2)
    assert (failure is None) == said_all
    if failure is None:
        assert body == whole
    else:
        assert parse_error(body[len(whole) :])["code"] == "upstream_error"
    assert journal.usage == (Usage(3, 2) if USAGE in arrived else None)


@given(texts, st.lists(st.integers(0, 2000), max_size=12), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_line_ends_and_splits_change_nothing(said, marks, line_end):
    data = b"".join([*map(chunk, said), chunk(finish="stop"), USAGE, DONE]).replace(b"\n", line_end)
    sent = Sent()
    _, failure = asyncio.run(relay(FakeAnswer(pieces(data, marks)), sent))
    assert failure is None
    assert data.startswith(sent.body)
    assert data.removeprefix(sent.body).strip() == b""
