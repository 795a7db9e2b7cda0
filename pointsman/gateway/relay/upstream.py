"""The client side of the relay: one connection pool for all endpoints, raw bytes both ways."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from pointsman.gateway.errors import UpstreamError, UpstreamTimeout

# vLLM's server (uvicorn) closes idle connections after 5 s; ours must let go of them first.
_KEEPALIVE = 4.0
# A kernel's buffers hide a slow reader for megabytes; this bounds what is in flight per stream.
_RECEIVE_BUFFER = 256 * 1024
_READ_BUFFER = 64 * 1024
# aiohttp writes larger bytes in one go and warns about it; a file is written in slices.
_WRITE_SLICE = 512 * 1024
_DRAIN = 0.5

Failure = (aiohttp.ClientError, OSError, asyncio.TimeoutError)


class ConnectionFailed(UpstreamError):
    """The attempt ended without an answer, or in the middle of it."""

    def __init__(self, message: str, *, connected: bool = True) -> None:
        super().__init__(message)
        self.connected = connected


def _socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol = address[:3]
    sock = socket.socket(family, kind, protocol)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    return sock


def explain_failure(error: BaseException) -> UpstreamError:
    """Never the upstream's address: the message goes to clients. The decision log names the endpoint."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return UpstreamTimeout("The upstream did not accept the connection in time (timeouts.connect).")
        case aiohttp.ClientConnectorDNSError():
            return ConnectionFailed("The upstream's host name could not be resolved.", connected=False)
        case aiohttp.ClientConnectorError():
            return ConnectionFailed("The upstream refused the connection.", connected=False)
        case aiohttp.ServerDisconnectedError():
            return ConnectionFailed("The upstream closed the connection without an answer.")
        case aiohttp.ClientPayloadError() | aiohttp.ClientConnectionError() | OSError():
            return ConnectionFailed("The connection to the upstream broke before the answer was complete.")
        case _:
            return ConnectionFailed("The upstream did not answer in valid HTTP.")


@lru_cache(maxsize=4096)
def _url(base: str, path: str) -> URL:
    return URL(f"{base}/v1{path}", encoded=True)


class Answer:
    """An upstream's status and headers; its body is still on the way."""

    __slots__ = ("_response", "headers", "media", "status")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = response.headers
        self.media = response.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def encoded(self) -> bool:
        return self.headers.get("content-encoding", "identity").lower() not in ("identity", "")

    async def read_some(self) -> bytes:
        """What has arrived, at least a byte; b"" at the end. ConnectionFailed once all that came was read."""
        content = self._response.content
        try:
            return await content.readany()
        except Failure as error:
            # aiohttp refuses to give out what it had buffered when the connection broke (set_exception comes
            # before the reader); those are whole events that the client is owed.
            if content._buffer:
                return content._read_nowait(-1)
            raise explain_failure(error) from error

    async def read_up_to(self, limit: int) -> tuple[bytes, bool]:
        """The body, and whether that was all of it."""
        chunks: list[bytes] = []
        size = 0
        while size <= limit:
            chunk = await self.read_some()
            if not chunk:
                return b"".join(chunks), True
            chunks.append(chunk)
            size += len(chunk)
        return b"".join(chunks), False

    async def drain(self) -> None:
        """Let the connection serve the next request if the little that is left comes at once."""
        content = self._response.content
        if content.at_eof():
            return
        try:
            async with asyncio.timeout(_DRAIN):
                while not content.at_eof():
                    await content.readany()
        except Failure:
            self.close()

    def close(self) -> None:
        """Without effect after a whole body; else the upstream sees us leave and stops its work."""
        self._response.close()


class Upstream:
    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # pools limit what is in flight
                keepalive_timeout=_KEEPALIVE,
                ttl_dns_cache=10,
                socket_factory=_socket,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
            read_bufsize=_READ_BUFFER,
            max_line_size=32 * 1024,
            max_field_size=32 * 1024,
        )
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}

    async def open(
        self,
        method: str,
        base: str,
        path: str,
        headers: CIMultiDict[str],
        body: bytes | AsyncIterable[bytes],
        connect_timeout: float,
    ) -> Answer:
        """Send a request and wait for the answer's headers. `path` is below /v1 and may carry a query.

        Raises ConnectionFailed, or UpstreamTimeout if connecting took too long."""
        data: Any = io.BytesIO(body) if isinstance(body, bytes) and len(body) > _WRITE_SLICE else body
        try:
            response = await self._session.request(
                method,
                _url(base, path),
                data=data if data != b"" else None,
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout(connect_timeout),
            )
        except Failure as error:
            raise explain_failure(error) from error
        return Answer(response)

    async def close(self) -> None:
        await self._session.close()

    def _timeout(self, connect: float) -> aiohttp.ClientTimeout:
        if connect not in self._timeouts:
            self._timeouts[connect] = aiohttp.ClientTimeout(total=None, sock_connect=connect)
        return self._timeouts[connect]


_HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
    "te", "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip
_NOT_UPSTREAM = _HOP_BY_HOP | {
    # replaced by ours, about the client's connection, or the client's own credentials
    "host", "content-length", "content-encoding", "accept-encoding", "authorization", "x-api-key", "api-key",
    "cookie", "origin", "referer", "expect", "x-request-id",
}  # fmt: skip
_NOT_DOWNSTREAM = _HOP_BY_HOP | {
    "content-length", "date", "server", "set-cookie", "alt-svc", "strict-transport-security", "x-request-id",
    "endpoint-load-metrics",
}  # fmt: skip


def upstream_headers(headers: Mapping[str, str], credentials: Mapping[str, str], request_id: str) -> CIMultiDict[str]:
    """The client's headers without hop-by-hop ones and credentials; the pool's own credentials instead."""
    named = headers.get("connection", "").lower()
    sent = CIMultiDict(
        (name, value)
        for name, value in headers.items()
        if name not in _NOT_UPSTREAM and not name.startswith("x-pointsman-") and (not named or name not in named)
    )
    sent.update(credentials)
    sent["accept-encoding"] = "identity"  # so that events and usage can be read; nothing is re-encoded
    sent["x-request-id"] = request_id
    return sent


def downstream_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    kept = []
    for name, value in headers:
        lower = name.lower()
        if lower == "x-request-id":
            kept.append((b"x-upstream-request-id", value.encode("latin-1", "replace")))
        elif lower not in _NOT_DOWNSTREAM and not lower.startswith(("access-control-", "x-pointsman-")):
            kept.append((lower.encode("latin-1", "replace"), value.encode("latin-1", "replace")))
    return kept
