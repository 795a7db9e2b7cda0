"""Answers that are far too long: whoever reads gets everything, nobody else pays for it, and memory stays flat."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pointsman.gateway.pools.lease import live_leases
from tests.support.gateway import Served, config, pool, serving
from tests.support.scene import PATIENT, nothing_left, until
from tests.support.told import event, tell, told
from tests.support.upstream import Exchange, head, scripted
from tests.support.ways import (
    CHAT,
    CHAT_STREAM,
    CHAT_STREAM_OF_MESSAGES,
    MESSAGES,
    MESSAGES_STREAM,
    PATHS,
    RESPONSES_STREAM,
    Sdks,
    sdks,
)
from tests.support.witness import assert_whole

MB = 1024**2
SIZE = 100 * MB
PIECE = 64 * 1024
BUFFER = 256 * 1024  # of the kernel, which would let it grow to many megabytes
AHEAD = 12 * MB  # that an upstream may be ahead of a slow reader; of JSON the gateway holds 8 MB
GROWTH = 64 * MB  # of the process, in which upstream and client live, too
CALM = "org/calm"


@dataclass
class Flood:
    """Sends `start`, and then pieces until `SIZE` bytes are sent or nobody wants more."""

    start: bytes
    piece: bytes
    end: bytes = b""
    sent: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, x: Exchange) -> None:
        if x.request.json["model"] == CALM:
            await tell(x, told(x.request))
            return
        x.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        try:
            await x.send(self.start)
            while self.sent < SIZE:
                await x.send(self.piece)
                self.sent += len(self.piece)
            await x.send(self.end)
            x.close()
        finally:
            self.left.set()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Memory:
    """The most that the process grew to at any look."""

    def __init__(self) -> None:
        self._start = _resident()
        self._most = self._start

    def look(self) -> None:
        self._most = max(self._most, _resident())

    @property
    def growth(self) -> int:
        return self._most - self._start


@asynccontextmanager
async def flooded(
    flood: Flood, timeouts: Mapping[str, str] = PATIENT, **extra: Any
) -> AsyncIterator[tuple[Served, Sdks]]:
    async with scripted(flood) as up:
        pools = {
            "small": pool(up.url, paths=PATHS, timeouts=timeouts, **extra),
            "calm": pool(up.url, timeouts=PATIENT) | {"model": CALM},
        }
        async with serving(config(pools)) as served, nothing_left(up), sdks(served.url) as sdk:
            yield served, sdk
    assert live_leases() == 0


# Whoever reads slowly slows the upstream


def _json_flood() -> Flood:
    start, end = b'{"choices": [{"message": {"content": "', b'"}}]}'
    length = len(start) + SIZE + len(end)
    return Flood(_head("application/json", length) + start, b"x" * PIECE, end)


def _stream_flood() -> Flood:
    data = json.dumps({"choices": [{"index": 0, "delta": {"content": "x" * (PIECE - 100)}, "finish_reason": None}]})
    last = json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}).encode()
    return Flood(_head("text/event-stream"), event(data.encode()), event(last) + event(b"[DONE]"))


def _bytes_flood() -> Flood:
    return Flood(_head("audio/mpeg"), b"x" * PIECE)


def _head(media: str, length: int | None = None) -> bytes:
    """Without a length the body ends with the connection."""
    fields = {"content-type": media} | ({} if length is None else {"content-length": str(length)})
    return head(200, fields)


async def _connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = url.removeprefix("http://").split(":")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
    return await asyncio.open_connection(sock=sock, limit=PIECE)


async def _read_slowly(served: Served, flood: Flood, path: str, **body: Any) -> tuple[int, int]:
    """Bytes read, and the most that the process grew; the upstream is never far ahead."""
    reader, writer = await _connect(served.url)
    data = json.dumps({"model": "small", **body}).encode()
    writer.write(
        b"POST %b HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (path.encode(), len(data), data)
    )
    memory, read = Memory(), 0
    while part := await reader.read(2 * PIECE):
        read += len(part)
        await asyncio.sleep(0.0005)  # leaves the upstream time to get ahead
        assert flood.sent - read < AHEAD
        memory.look()
    writer.close()
    return read, memory.growth


CHAT_BODY = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("make", "path", "body"),
    [
        (_json_flood, "/v1/chat/completions", CHAT_BODY),
        (_stream_flood, "/v1/chat/completions", CHAT_BODY | {"stream": True}),
        (_stream_flood, "/v1/messages", CHAT_BODY | {"stream": True, "max_tokens": 9}),
        (_bytes_flood, "/v1/audio/speech", {"input": "hi"}),
    ],
    ids=["chat", "chat stream", "messages stream", "bytes"],
)
async def test_a_slow_reader_gets_all_of_it(make: Any, path: str, body: dict[str, Any]) -> None:
    flood = make()
    async with flooded(flood) as (served, sdk):
        reading = asyncio.create_task(_read_slowly(served, flood, path, **body))
        await until(lambda: flood.sent)
        for _ in range(5):
            assert_whole(await CHAT.ask(sdk, "calm"))
            assert_whole(await CHAT_STREAM.ask(sdk, "calm"))
        read, growth = await reading
    assert read > 0.99 * SIZE
    assert growth < GROWTH


async def test_a_client_that_stops_reading_stops_the_upstream() -> None:
    flood = _stream_flood()
    async with flooded(flood, timeouts=PATIENT | {"total": "500ms"}) as (served, sdk):
        _, writer = await _connect(served.url)
        data = json.dumps({"model": "small", "stream": True, **CHAT_BODY}).encode()
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(data), data)
        )
        await until(lambda: flood.sent)
        assert_whole(await CHAT.ask(sdk, "calm"))
        await flood.left.wait()  # the gateway has cut both
        writer.close()
    assert flood.sent < AHEAD


# What is too long for the gateway itself


def _wave(size: int = PIECE) -> bytes:
    return b"%x\r\n%b\r\n" % (size, b" " * size)


CHUNKED = {"transfer-encoding": "chunked"}
TOO_LONG = {
    "an event": (CHAT_STREAM, Flood(_head("text/event-stream"), b"x" * PIECE), 502, "an event of more than"),
    "an answer to translate": (MESSAGES, _json_flood(), 502, "larger than"),
    "an error": (CHAT, Flood(head(500, CHUNKED), _wave()), 500, "too long to pass on"),
    "a header": (CHAT, Flood(b"HTTP/1.1 200 OK\r\nx-a: ", b"x" * PIECE), 502, "headers are too long"),
    "1xx answers": (CHAT, Flood(b"", b"HTTP/1.1 103 Hints\r\n\r\n" * 3000), 502, "headers are too long"),
}


@pytest.mark.parametrize("what", TOO_LONG)
async def test_too_long(what: str) -> None:
    """Refused as soon as that is sure; the upstream need not send the rest."""
    way, flood, status, says = TOO_LONG[what]
    async with flooded(flood) as (_, sdk):
        memory = Memory()
        asking = asyncio.create_task(way.ask(sdk, "small"))
        await until(lambda: flood.sent)
        assert_whole(await CHAT.ask(sdk, "calm"))
        seen = await asking
        memory.look()
        await flood.left.wait()
    error: Any = seen.error
    assert error.status_code == status
    assert says in str(error)
    assert flood.sent < SIZE / 2
    assert memory.growth < GROWTH


def _chat_event(**delta: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


def _thinking() -> tuple[bytes, bytes]:
    block = {"type": "thinking", "thinking": "", "signature": ""}
    start = event({"type": "message_start", "message": {"id": "m", "usage": {}}})
    start += event({"type": "content_block_start", "index": 0, "content_block": block})
    delta = {"type": "thinking_delta", "thinking": "x" * PIECE}
    return start, event({"type": "content_block_delta", "index": 0, "delta": delta})


_CALL = _chat_event(tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": "x" * PIECE}}])
KEPT = {
    "the text of a response": (RESPONSES_STREAM, b"", _chat_event(content="x" * PIECE)),
    "the calls of a response": (RESPONSES_STREAM, b"", _CALL),
    "the calls of a message": (MESSAGES_STREAM, b"", _CALL),
    "the blank text of a message": (MESSAGES_STREAM, b"", _chat_event(content=" " * PIECE)),
    "the thinking of a message": (CHAT_STREAM_OF_MESSAGES, *_thinking()),
}


@pytest.mark.parametrize("what", KEPT)
async def test_what_a_translation_must_keep_is_bounded(what: str) -> None:
    way, start, piece = KEPT[what]
    flood = Flood(_head("text/event-stream") + start, piece)
    async with flooded(flood, **way.pool) as (_, sdk):
        memory = Memory()
        asking = asyncio.create_task(way.ask(sdk, "small"))
        await until(lambda: flood.sent)
        assert_whole(await CHAT.ask(sdk, "calm"))
        seen = await asking
        memory.look()
        await flood.left.wait()
    assert "characters" in str(seen.error)
    assert flood.sent < SIZE / 2
    assert memory.growth < 2 * GROWTH  # several copies of it are in its last event


async def test_an_endless_event_after_good_ones_ends_the_stream() -> None:
    good = _stream_flood().piece
    flood = Flood(_head("text/event-stream") + good, b"x" * PIECE)
    async with flooded(flood) as (_, sdk):
        seen = await CHAT_STREAM.ask(sdk, "small")
        await flood.left.wait()
    assert "an event of more than" in str(seen.error)
    assert (seen.parts, seen.ended) == (1, False)
    assert flood.sent < SIZE / 2


async def test_comments_before_the_first_event_are_not_kept() -> None:
    flood = Flood(_head("text/event-stream"), b": " + b"x" * PIECE + b"\n\n", _stream_flood().end)
    async with flooded(flood) as (_, sdk):
        memory = Memory()
        asking = asyncio.create_task(CHAT_STREAM.ask(sdk, "small"))
        while not asking.done():
            memory.look()
            await asyncio.sleep(0.01)
        seen = await asking
    assert (seen.error, seen.ended) == (None, True)
    assert flood.sent >= SIZE
    assert memory.growth < GROWTH
