"""One HTTP/1.1 connection to an upstream (RFC 9112), parsed by llhttp.

A general client library costs more than everything else that the gateway does with a request, and keeps a
stream's last events to itself when a connection breaks. This one does what a relay needs and nothing more:
bytes as they arrive, back-pressure in both directions, and an exact answer to whether a response began."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterable
from functools import lru_cache
from typing import Self, cast

import httptools

MAX_HEAD = 64 * 1024
"""Bytes of a status line and headers."""

# What may wait for the reader before the socket is left alone, so that a slow client slows its upstream.
_HIGH_WATER = 64 * 1024
# A kernel's buffers hide a slow reader for megabytes; this bounds what is in flight per connection.
_RECEIVE_BUFFER = 256 * 1024


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # reads hundreds of certificates


class ConnectionBroken(Exception):
    """The peer closed or reset the connection, or did not speak HTTP. `began`: some of the response had come."""

    def __init__(self, reason: str, began: bool) -> None:
        super().__init__(reason)
        self.began = began


class Connection(asyncio.Protocol):
    """Serves one request after the other: `send`, then `read` until b"", then it is free again."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._reader: asyncio.Future[None] | None = None  # who waits for something to arrive
        self._writer: asyncio.Future[None] | None = None  # who waits for room to write
        self._writable = True
        self._error: ConnectionBroken | None = None
        self.idle_since = 0.0
        self._reset("")

    def _reset(self, method: str) -> None:
        self._no_body = method == "HEAD"
        self._chunks: list[bytes] = []
        self._waiting = 0  # bytes in _chunks
        self._head_size = 0
        self._sent = False  # the whole request
        self._framed = False  # the message says where it ends
        self._more = False  # another message came after it, which nobody asked for
        self._keep_alive = False
        self._paused = False
        self.began = False
        self.head_complete = False
        self.complete = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []

    # For the client

    @classmethod
    async def open(cls, host: str, port: int, tls: str | None) -> Self:
        """With TLS if there is a name that the certificate must have."""
        loop = asyncio.get_running_loop()
        connection = cls(loop)
        try:
            context = _tls() if tls else None
            await loop.create_connection(lambda: connection, host, port, ssl=context, server_hostname=tls)
        except asyncio.CancelledError:
            connection.abort()  # it may have been made in the same turn of the loop
            raise
        return connection

    @property
    def alive(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def send(self, method: str, head: bytes, body: bytes | AsyncIterable[bytes]) -> None:
        """Send a request and wait for the response's head. ConnectionBroken if there is none."""
        self._reset(method)
        transport = self._transport
        if transport is None:
            raise self._error or ConnectionBroken("closed", False)
        if isinstance(body, bytes):
            transport.write(head + body)
            self._sent = True
        else:
            transport.write(head)
            self._sent = await self._send_parts(transport, body)
        while not self.head_complete:
            await self._arrival()

    async def _send_parts(self, transport: asyncio.Transport, parts: AsyncIterable[bytes]) -> bool:
        """Whether all was sent."""
        async for part in parts:
            if self.head_complete or self._error is not None:
                return False  # answered already, most likely refused; or gone
            if part:
                transport.write(part)
            if not self._writable:
                self._writer = self._loop.create_future()
                await self._writer
        return True

    async def read(self) -> bytes:
        """What has arrived of the body, at least a byte; b"" at its end. ConnectionBroken after all that came."""
        while not self._chunks:
            if self.complete:
                return b""
            await self._arrival()
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._chunks, self._waiting = [], 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return data

    @property
    def reusable(self) -> bool:
        usable = self._sent and self.complete and self._framed and self._keep_alive and not self._more
        return usable and not self._chunks and self.alive

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _arrival(self) -> None:
        if self._error is not None:
            raise self._error
        self._reader = self._loop.create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    # For the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)

    def data_received(self, data: bytes) -> None:
        if self.complete:  # nothing was asked: whoever speaks now cannot be trusted with the next request
            self.abort()
            return
        self.began = True
        if not self.head_complete:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break("it does not speak HTTP/1.1")
            return
        if not self.head_complete and self._head_size > MAX_HEAD:
            self._break("its headers are too long")
        elif self._waiting > _HIGH_WATER and not self._paused and not self.complete and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._error is None:
            if self.head_complete and not self._framed and error is None:
                self.complete = True  # a body without a length ends with the connection
            self._error = ConnectionBroken("reset" if error else "closed", self.began)
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    def _break(self, reason: str) -> None:
        self._error = ConnectionBroken(reason, self.began)
        self.abort()
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    # For the parser

    def on_message_begin(self) -> None:
        self._more = self.complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head_complete:  # a trailer, or none of ours
            return
        name = name.lower()
        if name in (b"content-length", b"transfer-encoding"):
            self._framed = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._more:
            return
        self.status = self._parser.get_status_code()
        if 100 <= self.status < 200:  # informational: the response is still to come
            self.headers, self._framed = [], False
            return
        self.head_complete = True
        # llhttp does not know what was asked, and would wait for the body that a HEAD's answer announces
        self._keep_alive = self._parser.should_keep_alive() and not self._no_body
        if self._no_body or self.status in (204, 304):
            self._framed = self.complete = True

    def on_body(self, data: bytes) -> None:
        if self.complete:
            return
        self._chunks.append(data)
        self._waiting += len(data)

    def on_message_complete(self) -> None:
        if self.head_complete:
            self.complete = True
