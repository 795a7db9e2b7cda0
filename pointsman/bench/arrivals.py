"""An open-loop load: requests come when they come, whether those before them were answered or not.

`python -m pointsman.bench.arrivals --url URL --rate R …` prints one JSON object. A request takes an idle connection,
or opens one as long as there are fewer than `--connections`; one that finds none was offered in vain (`unsent`).
Latencies begin when a request was due, so that a generator that comes late hides nothing."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import time
from array import array
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from random import Random
from typing import cast

import orjson
import uvloop

from pointsman.bench import canned
from pointsman.bench.load import address, is_complete
from pointsman.bench.summary import percentile

_TICK = 0.001  # seconds between two looks at the schedule
_AT_ONCE = 256  # requests sent before answers are read again
_SWEEP = 0.05
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *[1-9]\d*\r\n", re.IGNORECASE)
_OK = b"HTTP/1.1 200"
_MARK = b'"chat.completion"'


@dataclass(frozen=True, slots=True)
class Plan:
    url: str
    headers: Mapping[str, str]
    rate: float  # requests per second
    seconds: float
    warm: float  # seconds before them that are not counted
    burst: int = 1  # requests that come together
    connections: int = 4096
    fresh: bool = False  # a connection for each request
    patience: float = 10.0  # seconds until a client gives up
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Spread:
    """Of latencies, in seconds."""

    count: int = 0
    p50: float = 0.0
    p99: float = 0.0
    longest: float = 0.0

    @classmethod
    def of(cls, values: array[float]) -> Spread:
        if not values:
            return cls()
        return cls(len(values), percentile(values, 0.5), percentile(values, 0.99), max(values))


@dataclass(frozen=True, slots=True)
class Offered:
    """`goodput` counts complete answers within the time, per second; the rest is about requests that were due in it."""

    seconds: float
    due: int
    unsent: int
    goodput: float
    served: Spread
    heard: Spread  # the served ones, from when their connection stood, if it had to be opened
    refused: Mapping[str, Spread] = field(default_factory=dict)  # by status
    without_advice: int = 0  # refusals that lack Retry-After
    given_up: int = 0
    broken: int = 0  # connections that were refused or closed without an answer
    connections: int = 0
    example: str = ""  # of an answer that was neither served nor refused


class Tally:
    """What became of the requests. Nothing counts that was due before `start` or after `end`."""

    def __init__(self, start: float, end: float) -> None:
        self._start, self._end = start, end
        self.due = self.unsent = self.good = self.given_up = self.broken = self.without_advice = 0
        self.served, self.heard = array("d"), array("d")
        self.refused: dict[str, array[float]] = {}
        self.example = ""

    def counts(self, due: float) -> bool:
        return self._start <= due < self._end

    def answered(self, due: float, began: float, data: bytes) -> None:
        """`began` is when the client could ask: then, or once it was connected."""
        now = time.perf_counter()
        if data.startswith(_OK) and _MARK in data:
            self.good += self._start <= now < self._end
            if self.counts(due):
                self.served.append(now - due)
                self.heard.append(now - began)
        elif self.counts(due):
            self._not_served(now - due, data)

    def _not_served(self, seconds: float, data: bytes) -> None:
        status = data[9:12].decode("latin-1")
        if status not in ("429", "503"):
            self.broken += 1
            self.example = self.example or data[:400].decode("utf-8", "replace")
            return
        if status not in self.refused:
            self.refused[status] = array("d")
        self.refused[status].append(seconds)
        self.without_advice += _RETRY_AFTER.search(data) is None

    def offered(self, connections: int) -> Offered:
        seconds = self._end - self._start
        return Offered(
            seconds=seconds,
            due=self.due,
            unsent=self.unsent,
            goodput=self.good / seconds,
            served=Spread.of(self.served),
            heard=Spread.of(self.heard),
            refused={status: Spread.of(values) for status, values in sorted(self.refused.items())},
            without_advice=self.without_advice,
            given_up=self.given_up,
            broken=self.broken,
            connections=connections,
            example=self.example,
        )


class Client(asyncio.Protocol):
    """One connection; has at most one request under way."""

    __slots__ = ("_buffer", "_crowd", "began", "due", "transport")

    def __init__(self, crowd: Crowd, due: float) -> None:
        self._crowd = crowd
        self._buffer = b""
        self.due = self.began = due
        self.transport: asyncio.Transport | None = None

    def ask(self, due: float) -> None:
        assert self.transport is not None
        self.due = self.began = due
        self.transport.write(self._crowd.request())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.ask(self.due)
        self.began = time.perf_counter()

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        if is_complete(data):
            self._buffer = b""
            self._crowd.answered(self, data)
        else:
            self._buffer = data

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.lost(self)


class Crowd:
    """All clients. `busy` is in the order in which their requests were sent."""

    def __init__(self, plan: Plan, tally: Tally) -> None:
        host, port = self._address = address(plan.url)
        fields = {**plan.headers, **({"connection": "close"} if plan.fresh else {})}
        request = canned.http_request(canned.request_body(), f"{host}:{port}", fields)
        self._before, _, self._after = request.partition(canned.COUNTER)
        self._asked = 0
        self._plan, self._tally = plan, tally
        self._idle: deque[Client] = deque()
        self._busy: dict[Client, None] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self.open = self.most = 0

    def request(self) -> bytes:
        self._asked += 1
        return b"%b%08d%b" % (self._before, self._asked, self._after)

    def arrive(self, due: float) -> None:
        counts = self._tally.counts(due)
        self._tally.due += counts
        if self._idle:
            client = self._idle.popleft()
            self._busy[client] = None
            client.ask(due)
        elif self.open < self._plan.connections:
            self.open += 1
            self.most = max(self.most, self.open)
            task = asyncio.get_running_loop().create_task(self._connect(Client(self, due)))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        else:
            self._tally.unsent += counts

    async def _connect(self, client: Client) -> None:
        self._busy[client] = None
        try:
            async with asyncio.timeout(self._plan.patience):
                await asyncio.get_running_loop().create_connection(lambda: client, *self._address)
        except TimeoutError:
            self._tally.given_up += self._tally.counts(client.due)
            self.lost(client, told=True)
        except OSError:
            self.lost(client)

    def answered(self, client: Client, data: bytes) -> None:
        if self._busy.pop(client, _ABSENT) is _ABSENT:
            return
        self._tally.answered(client.due, client.began, data)
        assert client.transport is not None
        if self._plan.fresh or b"\r\nconnection: close\r\n" in data:
            client.transport.close()
        else:
            self._idle.append(client)

    def lost(self, client: Client, *, told: bool = False) -> None:
        self.open -= 1
        if self._busy.pop(client, _ABSENT) is _ABSENT:
            if client in self._idle:
                self._idle.remove(client)
        elif not told:
            self._tally.broken += self._tally.counts(client.due)

    def give_up(self, before: float) -> None:
        """On requests that were sent so early; a connection that still comes up has a limit of its own."""
        for client in list(self._busy):
            if client.due > before:
                break
            if client.transport is not None:
                del self._busy[client]
                self._tally.given_up += self._tally.counts(client.due)
                client.transport.abort()

    @property
    def busy(self) -> bool:
        return bool(self._busy)

    async def leave(self) -> None:
        for task in self._opening:
            task.cancel()
        for client in [*self._idle, *self._busy]:
            if client.transport is not None:
                client.transport.abort()
        await asyncio.gather(*self._opening, return_exceptions=True)


_ABSENT = object()


async def run(plan: Plan) -> Offered:
    began = time.perf_counter()
    start = began + plan.warm
    tally = Tally(start, start + plan.seconds)
    crowd = Crowd(plan, tally)
    random = Random(plan.seed)
    due, swept = began, began
    while due < start + plan.seconds:
        now = time.perf_counter()
        sent = 0
        while due <= now and sent < _AT_ONCE:
            for _ in range(plan.burst):
                crowd.arrive(due)
            sent += plan.burst
            # single ones come at random, as from many clients; bursts are random enough
            due += random.expovariate(plan.rate) if plan.burst == 1 else plan.burst / plan.rate
        if now - swept > _SWEEP:
            crowd.give_up(now - plan.patience)
            swept = now
        await asyncio.sleep(0 if sent >= _AT_ONCE else _TICK)
    while crowd.busy and time.perf_counter() < start + plan.seconds + plan.patience + _SWEEP:
        await asyncio.sleep(_SWEEP)
        crowd.give_up(time.perf_counter() - plan.patience)
    await crowd.leave()
    return tally.offered(crowd.most)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--headers", type=orjson.loads, default={})
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warm", type=float, default=1.0)
    parser.add_argument("--burst", type=int, default=1)
    parser.add_argument("--connections", type=int, default=4096)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--patience", type=float, default=10.0)
    parser.add_argument("--nice", type=int, default=0, help="How far it lets others on its core go first.")
    options = vars(parser.parse_args())
    os.nice(options.pop("nice"))
    print(orjson.dumps(asdict(uvloop.run(run(Plan(**options))))).decode())


if __name__ == "__main__":
    main()
