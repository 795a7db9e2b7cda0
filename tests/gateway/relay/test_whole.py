"""Answers in one piece: checked before they are promised, counted, and never half."""

from __future__ import annotations

import asyncio
import json

import pytest

from pointsman.gateway.errors import UpstreamError
from pointsman.gateway.observe.outcome import Usage
from pointsman.gateway.relay import whole
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.outbound import Outbound
from pointsman.gateway.relay.upstream import ConnectionFailed
from pointsman.gateway.relay.watch import ClientStalled, Limit, LimitReached, Watch
from pointsman.gateway.relay.whole import Whole, relay_bytes
from pointsman.gateway.wire.dialect import DIALECTS
from pointsman.gateway.wire.messages_to_chat import MessagesToChat
from pointsman.signals.facts import Route
from tests.support.answers import FakeAnswer, Sent
from tests.support.clock import virtual_time
from tests.support.upstream import completion

JSON = "application/json"


@pytest.fixture
def sent():
    return Sent()


async def never():
    await asyncio.Event().wait()


async def relayed(answer, sent, route=Route.CHAT, translation=None):
    journal = Journal("r", route)
    outbound = Outbound("POST", "", {}, b"", DIALECTS[Route.CHAT if translation else route], translation)
    with Watch(never) as watch:
        whole = Whole(outbound)
        await whole.read(answer, journal)
        await whole.deliver(answer, sent.reply, watch, journal)
    return journal


def given(data, **options):
    raw = data if isinstance(data, bytes) else json.dumps(data, indent=1).encode()
    half = len(raw) // 2
    return FakeAnswer([raw[:half], raw[half:]], media=JSON, **options)


async def test_bytes_and_status_pass_as_they_are(sent):
    body = json.dumps(completion(), indent=3).encode()
    await relayed(given(body, status=201, headers=[(b"x-vendor", b"1"), (b"content-length", b"7")]), sent)
    assert (sent.status, sent.body, sent.headers[b"x-vendor"]) == (201, body, b"1")
    assert sent.headers[b"content-length"] == str(len(body)).encode()


async def test_usage_is_counted(sent):
    assert (await relayed(given(completion()), sent)).usage == Usage(3, 2)


async def test_usage_that_nobody_told_is_not_made_up(sent):
    assert (await relayed(given({"choices": []}), sent)).usage is None


@pytest.mark.parametrize(
    "answer",
    [
        given(b"<html>"),
        given(b'{"id": "x"'),
        given(b""),
        given({}, broken=True),
        FakeAnswer([b"data: {}\n\n"]),
    ],
    ids=["html", "cut", "empty", "reset", "stream"],
)
async def test_what_is_no_whole_json_is_not_begun(sent, answer):
    with pytest.raises(UpstreamError):
        await relayed(answer, sent)
    assert sent.status is None


async def test_an_answer_that_is_compressed_all_the_same_passes_unread(sent):
    journal = await relayed(given(b"\x1f\x8b...", headers=[(b"content-encoding", b"gzip")]), sent)
    assert (sent.body, sent.headers[b"content-encoding"], journal.usage) == (b"\x1f\x8b...", b"gzip", None)


def to_messages():
    return MessagesToChat({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})


async def test_a_translated_answer_is_counted_and_told_in_the_clients_wire(sent):
    journal = await relayed(given(completion()), sent, Route.MESSAGES, to_messages())
    assert json.loads(sent.body)["type"] == "message"
    assert journal.usage == Usage(3, 2)


@pytest.mark.parametrize("answer", [given(b"x", headers=[(b"content-encoding", b"gzip")]), given({"choices": []})])
async def test_what_cannot_be_translated_is_not_begun(sent, answer):
    with pytest.raises(UpstreamError):
        await relayed(answer, sent, Route.MESSAGES, to_messages())
    assert sent.status is None


# Longer than is held


@pytest.fixture
def holds_little(monkeypatch):
    monkeypatch.setattr(whole, "HELD", 10)


@pytest.mark.usefixtures("holds_little")
async def test_a_long_answer_goes_on_as_it_comes(sent):
    body = json.dumps(completion()).encode()
    await relayed(given(body, headers=[(b"content-length", str(len(body)).encode())]), sent)
    assert (sent.body, sent.ended) == (body, True)
    assert sent.headers[b"content-length"] == str(len(body)).encode()


@pytest.mark.usefixtures("holds_little")
async def test_a_long_answer_that_breaks_is_not_ended(sent):
    with pytest.raises(ConnectionFailed):
        await relayed(given(completion(), broken=True), sent)
    assert sent.status == 200
    assert not sent.ended


@pytest.mark.usefixtures("holds_little")
async def test_a_long_answer_cannot_be_translated(sent):
    with pytest.raises(UpstreamError, match="larger than the 10 bytes"):
        await relayed(given(completion()), sent, Route.MESSAGES, to_messages())
    assert sent.status is None


# Bytes


class Slow(FakeAnswer):
    """Takes ten seconds for each part, and all the time after the last."""

    async def read_some(self):
        await asyncio.sleep(10)
        return await super().read_some() or await never()


async def bytes_of(answer, sent, idle=None):
    with virtual_time(), Watch(never) as watch:
        watch.total(60)
        if idle is not None:
            watch.limit(Limit.FIRST_TOKEN, 5)
        await relay_bytes(answer, sent.reply, watch, Journal("r", Route.OTHER), idle)


async def test_bytes_pass_piece_by_piece(sent):
    await bytes_of(FakeAnswer([b"\xff\x00", b"b"], media="audio/mpeg"), sent)
    assert sent.parts == [b"\xff\x00", b"b", b""]
    assert sent.headers[b"content-type"] == b"audio/mpeg"


@pytest.mark.parametrize(("idle", "limit"), [(None, Limit.TOTAL), (20.0, Limit.IDLE)])
async def test_bytes_may_take_the_time_that_their_kind_has(sent, idle, limit):
    """The limit for the first token is over when the answer begins."""
    with pytest.raises(LimitReached) as caught:
        await bytes_of(Slow([b"a", b"b", b"c"]), sent, idle)
    assert caught.value.limit is limit
    assert sent.body == b"abc"


async def test_a_client_that_does_not_read_is_no_fault_of_the_upstream(sent):
    sent.stuck = True
    with pytest.raises(ClientStalled):
        await bytes_of(FakeAnswer([b"a"]), sent)
