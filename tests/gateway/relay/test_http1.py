"""One connection, byte by byte: what the network does on one side, what a reader gets on the other."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.relay import http1
from pointsman.gateway.relay.http1 import MAX_HEAD, Connection, ConnectionBroken

OK = b"HTTP/1.1 200 OK\r\n"
RESET = ConnectionResetError()


class Wire:
    """A transport; also the socket in it."""

    def __init__(self):
        self.written = b""
        self.closed = False
        self.reading = True

    def get_extra_info(self, name):
        return self

    def setsockopt(self, *option):
        pass

    def write(self, data):
        self.written += data

    def is_closing(self):
        return self.closed

    def abort(self):
        self.closed = True

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
async def connection(wire):
    return connected(wire)


def connected(wire):
    connection = Connection(asyncio.get_running_loop())
    connection.connection_made(wire)
    return connection


async def exchanged(connection, *received, method="POST", end="open"):
    """Ask; get these bytes; then the peer stays, closes or resets."""
    asking = asyncio.create_task(connection.send(method, b"head\r\n\r\n", b"body"))
    await asyncio.sleep(0)
    for data in received:
        connection.data_received(data)
    if end != "open":
        connection.connection_lost(RESET if end == "reset" else None)
    await asking


async def rest(connection):
    return b"".join([part async for part in aiter_of(connection)])


async def aiter_of(connection):
    while part := await connection.read():
        yield part


def fields(connection):
    return dict(connection.headers)


async def test_a_request_and_its_answer(connection, wire):
    await exchanged(connection, OK + b"X-A: 1\r\nContent-Length: 5\r\n\r\nhel", b"lo")
    assert wire.written == b"head\r\n\r\nbody"
    assert (connection.status, fields(connection)) == (200, {b"x-a": b"1", b"content-length": b"5"})
    assert await rest(connection) == b"hello"
    assert connection.reusable


async def test_the_connection_serves_the_next(connection, wire):
    for number in (b"1", b"2"):
        await exchanged(connection, OK + b"content-length: 1\r\nx-n: " + number + b"\r\n\r\n" + number)
        assert (await rest(connection), fields(connection)[b"x-n"]) == (number, number)


CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nx-trailer: 1\r\n\r\n"


@given(st.sets(st.integers(1, len(CHUNKED) - 1), max_size=10))
def test_pieces_of_any_size(marks):
    cuts = [0, *sorted(marks), len(CHUNKED)]
    pieces = [CHUNKED[a:b] for a, b in pairwise(cuts)]

    async def read():
        connection = connected(Wire())
        await exchanged(connection, *pieces)
        assert await rest(connection) == b"hello world"
        assert fields(connection) == {b"transfer-encoding": b"chunked"}  # a trailer is none of them
        assert connection.reusable

    asyncio.run(read())


async def test_informational_answers_are_not_the_answer(connection):
    early = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    await exchanged(connection, early + early + OK + b"content-length: 2\r\n\r\nhi")
    assert (connection.status, await rest(connection)) == (200, b"hi")
    assert b"link" not in fields(connection)


async def test_a_body_without_a_length_ends_with_the_connection(connection):
    await exchanged(connection, OK + b"\r\nhel", b"lo", end="closed")
    assert await rest(connection) == b"hello"
    assert not connection.reusable


@pytest.mark.parametrize("end", ["closed", "reset"])
@pytest.mark.parametrize("framing", [b"content-length: 50\r\n", b"transfer-encoding: chunked\r\n"])
async def test_what_arrived_before_a_break_is_given_out_first(connection, framing, end):
    body = b"5\r\nhello\r\n" if b"chunked" in framing else b"hello"
    await exchanged(connection, OK + framing + b"\r\n" + body, end=end)
    assert await connection.read() == b"hello"
    for _ in range(2):
        with pytest.raises(ConnectionBroken) as caught:
            await connection.read()
    assert caught.value.began


async def test_a_reset_is_no_end_of_a_body_without_a_length(connection):
    await exchanged(connection, OK + b"\r\nhel", end="reset")
    assert await connection.read() == b"hel"
    with pytest.raises(ConnectionBroken):
        await connection.read()


@pytest.mark.parametrize(("received", "began"), [([], False), ([b"HTTP/1.1 2"], True), ([OK + b"x-a: 1\r\n"], True)])
@pytest.mark.parametrize("end", ["closed", "reset"])
async def test_whether_an_answer_began_is_known(connection, received, began, end):
    with pytest.raises(ConnectionBroken) as caught:
        await exchanged(connection, *received, end=end)
    assert caught.value.began is began


async def test_a_connection_that_is_gone_takes_no_request(connection):
    connection.connection_lost(None)
    with pytest.raises(ConnectionBroken) as caught:
        await connection.send("POST", b"", b"")
    assert not caught.value.began
    assert not connection.alive


@pytest.mark.parametrize(
    "received",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        OK + b"a b: c\r\n\r\n",
        OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\n",
        OK + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        OK + b"x-a: \x01\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        OK + b"x-a: " + b"a" * MAX_HEAD,
    ],
)
async def test_what_is_no_answer_is_refused(connection, wire, received):
    with pytest.raises(ConnectionBroken):
        await exchanged(connection, received)
    assert wire.closed


async def test_a_body_that_breaks_the_protocol_is_given_out_so_far(connection, wire):
    await exchanged(connection, OK + b"transfer-encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n")
    assert await connection.read() == b"hi"
    with pytest.raises(ConnectionBroken, match="HTTP"):
        await connection.read()
    assert wire.closed


# What was not asked for


@pytest.mark.parametrize(
    "more", [b"HTTP/1.1 404 No\r\nx-b: 2\r\ncontent-length: 2\r\n\r\nno", b"junk", b"HTTP/1.1 200"]
)
async def test_what_follows_an_answer_is_nobodys(connection, more):
    await exchanged(connection, OK + b"x-a: 1\r\ncontent-length: 2\r\n\r\nhi" + more)
    assert (connection.status, fields(connection)) == (200, {b"x-a": b"1", b"content-length": b"2"})
    assert await rest(connection) == b"hi"
    assert not connection.reusable


async def test_who_speaks_without_being_asked_is_hung_up_on(connection, wire):
    await exchanged(connection, OK + b"content-length: 2\r\n\r\nhi")
    connection.data_received(b"HTTP/1.1 408 Timeout\r\n\r\n")
    assert wire.closed
    assert not connection.reusable


async def test_the_answer_to_head_has_no_body(connection):
    """And llhttp waits for one, so the next answer must come on another connection."""
    await exchanged(connection, OK + b"content-length: 500\r\n\r\n", method="HEAD")
    assert await rest(connection) == b""
    assert not connection.reusable


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_some_answers_have_no_body(connection, status):
    await exchanged(connection, b"HTTP/1.1 " + status + b"\r\n\r\n")
    assert await rest(connection) == b""


@pytest.mark.parametrize("head", [OK + b"connection: close\r\n", b"HTTP/1.0 200 OK\r\n"])
async def test_a_connection_that_is_to_be_closed_is_not_kept(connection, head):
    await exchanged(connection, head + b"content-length: 2\r\n\r\nhi")
    assert await rest(connection) == b"hi"
    assert not connection.reusable


# Who is slower


async def test_a_slow_reader_slows_the_peer(connection, wire, monkeypatch):
    monkeypatch.setattr(http1, "_HIGH_WATER", 10)
    await exchanged(connection, OK + b"content-length: 40\r\n\r\n", b"x" * 10)
    assert wire.reading
    connection.data_received(b"x" * 10)
    assert not wire.reading
    assert len(await connection.read()) == 20
    assert wire.reading


async def test_a_body_in_parts_waits_for_room(connection, wire):
    taken = []

    async def parts():
        for part in (b"a", b"", b"b", b"c"):
            taken.append(part)
            yield part

    connection.pause_writing()
    asking = asyncio.create_task(connection.send("POST", b"", parts()))
    await asyncio.sleep(0)
    assert taken == [b"a"]
    connection.resume_writing()
    await asyncio.sleep(0)
    assert wire.written == b"abc"
    connection.data_received(OK + b"content-length: 0\r\n\r\n")
    await asking
    assert connection.reusable


async def test_an_early_answer_ends_the_sending(connection, wire):
    async def parts():
        yield b"a"
        connection.data_received(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        yield b"b"

    await connection.send("POST", b"", parts())
    assert (connection.status, wire.written) == (413, b"a")
    assert not connection.reusable


async def test_who_waits_for_room_hears_of_the_end(connection):
    async def parts():
        yield b"a"
        yield b"b"

    connection.pause_writing()
    asking = asyncio.create_task(connection.send("POST", b"", parts()))
    await asyncio.sleep(0)
    connection.connection_lost(RESET)
    with pytest.raises(ConnectionBroken):
        await asking
