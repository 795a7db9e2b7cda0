"""A body that goes upstream as it comes: files, audio, whatever only its pool understands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from pointsman.gateway.errors import ClientDisconnected
from pointsman.gateway.wire.inbound import Message, Receive, check_length, too_large


class Upload:
    """Can be read once. `limit` in bytes; PayloadTooLarge as soon as it is sure to be passed."""

    def __init__(self, receive: Receive, headers: Mapping[str, str], limit: int) -> None:
        check_length(headers, limit)
        self._receive = receive
        self._limit = limit
        self._settled = asyncio.Event()
        self.headers = {name: headers[name] for name in ("content-length", "content-encoding") if name in headers}
        self.begun = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, more = 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnected("The client left while it was sending its request.")
            self.begun = True
            part, more = message.get("body", b""), message.get("more_body", False)
            size += len(part)
            if size > self._limit:
                raise too_large(self._limit)
            yield part
        self.settle()

    def settle(self) -> None:
        """Nobody will read on: all was sent, or the upstream answered before it was."""
        self._settled.set()

    async def receive(self) -> Message:
        """For whoever waits for the client to leave, without taking the body's parts away."""
        await self._settled.wait()
        return await self._receive()
