"""The load generator: connections that each ask again as soon as they are answered.

`python -m pointsman.bench.load --url URL …` prints one JSON object; it ends by time, count or too many errors."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import time
from array import array
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import cast
from urllib.parse import urlsplit

import orjson
import uvloop

from pointsman.bench import canned
from pointsman.bench.summary import percentile

MAX_ERRORS = 100
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_OK = b"HTTP/1.1 200"
_MARK = b'"chat.completion"'


@dataclass(frozen=True, slots=True)
class Measured:
    """Latencies in seconds."""

    requests: int
    answered: int  # with those of the warm-up
    errors: int
    seconds: float
    rate: float
    p50: float
    p90: float
    p99: float
    example: str = ""  # of an error


class Load:
    """Counts from the end of the warm-up until the time, the count or the patience is used up."""

    def __init__(self, request: bytes, seconds: float, warm: float, limit: int) -> None:
        self._before, _, self._after = request.partition(canned.COUNTER)
        self._asked = 0
        self._answered = 0
        self._seconds, self._warm, self._limit = seconds, warm, limit
        self._latencies = array("d")
        self._errors = 0
        self._example = ""
        self._counting = warm <= 0
        self.over = asyncio.Event()

    def request(self) -> bytes:
        self._asked += 1
        return b"%b%08d%b" % (self._before, self._asked, self._after)

    def answered(self, latency: float) -> None:
        self._answered += 1
        if self._counting:
            self._latencies.append(latency)
            if len(self._latencies) >= self._limit:
                self.over.set()

    def failed(self, what: str) -> None:
        self._errors += 1
        self._example = self._example or what
        if self._errors >= MAX_ERRORS:
            self.over.set()

    async def run(self) -> Measured:
        if not self._counting:
            await self._wait(self._warm)
            self._counting = True
        since = time.perf_counter()
        await self._wait(self._seconds)
        elapsed = time.perf_counter() - since
        self.over.set()
        return self._measured(elapsed)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), seconds)

    def _measured(self, elapsed: float) -> Measured:
        times = self._latencies
        count = len(times)
        p50, p90, p99 = (percentile(times, share) for share in (0.5, 0.9, 0.99))
        return Measured(count, self._answered, self._errors, elapsed, count / elapsed, p50, p90, p99, self._example)


class Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self._load = load
        self._buffer = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def _ask(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._load.request())

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        if not is_complete(data):
            self._buffer = data
            return
        self._buffer = b""
        if data.startswith(_OK) and _MARK in data:
            self._load.answered(time.perf_counter() - self._began)
        else:
            self._load.failed(data[:400].decode("utf-8", "replace"))
        if self._load.over.is_set():
            self._transport.abort()
        else:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._load.over.is_set():
            self._load.failed(f"connection lost: {exc!r}")


def is_complete(data: bytes) -> bool:
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return False
    length = _LENGTH.search(data, 0, head)
    if length is not None:
        return len(data) >= head + 4 + int(length[1])
    return data.endswith(b"0\r\n\r\n")


async def run(
    url: str, headers: Mapping[str, str], connections: int, seconds: float, warm: float, limit: int
) -> Measured:
    host, port = address(url)
    load = Load(canned.http_request(canned.request_body(), f"{host}:{port}", headers), seconds, warm, limit)
    loop = asyncio.get_running_loop()
    transports = []
    try:
        for _ in range(connections):
            transport, _protocol = await loop.create_connection(lambda: Connection(load), host, port)
            transports.append(transport)
        return await load.run()
    finally:
        for transport in transports:
            transport.abort()


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--headers", type=orjson.loads, default={})
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warm", type=float, default=0.5)
    parser.add_argument("--limit", type=int, default=1_000_000)
    options = parser.parse_args()
    measured = uvloop.run(
        run(options.url, options.headers, options.connections, options.seconds, options.warm, options.limit)
    )
    print(orjson.dumps(asdict(measured)).decode())


if __name__ == "__main__":
    main()
