"""Ten thousand requests while clients leave at any moment and upstreams fail in any way: nothing is left behind,
and nobody is told what no upstream said."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import socket
import struct
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
import uvloop
from structlog.testing import capture_logs

from pointsman.gateway.observe.outcome import Outcome, Result, Usage
from pointsman.gateway.pools.lease import live_leases
from tests.support.chaos import KINDS, PROMPT_TOKENS, Chaos, text_of, words
from tests.support.gateway import Served, config, pool, serving
from tests.support.upstream import answer_hello, scripted

WARM_UP, REQUESTS, CLIENTS = 2_000, 10_000, 64
PATIENCE = 20.0  # seconds until what is left over must be gone
GROWTH = 32 * 1024**2  # bytes that the process may grow between the warm-up and the end: noise, not a leak

_GATEWAYS_OWN = {400, 404, 429, 503}
_UPSTREAMS = {400, 404, 429, 500, 502, 503, 504, 529}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a client got. `words` of a whole answer, which is what its usage must say."""

    status: int
    what: str
    words: int | None = None


@dataclass
class Storm:
    """What clients did and got, and what the gateway says of it."""

    url: str
    random: Random
    did: Counter[str] = field(default_factory=Counter)
    got: Counter[str] = field(default_factory=Counter)
    answers: dict[str, Verdict] = field(default_factory=dict)  # by request id
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    number: int = 0

    async def run(self, requests: int) -> None:
        last = self.number + requests
        await asyncio.gather(*(self._client(last) for _ in range(CLIENTS)))

    async def _client(self, last: int) -> None:
        client = _Connection(self.url)
        while self.number < last:
            self.number += 1
            name = self.random.choices(list(_WAYS), [weight for weight, _ in _WAYS.values()])[0]
            self.did[name] += 1
            await _WAYS[name][1](self, client, f"r-{self.number}")
            if self.random.random() < 0.1:
                await client.close()
        await client.close()

    def request(self, request_id: str, **body: Any) -> bytes:
        text = "x" * self.random.choice((10, 100, 100, 20_000))
        body = {"model": "auto", "messages": [{"role": "user", "content": text}], **body}
        body.setdefault("stream", self.random.random() < 0.6)
        return _post(request_id, json.dumps(body).encode())

    async def pause(self) -> None:
        await asyncio.sleep(self.random.random() * 0.02)

    def check(self, request_id: str, answer: Answer) -> None:
        assert answer.headers["x-request-id"] == request_id
        self.answers[request_id] = verdict = _check(answer)
        self.got[verdict.what] += 1

    def observe(self, outcome: Outcome) -> None:
        self.outcomes[outcome.id] = outcome._replace(facts=None, selected=None)  # which would keep the whole request


class _Connection:
    """A client's keep-alive connection, opened when needed."""

    def __init__(self, url: str) -> None:
        self._address = url.removeprefix("http://").split(":")
        self.reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, data: bytes) -> None:
        if self._writer is None:
            self.reader, self._writer = await asyncio.open_connection(*self._address, limit=2**20)
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> Answer:
        start = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = start.rstrip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        if "content-length" in headers:
            body = await self.reader.readexactly(int(headers["content-length"]))
        else:
            body = b"".join([part async for part in self._chunks()])
        return Answer(int(first.split(" ")[1]), headers, body)

    async def _chunks(self):
        while size := int(await self.reader.readline(), 16):
            yield await self.reader.readexactly(size)
            await self.reader.readline()
        await self.reader.readline()

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            await self._writer.wait_closed()
            self._writer = None

    async def leave(self, reset: bool) -> None:
        if self._writer is None:
            return
        if reset:
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
        await self.close()


def _post(request_id: str, body: bytes) -> bytes:
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"x-request-id: %b\r\ncontent-length: %d\r\n\r\n%b" % (request_id.encode(), len(body), body)
    )


# What clients do


async def _stay(storm: Storm, client: _Connection, request_id: str) -> None:
    await client.send(storm.request(request_id))
    storm.check(request_id, await client.answer())


async def _two_at_once(storm: Storm, client: _Connection, request_id: str) -> None:
    ids = [request_id, f"{request_id}b"]
    await client.send(b"".join(map(storm.request, ids)))
    for each in ids:
        storm.check(each, await client.answer())


async def _read_slowly(storm: Storm, client: _Connection, request_id: str) -> None:
    await client.send(storm.request(request_id))
    await storm.pause()
    storm.check(request_id, await client.answer())


async def _leave_while_sending(storm: Storm, client: _Connection, request_id: str) -> None:
    data = storm.request(request_id)
    await client.send(data[: storm.random.randrange(1, len(data))])
    await storm.pause()
    await client.leave(storm.random.random() < 0.5)


async def _leave_while_waiting(storm: Storm, client: _Connection, request_id: str) -> None:
    await client.send(storm.request(request_id))
    await storm.pause()
    await client.leave(storm.random.random() < 0.5)


async def _leave_while_reading(storm: Storm, client: _Connection, request_id: str) -> None:
    await client.send(storm.request(request_id))
    await client.reader.read(storm.random.randint(1, 2000))
    await client.leave(storm.random.random() < 0.5)


async def _ask_wrongly(storm: Storm, client: _Connection, request_id: str) -> None:
    wrong, status = storm.random.choice(
        ((b"{", 400), (b'{"messages": 1}', 400), (b'{"messages": [], "model": "no"}', 404))
    )
    await client.send(_post(request_id, wrong))
    answer = await client.answer()
    storm.check(request_id, answer)
    assert (answer.status, answer.headers["x-pointsman-error-source"]) == (status, "gateway")


_WAYS = {
    "stay": (12, _stay),
    "two at once": (1, _two_at_once),
    "read slowly": (1, _read_slowly),
    "leave while sending": (2, _leave_while_sending),
    "leave while waiting": (3, _leave_while_waiting),
    "leave while reading": (3, _leave_while_reading),
    "ask wrongly": (1, _ask_wrongly),
}


# What they may get


def _check(answer: Answer) -> Verdict:
    if answer.status != 200:
        return _check_error(answer)
    if answer.headers["content-type"] == "application/json":
        return _check_whole(answer)
    return _check_stream(answer)


def _check_error(answer: Answer) -> Verdict:
    source = answer.headers["x-pointsman-error-source"]
    assert answer.status in (_GATEWAYS_OWN if source == "gateway" else _UPSTREAMS)
    assert "nobodys" not in answer.body.decode()
    if answer.body == b"<html>no</html>":  # an upstream's 4xx, byte for byte
        assert answer.status < 500
    else:
        assert answer.json["error"]["message"]
    return Verdict(answer.status, f"{source} {answer.status}")


def _check_whole(answer: Answer) -> Verdict:
    body = answer.json
    assert body["choices"][0]["message"]["content"] == text_of(body["id"])
    assert answer.headers["x-pointsman-pool"] == body["id"].split("-")[0]
    return Verdict(200, "whole", len(words(body["id"])))


def _check_stream(answer: Answer) -> Verdict:
    """One upstream's words in their order, up to the end or to one error."""
    lines = re.split(rb"\r\n|\n|\r", answer.body)
    assert lines[-2:] == [b"", b""], "half an event"
    data = [line.removeprefix(b"data: ") for line in lines if line not in (b"", b": wait")]
    done = data[-1] == b"[DONE]"
    *chunks, last = [json.loads(d) for d in data[: len(data) - done]]
    failed = "error" in last
    assert not (failed and done)
    chunks += [] if failed else [last]
    (answer_id,) = {c["id"] for c in chunks}
    assert answer.headers["x-pointsman-pool"] == answer_id.split("-")[0]
    texts = [c["choices"][0]["delta"].get("content") for c in chunks]
    finished = texts[-1] is None
    said, expected = texts[: len(texts) - finished], words(answer_id)
    assert said == expected[: len(said)]
    assert failed or (finished and said == expected)
    return Verdict(200, "broken stream") if failed else Verdict(200, "whole stream", len(expected))


# What must be left


def _files() -> int:
    return len(os.listdir("/proc/self/fd"))


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def _until(condition: Any) -> None:
    for _ in range(round(PATIENCE / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("something is left over")


async def _storm() -> tuple[Storm, list[dict[str, Any]], list[dict[str, Any]]]:
    random, failures = Random(20261121), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    small, large = Chaos("small", Random(1)), Chaos("large", Random(2))
    async with scripted(small) as a, scripted(small) as b, scripted(large) as c, scripted(answer_hello) as healthy:
        for each in (a, b, c):
            each.requests = deque(maxlen=1)
        with capture_logs() as logs:
            async with serving(_settings(a.url, b.url, c.url, healthy.url)) as gateway:
                storm = Storm(gateway.url, random)
                await _run(storm, gateway)
                await _assert_healthy(gateway)
    assert set(small.seen | large.seen) == KINDS
    return storm, logs, failures


def _settings(*urls: str) -> dict[str, Any]:
    common = {
        "timeouts": {"first_token": "200ms", "idle": "200ms", "total": "1s"},
        "limits": {"inflight": 10, "queue": 4, "queue_timeout": "50ms"},
        "retry": {"backoff": "1ms"},
        "health": {"eject": {"for": "100ms"}},
    }
    pools = {
        "small": pool(*urls[:2], **common),
        "large": pool(urls[2], **common) | {"model": "org/large"},
        "healthy": pool(urls[3]) | {"model": "org/healthy"},
    }
    return config(pools, [{"name": "all", "when": "true", "models": ["small", "large"]}])


async def _run(storm: Storm, gateway: Served) -> None:
    gateway.gateway.observe(storm.observe)
    files, tasks = _files(), len(asyncio.all_tasks())
    await storm.run(WARM_UP)
    gc.collect()
    memory = _memory()
    await storm.run(REQUESTS)
    await _until(lambda: len(asyncio.all_tasks()) <= tasks)
    await _until(lambda: _files() <= files)
    gc.collect()
    assert _memory() - memory < GROWTH
    assert live_leases() == 0
    for each in gateway.gateway.runtime.pools.values():
        assert (each.inflight, each.waiting) == (0, 0)
        assert [e.inflight for e in each.endpoints] == [0] * len(each.endpoints)


async def _assert_healthy(gateway: Served) -> None:
    client = _Connection(gateway.url)
    body = {"model": "healthy", "messages": [{"role": "user", "content": "hi"}]}
    await client.send(_post("healthy", json.dumps(body).encode()))
    assert (await client.answer()).json["choices"][0]["message"]["content"] == "hello"
    await client.close()


def _agrees(outcome: Outcome, verdict: Verdict) -> bool:
    """Whether the log says of a request what its client saw."""
    if outcome.status != verdict.status or outcome.disconnect is not None:
        return False
    if verdict.words is None:
        return outcome.error_source is not None and outcome.error_code is not None
    whole = outcome.error_code is None and outcome.attempts[-1].result is Result.OK
    return whole and outcome.usage == Usage(PROMPT_TOKENS, verdict.words)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts files in /proc")
def test_nothing_leaks_and_nothing_is_made_up(caplog: pytest.LogCaptureFixture) -> None:
    storm, logs, failures = uvloop.run(_storm())
    assert {"whole", "whole stream", "broken stream", "upstream 502", "upstream 504"} <= set(storm.got)
    for request_id, verdict in storm.answers.items():
        assert _agrees(storm.outcomes[request_id], verdict), (verdict, storm.outcomes[request_id])
    for outcome in storm.outcomes.values():
        assert (outcome.status == 499) == (outcome.disconnect is not None)
    assert failures == []
    assert [entry for entry in logs if entry["log_level"] in ("error", "critical")] == []
    assert [record for record in caplog.records if record.name.startswith(("uvicorn", "asyncio"))] == []
