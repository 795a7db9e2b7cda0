"""What a client is told whose request is refused unread, as cheaply as it can be said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from pointsman.gateway.dataplane import request_id
from pointsman.gateway.errors import Overloaded
from pointsman.gateway.observe.outcome import ErrorSource
from pointsman.gateway.wire.dialect import DIALECTS
from pointsman.gateway.wire.inbound import ROUTES, below_v1
from pointsman.gateway.wire.reply import Headers
from pointsman.signals.facts import Route

RETRY_AFTER = 1.0

_LINE = re.compile(rb"POST (/[a-z0-9_/]+) HTTP/1\.1\r\n")
_FIELD = re.compile(
    rb"\r\n(content-length|transfer-encoding|connection|expect|x-request-id|origin):[ \t]*([^\r\n]*)", re.IGNORECASE
)
_PLAIN = {b"content-length", b"x-request-id", b"origin"}


class Unread(NamedTuple):
    """All that is known of a request."""

    path: str  # below /v1
    request_id: str | None
    origin: str | None
    lasts: bool = True  # its connection does


def glance(data: bytes) -> Unread | None:
    """Of a whole plain request to one of the routes that are read; None leaves it to the parser."""
    line = _LINE.match(data)
    end = data.find(b"\r\n\r\n")
    if line is None or end < 0:
        return None
    path = below_v1(line[1].decode("ascii"))
    if path not in ROUTES:
        return None
    found = _FIELD.findall(data, 0, end)
    fields = {name.lower(): value for name, value in found}
    if len(fields) < len(found) or not (fields.keys() - {b"connection"} <= _PLAIN):
        return None
    length = fields.get(b"content-length", b"")
    if not length.isdigit() or len(data) != end + 4 + int(length):
        return None
    if fields.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    return Unread(path, _text(fields.get(b"x-request-id")), _text(fields.get(b"origin")))


def unread(raw_path: bytes, headers: Iterable[tuple[bytes, bytes]], lasts: bool) -> Unread:
    """Of a request whose head was parsed; the names are in lower case."""
    fields = dict(headers)
    path = below_v1(raw_path.decode("latin-1"))
    return Unread(path, _text(fields.get(b"x-request-id")), _text(fields.get(b"origin")), lasts)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


class Refusals:
    """Rendered once for each wire. `extra` gives the headers for an origin."""

    def __init__(self, extra: Callable[[str | None], Headers], why: str) -> None:
        self._extra = extra
        self._rendered = {route: _render(route, why) for route in Route}

    def to(self, request: Unread) -> tuple[Route, bytes]:
        """The route, and the whole answer."""
        route = ROUTES.get(request.path, Route.OTHER)
        head, body = self._rendered[Route.MESSAGES if request.path.startswith("/messages/") else route]
        given = {} if request.request_id is None else {"x-request-id": request.request_id}
        lines = [head, b"x-request-id: %b\r\n" % request_id(given).encode()]
        lines += [b"%b: %b\r\n" % field for field in self._extra(request.origin)]
        if not request.lasts:
            lines.append(b"connection: close\r\n")
        return route, b"%b\r\n%b" % (b"".join(lines), body)


def _render(route: Route, why: str) -> tuple[bytes, bytes]:
    error = Overloaded(why, retry_after=RETRY_AFTER)
    body = DIALECTS[route].error_body(error)
    fields = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "x-pointsman-error-source": ErrorSource.GATEWAY,
        **error.headers(),
    }
    lines = [f"HTTP/1.1 {error.status} Service Unavailable", *(f"{name}: {value}" for name, value in fields.items())]
    return "".join(f"{line}\r\n" for line in lines).encode(), body
