"""An upstream's answer without a network, and what a client is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from pointsman.gateway.relay.upstream import ConnectionFailed
from pointsman.gateway.wire.reply import Reply


class FakeAnswer:
    """`parts` are what single reads give; `broken` says how it ends."""

    def __init__(self, parts: Iterable[bytes], *, broken=False, status=200, media="text/event-stream", headers=()):
        self._parts = iter(parts)
        self._broken = broken
        self.status = status
        self.media = media
        self.headers = [(b"content-type", media.encode()), *headers]
        self.closed = False

    def header(self, name: bytes) -> str:
        return next((value.decode() for key, value in self.headers if key == name), "")

    @property
    def encoded(self) -> bool:
        return bool(self.header(b"content-encoding"))

    async def read_some(self) -> bytes:
        part = next(self._parts, b"")
        if not part and self._broken:
            raise ConnectionFailed("The connection to the upstream broke before the answer was complete.")
        return part

    async def read_up_to(self, limit: int) -> tuple[bytes, bool]:
        data = b""
        while len(data) <= limit:
            if not (part := await self.read_some()):
                return data, True
            data += part
        return data, False

    def close(self) -> None:
        self.closed = True


class Sent:
    """What an ASGI server was told."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: dict[bytes, bytes] = {}
        self.parts: list[bytes] = []
        self.ended = False
        self.stuck = False  # takes no byte of a body
        self.reply = Reply(self._send, list)

    async def _send(self, message) -> None:
        assert not self.ended
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            assert self.status is not None
            if self.stuck:
                await asyncio.Event().wait()
            self.parts.append(message["body"])
            self.ended = not message["more_body"]

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)
