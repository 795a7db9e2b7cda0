from __future__ import annotations

import pytest

from pointsman.gateway.wire.reply import JSON, Reply


@pytest.fixture
def sent():
    return []


@pytest.fixture
def reply(sent):
    async def send(message):
        sent.append(message)

    return Reply(send, lambda: [(b"x-request-id", b"r")])


async def test_nothing_is_promised_before_the_start(reply, sent):
    assert (reply.started, reply.finished, sent) == (False, False, [])


async def test_a_whole_answer_says_its_length_and_what_every_answer_says(reply, sent):
    await reply.whole(201, JSON, b"{}")
    start, body = sent
    assert start["status"] == reply.status == 201
    assert dict(start["headers"]) == {
        b"content-type": b"application/json",
        b"content-length": b"2",
        b"x-request-id": b"r",
    }
    assert (body["body"], body["more_body"]) == (b"{}", False)
    assert reply.finished


async def test_a_stream_is_finished_by_its_end(reply, sent):
    await reply.start(200, [])
    await reply.write(b"a")
    assert (reply.started, reply.finished) == (True, False)
    await reply.end(b"b")
    assert reply.finished
    assert [(m["body"], m["more_body"]) for m in sent[1:]] == [(b"a", True), (b"b", False)]


async def test_an_end_that_was_not_sent_is_none():
    async def broken(message):
        if message["type"] == "http.response.body":
            raise ConnectionError

    reply = Reply(broken, list)
    await reply.start(200, [])
    with pytest.raises(ConnectionError):
        await reply.end()
    assert not reply.finished
