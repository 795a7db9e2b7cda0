"""An answer that is kept until it is clear whether the client gets it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.watch import Watch
from pointsman.gateway.wire.reply import Headers, Reply

HELD = 8 * 1024**2
"""Bytes of a stream; an answer in one piece has its own limit."""


def _as_it_is(data: bytes) -> bytes:
    return data


class Capture(Reply):
    """In the place of `reply`. What grows beyond `limit` goes through: from then on the client has it.

    `clean` makes of whole events, or of a whole answer, what the client gets: not of the pieces of a long one.
    `opened` is told right before the client is sent something."""

    __slots__ = ("_headers", "_limit", "_opened", "_parts", "_reply", "_size", "_stream", "clean", "through")

    def __init__(
        self,
        reply: Reply,
        stream: bool,
        limit: int = HELD,
        *,
        clean: Callable[[bytes], bytes] | None = None,
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._reply = reply
        self._stream = stream
        self._limit = limit
        self._opened = opened
        self._headers: Headers = []
        self._parts: list[bytes] = []
        self._size = 0
        self.clean = clean or _as_it_is
        self.started = False
        self.finished = False
        self.through = False
        self.status = 0

    @property
    def body(self) -> bytes:
        """As it came."""
        return b"".join(self._parts)

    async def start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.started, self.status, self._headers = True, status, list(headers)

    async def write(self, data: bytes) -> None:
        if self.through:
            await self._reply.write(self.clean(data))
            return
        self._parts.append(data)
        self._size += len(data)
        if self._size > self._limit:
            self.through = True
            self.clean = self.clean if self._stream else _as_it_is
            self._opened()
            await self._reply.start(self.status, self._headers)
            await self._replay()

    async def end(self, data: bytes = b"") -> None:
        if self.through:
            await self._reply.end(self.clean(data))
        elif data:
            self._parts.append(data)
        self.finished = True

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        await self.start(status, headers)
        await self.end(body)

    async def deliver(self, watch: Watch, journal: Journal) -> None:
        """To the client, who gets it as if it came just now: event by event, with nothing changed but `clean`."""
        watch.hold()
        if not self._stream or self.status >= 400:  # errors before the first event come in one piece
            await watch.finish(self._reply.whole(self.status, self._headers, self.clean(self.body)))
            return
        await self._reply.start(self.status, self._headers)
        journal.first_event = time.perf_counter()
        await self._replay()
        journal.last_event = time.perf_counter()
        await watch.finish(self._reply.end())

    async def _replay(self) -> None:
        for part in self._parts:
            await self._reply.write(self.clean(part))
        self._parts = []
