"""Both bare relays pass on the same bytes, so that their figures can be compared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pointsman.bench import canned
from pointsman.bench.own_relay import OwnRelay
from pointsman.bench.relay import AiohttpRelay, BareRelay
from tests.bench.servers import upstream

Build = Callable[[str], BareRelay]
BOTH = pytest.mark.parametrize("build", [AiohttpRelay, OwnRelay])


class Client:
    """Says what a server would say to an ASGI application."""

    def __init__(self, relay: BareRelay) -> None:
        self._relay = relay

    async def ask(self, *parts: bytes, method: str = "POST") -> list[dict[str, Any]]:
        waiting = [
            {"type": "http.request", "body": part, "more_body": number < len(parts)}
            for number, part in enumerate(parts, 1)
        ]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return waiting.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        async with asyncio.timeout(10):
            await self._relay({"type": "http", "method": method}, receive, send)
        return sent


@asynccontextmanager
async def relaying(build: Build) -> AsyncIterator[Client]:
    """With its lifespan, as under a server."""
    async with upstream() as url:
        relay = build(url)
        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        lifespan = asyncio.ensure_future(relay({"type": "lifespan"}, inbox.get, outbox.put))
        await inbox.put({"type": "lifespan.startup"})
        assert (await outbox.get())["type"] == "lifespan.startup.complete"
        yield Client(relay)
        await inbox.put({"type": "lifespan.shutdown"})
        assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
        await lifespan


@BOTH
async def test_a_completion(build: Build) -> None:
    request = canned.request_body()
    async with relaying(build) as client:
        start, body = await client.ask(request[:30], request[30:])
    assert (start["status"], dict(start["headers"])[b"content-type"]) == (200, b"application/json")
    assert body["body"] == canned.completion()


@BOTH
async def test_a_stream_byte_for_byte(build: Build) -> None:
    async with relaying(build) as client:
        start, *pieces, end = await client.ask(canned.stream_body(20, 3, "s0"))
        again = await client.ask(canned.stream_body(1, 1, "s0"))
    assert start["headers"][0][1].startswith(b"text/event-stream")
    assert b"".join(piece["body"] for piece in pieces) == canned.whole_stream(20)
    assert all(piece["more_body"] for piece in pieces)
    assert (end["body"], end.get("more_body", False)) == (b"", False)
    assert b"".join(piece["body"] for piece in again[1:]) == canned.whole_stream(1)


@BOTH
async def test_it_answers_who_waits_for_it(build: Build) -> None:
    async with relaying(build) as client:
        start, body = await client.ask(b"", method="GET")
    assert (start["status"], body["body"]) == (200, b"{}")
