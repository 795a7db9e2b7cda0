"""A static upstream that is much faster than any gateway: canned answers behind a minimal HTTP parser.

`python -m pointsman.bench.upstream --port P`"""

from __future__ import annotations

import argparse
import asyncio
import re
from typing import cast

import uvloop

from pointsman.bench import canned
from pointsman.bench.canned import Order

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
_COMPLETION = JSON % (len(canned.completion()), canned.completion())
_NOTHING = JSON % (2, b"{}")


def _http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Paces:
    """The streams that send on only when the reader of their events says so, by the name in their request."""

    def __init__(self) -> None:
        self._streams: dict[bytes, Stream] = {}

    def start(self, name: bytes, stream: Stream) -> None:
        self._streams[name] = stream

    def end(self, name: bytes) -> None:
        self._streams.pop(name, None)

    def received(self, name: bytes, events: int) -> None:
        stream = self._streams.get(name)
        if stream is not None:
            stream.received(events)


class Stream:
    """One answer: a write per turn of the loop, so that each reaches the kernel alone.

    With `paces`, a write waits until the client has the events of the one before it."""

    def __init__(self, transport: asyncio.Transport, order: Order, paces: Paces | None) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._left = order.events
        self._per_write = order.per_write
        self._piece = _http_chunk(canned.EVENT * order.per_write)
        self._end = _http_chunk(canned.stream_end(order.usage)) + b"0\r\n\r\n"
        self._name, self._paces = order.name, paces
        self._due = 0
        self._paused = self._pending = False
        if paces is not None:
            paces.start(order.name, self)
        transport.write(_STREAM_HEAD)
        self._next()

    def received(self, events: int) -> None:
        self._due -= events
        if self._due <= 0:
            self._next()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._next()

    def _next(self) -> None:
        if not self._pending:
            self._pending = True
            self._loop.call_soon(self._write)

    def _write(self) -> None:
        self._pending = False
        if self._paused or self._transport.is_closing() or self._left < 0:
            return
        if self._left == 0:
            self._finish()
            return
        count = min(self._left, self._per_write)
        self._left -= count
        self._transport.write(self._piece if count == self._per_write else _http_chunk(canned.EVENT * count))
        if self._paces is None:
            self._next()
        else:
            self._due = count

    def _finish(self) -> None:
        self._left = -1
        if self._paces is not None:
            self._paces.end(self._name)
        self._transport.write(self._end)


class Upstream(asyncio.Protocol):
    def __init__(self, paces: Paces | None = None) -> None:
        self._paces = paces
        self._buffer = b""
        self._stream: Stream | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        if self._stream is not None:
            self._stream.pause()

    def resume_writing(self) -> None:
        if self._stream is not None:
            self._stream.resume()

    def data_received(self, data: bytes) -> None:
        self._buffer = data = self._buffer + data if self._buffer else data
        while (head := data.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(data, 0, head)
            end = head + 4 + (int(length[1]) if length else 0)
            if len(data) < end:
                break
            self._answer(data[:end], head + 4)
            data = data[end:]
        self._buffer = data

    def _answer(self, request: bytes, body: int) -> None:
        if not request.startswith(b"POST"):
            self._transport.write(_NOTHING)
        elif b'"stream"' in request and (order := Order(request[body:])).stream:
            self._stream = Stream(self._transport, order, self._paces)
        else:
            self._transport.write(_COMPLETION)


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
