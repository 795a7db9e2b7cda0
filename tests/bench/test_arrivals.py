from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pointsman.bench import canned
from pointsman.bench.arrivals import Plan, run
from tests.bench.servers import upstream

FULL = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\nretry-after: 2\r\n\r\n"
UNADVISED = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(canned.completion()), canned.completion())


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[str]:
    """A server that answers each request so, closes the connection (b""), or says nothing (None)."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            while await reader.readuntil(b'"top_p":0.9}'):
                if answer:
                    writer.write(answer)
                elif answer == b"":
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for writer in writers:
            writer.close()


def plan(url: str, **changes: object) -> Plan:
    given = {"rate": 500.0, "seconds": 0.3, "warm": 0.1, "connections": 50, "patience": 10.0, **changes}
    return Plan(url, {}, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("fresh", [False, True])
async def test_every_request_that_was_due_is_served(fresh: bool) -> None:
    async with upstream() as url:
        offered = await run(plan(url, fresh=fresh, connections=1000))
    assert offered.served.count == offered.due > 0
    assert offered.heard.count == offered.due
    assert 0 < offered.heard.p50 <= offered.heard.p99 <= offered.served.longest
    assert offered.goodput > 0
    assert (offered.unsent, offered.given_up, offered.broken, offered.refused) == (0, 0, 0, {})


async def test_requests_come_in_bursts() -> None:
    async with upstream() as url:
        offered = await run(plan(url, burst=20, connections=1000))
    assert offered.served.count == offered.due > 0
    assert offered.due % 20 == 0
    assert offered.connections >= 20


@pytest.mark.parametrize(("answer", "status", "unadvised"), [(FULL, "429", False), (UNADVISED, "503", True)])
async def test_refusals_are_told_apart(answer: bytes, status: str, unadvised: bool) -> None:
    async with answering(answer) as url:
        offered = await run(plan(url, connections=1000))
    assert list(offered.refused) == [status]
    assert offered.refused[status].count == offered.due
    assert offered.without_advice == (offered.due if unadvised else 0)
    assert (offered.goodput, offered.served.count) == (0, 0)


async def test_who_waits_too_long_gives_up_and_who_finds_no_connection_asks_in_vain() -> None:
    """Arrivals do not wait for answers."""
    async with answering(None) as url:
        offered = await run(plan(url, connections=5, patience=0.2))
    assert offered.connections == 5
    assert offered.unsent > 0
    assert offered.given_up > 0
    assert offered.unsent + offered.given_up == offered.due
    assert offered.broken == 0


async def test_a_connection_that_breaks_is_counted() -> None:
    async with answering(b"") as url:
        offered = await run(plan(url, connections=1000))
    assert offered.broken == offered.due > 0


async def test_an_answer_that_should_not_be_is_shown() -> None:
    async with answering(GOOD.replace(b"200 OK", b"500 Oh")) as url:
        offered = await run(plan(url, connections=1000))
    assert offered.example.startswith("HTTP/1.1 500 Oh")
    assert offered.broken == offered.due


async def test_nobody_there() -> None:
    offered = await run(plan("http://127.0.0.1:9"))
    assert offered.broken == offered.due > 0
