"""The answer to one client. Nothing is promised until `start`: that is the commit point."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pointsman.gateway.wire.inbound import Message, Send

Headers = list[tuple[bytes, bytes]]

CUT = "pointsman.cut"
"""The ASGI extension that drops a connection with all that was not sent yet; a server's own end of an answer that is
not complete waits until the client has read everything."""

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
        self._extra: Callable[[], Headers] | None = extra
        self.started = False
        self.finished = False
        self.status = 0

    def tap(self, add: Callable[[bytes], None]) -> None:
        """Tell `add` the body's bytes, too, as the client gets them."""
        send = self._send

        async def tapped(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.body":
                add(message["body"])

        self._send = tapped

    async def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        assert self._extra is not None
        extra, self._extra = self._extra(), None  # whoever gives it holds this reply: no cycle is left to the collector
        self.started, self.status = True, status
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, *extra]})

    async def write(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": False})
        self.finished = True

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        await self.start(status, [*headers, (b"content-length", b"%d" % len(body))])
        await self.end(body)
