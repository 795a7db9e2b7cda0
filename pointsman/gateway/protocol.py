"""uvicorn's HTTP/1.1 protocol, adapted to the gateway."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from pointsman.gateway.wire.reply import CUT

MAX_HEAD = 64 * 1024
"""Bytes of a request's line and headers."""

PATIENCE = 60.0
"""Seconds within which some byte of a request must come until all have."""


class Cycle(RequestResponseCycle):
    """uvicorn's request and response, with one packet for an answer's head and the first of its body, and one pass
    over the headers: they come from a parser or are our own, so that all that is checked is that none has two lines."""

    _head = b""  # until something of the body is there

    async def send(self, message: ASGISendEvent) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            self._begin(message["status"], message.get("headers", ()))
        else:
            assert not self.response_complete
            assert message["type"] == "http.response.body"  # the alternative to a start
            self._go_on(message.get("body", b""), message.get("more_body", False))

    def _begin(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.response_started, self.waiting_for_100_continue = True, False
        lines = [STATUS_LINE[status]]
        for name, value in (*self.default_headers, *headers):
            if name == b"content-length":
                self.chunked_encoding, self.expected_content_length = False, int(value)
            lines.append(b"%b: %b\r\n" % (name, value))
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in (204, 304):
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            raise RuntimeError("a header of the answer has a line break in it")
        self._head = head + b"\r\n"

    def _go_on(self, body: bytes, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            body, self.expected_content_length = b"", 0
        elif self.chunked_encoding:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or (self.expected_content_length and not more):
                raise RuntimeError("an answer and its content-length differ")
        if self._head:
            body, self._head = self._head + body, b""
        if body:
            self.transport.write(body)
        if not more:
            self._complete()

    def _complete(self) -> None:
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


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
        if self.cycle is not None:
            self.cycle.__class__ = Cycle  # uvicorn has no place to name another; nothing of it has run yet
