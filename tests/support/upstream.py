"""A scripted upstream on a raw socket: it says exactly the bytes that a test wants, and sees what came."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, MutableSequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Exchange:
    """One request at the upstream and the means to answer it, well or badly."""

    def __init__(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = request
        self._reader = reader
        self.writer = writer
        self.keep_alive = True

    async def send(self, data: bytes | str) -> None:
        if self.writer.is_closing():
            raise ConnectionResetError
        self.writer.write(data.encode() if isinstance(data, str) else data)
        await self.writer.drain()

    async def respond(self, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"content-type": "application/json", "content-length": str(len(data)), **(headers or {})}
        await self.send(head(status, fields) + data)

    async def start_events(self, headers: dict[str, str] | None = None) -> None:
        fields = {"content-type": "text/event-stream", "transfer-encoding": "chunked", **(headers or {})}
        await self.send(head(200, fields))

    async def chunk(self, data: bytes | str) -> None:
        data = data.encode() if isinstance(data, str) else data
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def event(self, data: Any) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        await self.chunk(f"data: {text}\n\n")

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    def close(self) -> None:
        self.keep_alive = False
        self.writer.close()

    def reset(self) -> None:
        """RST instead of FIN."""
        self.keep_alive = False
        if self.writer.is_closing():
            return
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def gone(self) -> None:
        """Until the gateway has closed its side."""
        while await self._reader.read(65536):
            pass


Script = Callable[[Exchange], Awaitable[None]]


def head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


@dataclass
class ScriptedUpstream:
    """`turn_away` is what happens to connections before they say anything, instead of the script."""

    script: Script
    requests: MutableSequence[Request] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    turn_away: Callable[[Exchange], None] | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    @property
    def last(self) -> Request:
        return self.requests[-1]

    async def listen(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        """Where it listened before, if it did."""
        port = int(self.url.rsplit(":", 1)[1]) if self.url else 0
        self._server = await asyncio.start_server(self._connected, host, port, ssl=tls)
        self.url = f"http://{host}:{self._server.sockets[0].getsockname()[1]}"

    async def refuse(self) -> None:
        """New connections are refused; open ones stay."""
        assert self._server is not None
        self._server.close()
        host, port = self.url.removeprefix("http://").split(":")
        for _ in range(1000):  # event loops close sockets when they come to it
            if not await _can_connect(host, int(port)):
                return
        raise AssertionError("it still listens")

    def hang_up(self) -> None:
        """On everyone, whatever they wait for."""
        for task in list(self._open):
            task.cancel()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        running = list(self._open)
        self.hang_up()
        await asyncio.gather(*running, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._open.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.turn_away is not None:
            self.turn_away(Exchange(Request("", "", {}, b""), reader, writer))
            return
        while request := await _read(reader):
            self.requests.append(request)
            exchange = Exchange(request, reader, writer)
            await self.script(exchange)
            if not exchange.keep_alive:
                break


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        start = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = start.rstrip().split("\r\n")
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
    method, target, _ = first.split(" ")
    body = b""
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    return Request(method, target, headers, body)


@asynccontextmanager
async def scripted(script: Script, host: str = "127.0.0.1") -> AsyncIterator[ScriptedUpstream]:
    upstream = ScriptedUpstream(script)
    await upstream.listen(host)
    try:
        yield upstream
    finally:
        await upstream.stop()


async def _can_connect(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except ConnectionError:
        return False
    writer.transport.abort()
    return True


def completion(text: str = "hello", **extra: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "served",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        **extra,
    }


def chunk(text: str | None = None, finish: str | None = None, **extra: Any) -> dict[str, Any]:
    delta = {} if text is None else {"content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "served",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **extra,
    }


USAGE_CHUNK = chunk() | {
    "choices": [],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


async def answer_hello(exchange: Exchange) -> None:
    """What a well-behaved vLLM says, streaming or not."""
    body = json.loads(exchange.request.body or b"{}")
    if not body.get("stream"):
        await exchange.respond(completion())
        return
    await exchange.start_events()
    for text in ("hel", "lo"):
        await exchange.event(chunk(text))
    await exchange.event(chunk(finish="stop"))
    if (body.get("stream_options") or {}).get("include_usage"):
        await exchange.event(USAGE_CHUNK)
    await exchange.event("[DONE]")
    await exchange.end()
