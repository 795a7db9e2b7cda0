"""The load of the streaming table: the static upstream and its readers in one process, so that they can keep pace.

`python -m pointsman.bench.streams --port P --url URL …` serves the upstream at P, reads streams from URL and prints
one JSON object. With `--paced`, an event is written when the reader has the one before it: each passes the relay
alone. Without it the upstream writes as fast as it can, and what waits in a socket is read in one go."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import cast

import orjson
import uvloop

from pointsman.bench import canned
from pointsman.bench.load import address
from pointsman.bench.upstream import Paces, Upstream

_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_OK = b"HTTP/1.1 200"


@dataclass(frozen=True, slots=True)
class Streamed:
    events: int
    errors: int
    seconds: float
    rate: float
    example: str = ""  # of an error


@dataclass(frozen=True, slots=True)
class Plan:
    url: str
    headers: Mapping[str, str]
    streams: int
    events: int
    per_write: int
    paced: bool


def unchunked(body: bytes) -> bytes:
    return b"".join(_chunks(body))


def _chunks(body: bytes) -> Iterator[bytes]:
    start = 0
    while (line := body.find(b"\r\n", start)) > start:
        size = int(body[start:line], 16)
        yield body[line + 2 : line + 2 + size]
        start = line + 4 + size


class Reader(asyncio.Protocol):
    """One connection; reads streams one after the other and compares each with what it must be."""

    def __init__(self, name: bytes, plan: Plan, paces: Paces | None) -> None:
        self._name, self._plan, self._paces = name, plan, paces
        host, port = address(plan.url)
        body = canned.stream_body(plan.events, plan.per_write, name.decode())
        self._request = canned.http_request(body, f"{host}:{port}", plan.headers)
        self._received: list[bytes] = []
        self._done: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    async def read(self) -> str:
        """What was wrong, or nothing."""
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(self._request)
        head, _, body = (await self._done).partition(_HEAD_END)
        if not head.startswith(_OK):
            return (head + body)[:400].decode("utf-8", "replace")
        whole = unchunked(body) == canned.whole_stream(self._plan.events)
        return "" if whole else "the stream differs from what the upstream sent"

    def data_received(self, data: bytes) -> None:
        self._received.append(data)
        if self._paces is not None:
            self._paces.received(self._name, data.count(b"\n\n"))
        if data.endswith(_LAST_CHUNK) or not data.endswith(b"\n\n\r\n"):
            self._finish()

    def _finish(self) -> None:
        """Only at the answer's end: it may lie across two reads, and an error is no chunked answer."""
        data = b"".join(self._received)
        if self._done is None or self._done.done():
            return
        if data.endswith(_LAST_CHUNK) or not data.startswith(_OK[: len(data)]):
            self._received.clear()
            self._done.set_result(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(b"connection lost: %r" % exc)


class _Tally:
    def __init__(self) -> None:
        self.streams = self.errors = 0
        self.example = ""

    def add(self, problem: str) -> None:
        if problem:
            self.errors += 1
            self.example = self.example or problem
        else:
            self.streams += 1


async def _wave(readers: list[Reader], waves: int, tally: _Tally) -> None:
    async def read(reader: Reader) -> None:
        for _ in range(waves):
            tally.add(await reader.read())

    async with asyncio.TaskGroup() as group:
        for reader in readers:
            group.create_task(read(reader))


def _same(reader: Reader) -> Reader:
    return reader


async def run(plan: Plan, port: int, waves: int, patience: float) -> Streamed:
    loop = asyncio.get_running_loop()
    paces = Paces() if plan.paced else None
    server = await loop.create_server(lambda: Upstream(paces), "127.0.0.1", port, backlog=1024)
    warm, tally = _Tally(), _Tally()
    readers = [Reader(b"s%d" % number, plan, paces) for number in range(plan.streams)]
    began = time.perf_counter()
    async with server:
        try:
            for reader in readers:
                await loop.create_connection(partial(_same, reader), *address(plan.url))
            async with asyncio.timeout(patience):
                await _wave(readers, 1, warm)
                began = time.perf_counter()
                await _wave(readers, waves, tally)
        except (TimeoutError, OSError) as error:
            tally.add(f"{type(error).__name__}: {error}")
    seconds = time.perf_counter() - began
    events = tally.streams * plan.events
    return Streamed(events, warm.errors + tally.errors, seconds, events / seconds, warm.example or tally.example)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--headers", type=orjson.loads, default={})
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--per-write", type=int, default=1)
    parser.add_argument("--paced", action="store_true")
    parser.add_argument("--waves", type=int, default=4)
    parser.add_argument("--patience", type=float, default=60.0)
    options = parser.parse_args()
    plan = Plan(options.url, options.headers, options.streams, options.events, options.per_write, options.paced)
    streamed = uvloop.run(run(plan, options.port, options.waves, options.patience))
    print(orjson.dumps(asdict(streamed)).decode())


if __name__ == "__main__":
    main()
