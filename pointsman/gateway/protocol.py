"""uvicorn's HTTP/1.1 protocol, adapted to the gateway."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pointsman.gateway.wire.reply import CUT

MAX_HEAD = 64 * 1024
"""Bytes of a request's line and headers."""

PATIENCE = 60.0
"""Seconds within which some byte of a request must come until all have."""


class _HeadWithBody:
    """The transport of one response: its head waits for the first of its body, for one packet instead of two."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self.write = self._hold

    def _hold(self, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1 100 "):
            self._transport.write(data)
        else:
            self._head, self.write = data, self._join

    def _join(self, data: bytes) -> None:
        self.write = self._transport.write
        self._transport.writelines([self._head, data])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Protocol(HttpToolsProtocol):
    """With bounds that uvicorn leaves out: the size of a request's head, and the time that its bytes may take."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head: int | None = None  # bytes so far of a head that has begun, without its first piece
        self._heard = self.loop.time()
        self._unsent = 0  # bytes of answers when the keep-alive time was last over

    def data_received(self, data: bytes) -> None:
        self._heard = self.loop.time()
        begun = self._head is not None
        super().data_received(data)
        if begun and self._head is not None:
            self._head += len(data)
            if self._head > MAX_HEAD and not self.transport.is_closing():
                self.send_400_response(f"The request's line and headers are larger than {MAX_HEAD} bytes.")

    def close_if_late(self) -> None:
        cycle = self.cycle  # None before the first request
        uploading = cycle is None or (cycle.more_body and not cycle.response_complete)
        if (uploading or self._head is not None) and self.loop.time() - self._heard > PATIENCE:
            self.transport.close()

    def timeout_keep_alive_handler(self) -> None:
        """`close` waits until the client has read everything, which one that has stopped to never does."""
        unsent, before = self.transport.get_write_buffer_size(), self._unsent
        self._unsent = unsent
        if unsent == 0:
            super().timeout_keep_alive_handler()
        elif unsent == before:
            self.transport.abort()
        else:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_message_begin(self) -> None:
        self._head = 0
        super().on_message_begin()
        self.scope["extensions"] = {CUT: {"abort": self.transport.abort}}

    def on_headers_complete(self) -> None:
        self._head = None
        super().on_headers_complete()
        if self.cycle is not None and self.scope["method"] != "HEAD":  # the answer to HEAD has no body to wait for
            self.cycle.transport = cast(asyncio.Transport, _HeadWithBody(self.cycle.transport))
