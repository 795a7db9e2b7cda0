"""The client side of the relay: connections to all endpoints, raw bytes both ways."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from pointsman.gateway.errors import UpstreamError, UpstreamTimeout
from pointsman.gateway.relay.http1 import Connection, ConnectionBroken

# vLLM's server (uvicorn) closes idle connections after 5 s; ours must let go of them first.
_KEEPALIVE = 4.0
_DRAIN = 0.5


class ConnectionFailed(UpstreamError):
    """The attempt ended without an answer, or in the middle of it.

    The message never has the upstream's address: it goes to clients. The decision log names the endpoint."""

    def __init__(self, message: str, *, connected: bool = True) -> None:
        super().__init__(message)
        self.connected = connected


def _broken(error: ConnectionBroken) -> ConnectionFailed:
    if error.args[0] not in ("closed", "reset"):
        return ConnectionFailed(f"The upstream did not answer properly: {error}.")
    if not error.began:
        return ConnectionFailed("The upstream closed the connection without an answer.")
    return ConnectionFailed("The connection to the upstream broke before the answer was complete.")


def _unreachable(error: OSError) -> ConnectionFailed:
    match error:
        case socket.gaierror():
            return ConnectionFailed("The upstream's host name could not be resolved.", connected=False)
        case ssl.SSLError():
            return ConnectionFailed("The upstream's TLS handshake failed; is its certificate valid?", connected=False)
        case _:
            return ConnectionFailed("The upstream refused the connection.", connected=False)


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where an endpoint listens, and what a request to it says. One object per endpoint."""

    host: str
    port: int
    tls: bool
    prefix: str  # before the path
    authority: str  # of the Host header
    server_name: str  # for TLS


@lru_cache(maxsize=16384)
def _origin(base: str, authority: str) -> Origin:
    parts = urlsplit(base)
    assert parts.hostname is not None
    tls = parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    authority = authority or parts.netloc
    return Origin(parts.hostname, port, tls, parts.path, authority, urlsplit(f"//{authority}").hostname or "")


class Answer:
    """An upstream's status and headers; its body is still on the way."""

    __slots__ = ("_connection", "_origin", "_upstream", "encoded", "headers", "media", "status")

    def __init__(self, connection: Connection, upstream: Upstream, origin: Origin) -> None:
        self._connection: Connection | None = connection
        self._upstream = upstream
        self._origin = origin
        self.status = connection.status
        self.headers = connection.headers
        self.media = self.header(b"content-type").partition(";")[0].strip().lower()
        self.encoded = self.header(b"content-encoding").lower() not in ("identity", "")

    def header(self, name: bytes) -> str:
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return ""

    async def read_some(self) -> bytes:
        """What has arrived, at least a byte; b"" at the end. ConnectionFailed once all that came was read."""
        connection = self._connection
        if connection is None:
            return b""
        try:
            data = await connection.read()
        except ConnectionBroken as error:
            raise _broken(error) from error
        if not data:
            self._connection = None
            self._upstream.take_back(connection, self._origin)
        return data

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
        if self._connection is None:
            return
        try:
            async with asyncio.timeout(_DRAIN):
                while await self.read_some():
                    pass
        except (TimeoutError, ConnectionFailed):
            self.close()

    def close(self) -> None:
        """Without effect after a whole body; else the upstream sees us leave and stops its work."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()


class Upstream:
    """Keeps idle connections for the next request; pools limit how many are busy."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle: dict[Origin, deque[Connection]] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    async def open(
        self,
        method: str,
        base: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | AsyncIterable[bytes],
        connect_timeout: float,
        authority: str = "",
    ) -> Answer:
        """Send a request and wait for the answer's headers. `path` follows the endpoint's prefix; `authority` is
        what the request says where it goes, if that is not the host of `base`.

        Raises ConnectionFailed, or UpstreamTimeout if connecting took too long."""
        origin = _origin(base, authority)
        head, body = _head(method, origin, path, headers, body)
        connection = self._free(origin)
        if connection is not None and isinstance(body, bytes):
            try:
                return await self._exchange(connection, origin, method, head, body)
            except ConnectionBroken as error:
                # Most likely the server closed it as idle while our request was under way, and has not read it.
                if error.began:
                    raise _broken(error) from error
        connection = await self._connect(origin, connect_timeout)
        try:
            return await self._exchange(connection, origin, method, head, body)
        except ConnectionBroken as error:
            raise _broken(error) from error

    async def _exchange(
        self,
        connection: Connection,
        origin: Origin,
        method: str,
        head: bytes,
        body: bytes | AsyncIterable[bytes],
    ) -> Answer:
        try:
            await connection.send(method, head, body)
        except BaseException:
            connection.abort()  # cancelled or broken: half a request must not precede another
            raise
        return Answer(connection, self, origin)

    async def _connect(self, origin: Origin, timeout: float) -> Connection:
        try:
            async with asyncio.timeout(timeout):
                return await Connection.open(origin.host, origin.port, origin.server_name if origin.tls else None)
        except TimeoutError:
            raise UpstreamTimeout("The upstream did not accept the connection in time (timeouts.connect).") from None
        except OSError as error:
            raise _unreachable(error) from error

    def take_back(self, connection: Connection, origin: Origin) -> None:
        """Its answer was read to the end."""
        if self._closed or not connection.reusable:
            connection.abort()
            return
        connection.idle_since = self._loop.time()
        if (idle := self._idle.get(origin)) is None:
            idle = self._idle[origin] = deque()
        idle.append(connection)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_KEEPALIVE, self._sweep)

    def _free(self, origin: Origin) -> Connection | None:
        """The one used last: the others may then grow old."""
        idle = self._idle.get(origin)
        oldest = self._loop.time() - _KEEPALIVE
        while idle:
            connection = idle.pop()
            if connection.alive and connection.idle_since > oldest:
                return connection
            connection.abort()
        return None

    def _sweep(self) -> None:
        oldest = self._loop.time() - _KEEPALIVE
        for origin, idle in list(self._idle.items()):
            while idle and (idle[0].idle_since <= oldest or not idle[0].alive):
                idle.popleft().abort()
            if not idle:
                del self._idle[origin]
        self._sweeper = self._loop.call_later(_KEEPALIVE / 2, self._sweep) if self._idle else None

    async def close(self) -> None:
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()
        self._idle.clear()
        await asyncio.sleep(0)  # transports close in the loop's next turn


def _head(
    method: str, origin: Origin, path: str, headers: Mapping[str, str], body: bytes | AsyncIterable[bytes]
) -> tuple[bytes, bytes | AsyncIterable[bytes]]:
    lines = [f"{method} {origin.prefix}{path} HTTP/1.1\r\nhost: {origin.authority}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
    if not isinstance(body, bytes):
        if "content-length" not in headers:
            lines.append("transfer-encoding: chunked\r\n")
            body = _chunked(body)
    elif body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"content-length: {len(body)}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("latin-1"), body


async def _chunked(parts: AsyncIterable[bytes]) -> AsyncIterable[bytes]:
    async for part in parts:
        if part:
            yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


_HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
    "te", "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip
_NOT_UPSTREAM = _HOP_BY_HOP | {
    # replaced by ours, about the client's connection, or the client's own credentials
    "host", "content-length", "content-encoding", "accept-encoding", "authorization", "x-api-key", "api-key",
    "cookie", "origin", "referer", "expect", "x-request-id",
}  # fmt: skip
_NOT_DOWNSTREAM = {name.encode() for name in _HOP_BY_HOP} | {
    b"content-length", b"date", b"server", b"set-cookie", b"alt-svc", b"strict-transport-security",
    b"endpoint-load-metrics", b"endpoint-load-metrics-bin",
}  # fmt: skip
_VERSION = "anthropic-version"  # the client's own, if it names one


def upstream_headers(headers: Mapping[str, str], credentials: Mapping[str, str], request_id: str) -> dict[str, str]:
    """The client's headers without hop-by-hop ones and credentials; the pool's own credentials instead."""
    named = headers.get("connection")
    dropped = _NOT_UPSTREAM | set(_tokens(named)) if named and named != "keep-alive" else _NOT_UPSTREAM
    sent = {n: value for n, value in headers.items() if n not in dropped and not n.startswith("x-pointsman-")}
    asked_version = sent.get(_VERSION)
    sent.update(credentials)
    if asked_version is not None:
        sent[_VERSION] = asked_version
    sent["accept-encoding"] = "identity"  # so that events and usage can be read; nothing is re-encoded
    sent["x-request-id"] = request_id
    return sent


def downstream_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """An upstream's headers (names in lower case) that are a client's business."""
    kept = []
    dropped = _NOT_DOWNSTREAM
    for name, value in headers:
        if name == b"x-request-id":
            kept.append((b"x-upstream-request-id", value))
        elif name == b"connection":
            dropped = dropped | {token.encode("latin-1") for token in _tokens(value.decode("latin-1"))}
        elif name not in dropped and not name.startswith((b"access-control-", b"x-pointsman-")):
            kept.append((name, value))
    return [field for field in kept if field[0] not in dropped] if dropped is not _NOT_DOWNSTREAM else kept


def _tokens(value: str) -> Iterable[str]:
    """The header names in a Connection header: they concern this connection only."""
    return (token.strip().lower() for token in value.split(","))
