"""The answer to one client. Nothing is promised until `start`: that is the commit point."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pointsman.gateway.wire.inbound import Send

Headers = list[tuple[bytes, bytes]]

EVENT_STREAM: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
JSON: Headers = [(b"content-type", b"application/json")]


class Reply:
    """`extra` gives the headers that every answer carries, at the moment it starts."""

    __slots__ = ("_extra", "_send", "finished", "started", "status")

    def __init__(self, send: Send, extra: Callable[[], Headers]) -> None:
        self._send = send
        self._extra = extra
        self.started = False
        self.finished = False
        self.status = 0

    async def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.started, self.status = True, status
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, *self._extra()]})

    async def write(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        self.finished = True
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        await self.start(status, [*headers, (b"content-length", b"%d" % len(body))])
        await self.end(body)
