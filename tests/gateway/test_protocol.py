"""What a client can do to the server itself, on raw sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest
import yaml

from pointsman.gateway import protocol
from pointsman.gateway import server as server_module
from pointsman.gateway.app import Gateway
from pointsman.gateway.config import load
from pointsman.gateway.server import Server, listen
from tests.support.gateway import config, pool
from tests.support.upstream import chunk, completion, scripted

HEALTH = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n"
BODY = b'{"model": "auto", "stream": true, "messages": [{"role": "user", "content": "hi"}]}'
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(BODY)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def served(tmp_path: Path, upstream: str = "http://127.0.0.1:9") -> AsyncIterator[tuple[Server, int]]:
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(config({"small": pool(upstream)}, server={"drain": "1s"})))
    server = Server(Gateway(load(path), path))
    with closing(listen("127.0.0.1", 0)) as sock:
        async with server.open(sock):
            yield server, sock.getsockname()[1]


async def answered(streams: Streams) -> bytes:
    """A whole answer to HEALTH."""
    reader, _ = streams
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readuntil(b"}")


async def test_a_head_without_end_is_refused(tmp_path: Path) -> None:
    async with served(tmp_path) as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEALTH)
        with suppress(ConnectionError):  # closed before it has read everything: its answer may be lost
            for _ in range(1000):
                writer.write(b"x-filler: " + b"x" * 8192 + b"\r\n")
                await writer.drain()
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 400 ")
        assert not server.server_state.connections
        writer.close()


async def test_large_headers_below_the_bound_are_served(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, port):
        streams = await asyncio.open_connection("127.0.0.1", port)
        streams[1].write(HEALTH + b"x-filler: " + b"x" * 32_000 + b"\r\n\r\n")
        assert (await answered(streams)).startswith(b"HTTP/1.1 200 ")
        streams[1].close()


@pytest.mark.parametrize("sent", [b"", HEALTH, HEALTH + b"\r\n" + HEALTH, POST + BODY[:10]])
async def test_a_client_that_stops_sending_is_let_go(
    tmp_path: Path, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(tmp_path) as (server, port):
        streams = await asyncio.open_connection("127.0.0.1", port)
        streams[1].write(sent)
        if sent.count(HEALTH) == 2:
            await answered(streams)
        await _arrived(server)
        server.close_late()
        assert not streams[0].at_eof()
        monkeypatch.setattr(protocol, "PATIENCE", -1.0)
        server.close_late()
        assert await streams[0].read() == b""
        streams[1].close()


async def _arrived(server: Server) -> None:
    """Another connection's answer comes after everything that was sent before it."""
    (sock,) = server.servers[0].sockets
    other = await asyncio.open_connection(*sock.getsockname())
    other[1].write(HEALTH + b"\r\n")
    await answered(other)
    other[1].close()
    await other[1].wait_closed()


async def test_who_waits_for_us_is_not_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle connection has its own limit, and a running request those of its pool."""
    resume = asyncio.Event()

    async def script(x) -> None:  # type: ignore[no-untyped-def]
        await x.start_events()
        await x.event(chunk("first"))
        await resume.wait()
        await x.event("[DONE]")
        await x.end()

    monkeypatch.setattr(protocol, "PATIENCE", -1.0)
    async with scripted(script) as up, served(tmp_path, up.url) as (server, port):
        idle = await asyncio.open_connection("127.0.0.1", port)
        idle[1].write(HEALTH + b"\r\n")
        await answered(idle)
        stream = await asyncio.open_connection("127.0.0.1", port)
        stream[1].write(POST.replace(b"\r\n\r\n", b"\r\ncontent-type: application/json\r\n\r\n") + BODY)
        await stream[0].readuntil(b"first")
        server.close_late()
        resume.set()
        await stream[0].readuntil(b"[DONE]")
        idle[1].write(HEALTH + b"\r\n")
        assert (await answered(idle)).startswith(b"HTTP/1.1 200 ")
        idle[1].close()
        stream[1].close()


@pytest.mark.parametrize("reads", [False, True], ids=["not at all", "slowly"])
async def test_who_does_not_read_is_let_go_but_not_who_is_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: bool
) -> None:
    """An answer far larger than what the kernels hold of it is complete for us, and not for its client."""
    monkeypatch.setattr(server_module, "_KEEP_ALIVE", 0.3)
    answer = json.dumps(completion("x" * 6_000_000)).encode()

    async def script(x) -> None:  # type: ignore[no-untyped-def]
        await x.respond(answer)

    async with scripted(script) as up, served(tmp_path, up.url) as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1000)
        head = POST.replace(b"\r\n\r\n", b"\r\ncontent-type: application/json\r\n\r\n")
        writer.write(head + BODY.replace(b"true", b"null"))
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(60 * reads):
            await reader.readexactly(len(answer) // 60)
            await asyncio.sleep(0.01)  # in all, several keep-alive times
        await reader.readexactly(len(answer) % 60 * reads)
        for _ in range(1000):
            if not server.server_state.connections:
                break
            await asyncio.sleep(0.01)
        assert not server.server_state.connections
        writer.close()
