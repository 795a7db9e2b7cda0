"""One HTTP request and its answer over ASGI, with the two ends that ASGI has no word for: close and reset."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import orjson
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope

from pointsman.gateway.sim.errors import EndedError, SimError

MAX_BODY = 64 * 1024**2
_JSON = b"application/json"
_STREAM = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
_LINGER_NOT = struct.pack("ii", 1, 0)  # SO_LINGER on with zero seconds: close sends RST


class Exchange:
    def __init__(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self.method, self.path = scope["method"], scope["path"]
        self._scope, self._receive, self._send = scope, receive, send
        self.gone = asyncio.Event()
        self.started = False

    @cached_property
    def headers(self) -> Mapping[str, str]:
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self._scope["headers"]}

    async def body(self) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.gone.set()
                raise EndedError("The client went away before its request was complete.")
            if message["type"] != "http.request":
                continue
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > MAX_BODY:
                raise SimError(413, f"The body is larger than {MAX_BODY} bytes.")
            if not message.get("more_body"):
                return b"".join(chunks)

    def watch(self, when_gone: Callable[[], None]) -> asyncio.Task[None]:
        """Call back when the client goes away. Only after the body was read."""
        return asyncio.ensure_future(self._watch(when_gone))

    async def _watch(self, when_gone: Callable[[], None]) -> None:
        await self._lost()
        when_gone()

    async def _lost(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone.set()

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def start_stream(self) -> None:
        await self.start(200, _STREAM)

    async def write(self, data: bytes, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def answer(
        self,
        body: bytes,
        status: int = 200,
        kind: bytes = _JSON,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        extra = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        await self.start(status, [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *extra])
        await self.write(body, more=False)

    async def json(self, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        await self.answer(orjson.dumps(value), status, headers=headers)

    async def pause(self, seconds: float | None) -> None:
        """Do nothing for a while, or for as long as the client stays."""
        try:
            async with asyncio.timeout(seconds):
                await self.gone.wait()
        except TimeoutError:
            return
        raise EndedError("The client went away.")

    async def close(self) -> None:
        """End the connection after what was written, whatever is missing."""
        self._transport.close()
        await self._lost()

    async def reset(self) -> None:
        """End the connection with a TCP reset."""
        # The loop's own socket object may not allow options; a duplicate shares the connection.
        with socket.socket(fileno=os.dup(self._transport.get_extra_info("socket").fileno())) as duplicate:
            duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._transport.abort()
        await self._lost()

    @property
    def _transport(self) -> asyncio.Transport:
        transport: asyncio.Transport = self._scope["state"]["transport"]
        return transport
