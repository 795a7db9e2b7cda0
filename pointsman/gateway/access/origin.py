"""Which web pages may call the gateway (Fetch standard: CORS), and under which names it may be called.

Browsers let any page send requests to a loopback address. Where no key is needed, the page's `Origin` and the
`Host` that it believes to talk to are all that stands between it and somebody's models."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from pointsman.gateway.errors import Forbidden

Headers = list[tuple[bytes, bytes]]

EXPOSED = (
    "x-request-id, x-upstream-request-id, age, retry-after, retry-after-ms, x-should-retry, "
    "x-pointsman-decision, x-pointsman-model, x-pointsman-pool, x-pointsman-cache, x-pointsman-cache-score, "
    "x-pointsman-cache-reason, "
    "x-pointsman-panel, x-pointsman-overhead-ms, x-pointsman-error-source, x-pointsman-signals, x-pointsman-trace, "
    "x-ratelimit-limit-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-requests, "
    "x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, x-ratelimit-reset-tokens"
)
"""Response headers that a page may read; the standard has no wildcard for a prefix."""

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_ALWAYS = "authorization, content-type, x-api-key, api-key"
_SENDABLE = re.compile(
    r"accept|accept-language|content-language|traceparent|tracestate|baggage|idempotency-key"
    r"|x-(?:stainless|pointsman)-[a-z0-9-]+|x-(?:request|session)-id|(?:openai|anthropic)-[a-z0-9-]+"
)
_MAX_ASKED = 4096  # characters of Access-Control-Request-Headers
_MAX_AGE = b"600"

_DEFAULT_PORTS = {"http": 80, "https": 443}


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether a name or address, without a port, can only mean this machine."""
    name = host.removeprefix("[").removesuffix("]").lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761: never asked of DNS
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


class Origins:
    """The rule for one configuration."""

    def __init__(self, allowed: Iterable[str], has_auth: bool) -> None:
        listed = list(allowed)
        self._any = "*" in listed
        self._allowed = frozenset(_normal(origin) for origin in listed if origin != "*")
        self._has_auth = has_auth
        self._enabled = bool(listed)
        if self._any and not has_auth:
            raise ValueError(
                "'*' in server.cors lets every web page use a gateway that asks for no key; "
                "list the origins that you mean, or add auth.keys"
            )

    def check(self, origin: str | None, host: str | None) -> Forbidden | None:
        """The error to answer with. `host` is the Host header; browsers always send it."""
        if self._has_auth:
            return None  # a page has no key unless somebody gave it one
        if host and not is_loopback(_hostname(host)):
            return Forbidden(
                "Without auth.keys this gateway answers to loopback names only, such as localhost. "
                "Call it by one, or add auth.keys to its configuration."
            )
        if origin is None or self._allows(origin) or _same_origin(origin, host):
            return None
        return Forbidden(
            "Web pages of this origin may not use this gateway. "
            "Add the origin to server.cors, or add auth.keys to its configuration."
        )

    def headers(self, origin: str | None) -> Headers:
        """What every answer to `origin` carries, errors and streams included."""
        if not self._enabled:
            return []
        if origin is None or not self._allows(origin):
            return [(b"vary", b"origin")]
        return [
            (b"access-control-allow-origin", b"*" if self._any else origin.encode("ascii")),
            (b"access-control-expose-headers", EXPOSED.encode()),
            (b"vary", b"origin"),
        ]

    def preflight(self, origin: str, host: str | None, asked: str | None) -> Headers | Forbidden:
        """The 204's headers for an OPTIONS request with `Access-Control-Request-Method`, which comes without
        a key. `asked` is its Access-Control-Request-Headers."""
        if error := self.check(origin, host):
            return error
        if not self._allows(origin):
            return Forbidden("Web pages of this origin may not use this gateway. Add the origin to server.cors.")
        return [
            *self.headers(origin),
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", ", ".join([_ALWAYS, *_sendable(asked or "")]).encode()),
            (b"access-control-max-age", _MAX_AGE),
        ]

    def _allows(self, origin: str) -> bool:
        return self._any or origin in self._allowed


def is_preflight(method: str, origin: str | None, asked_method: str | None) -> bool:
    return method == "OPTIONS" and origin is not None and asked_method is not None


def _sendable(asked: str) -> list[str]:
    names = (name.strip().lower() for name in asked[:_MAX_ASKED].split(","))
    return [name for name in dict.fromkeys(names) if _SENDABLE.fullmatch(name)]


def _normal(origin: str) -> str:
    """As browsers write it: lower case, no default port."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    bare = not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
    if not (bare and parts.scheme and parts.hostname and origin.isascii()):
        raise ValueError(f"{origin!r} is not an origin; write scheme, host and port, such as http://localhost:3000")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    suffix = "" if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    return f"{parts.scheme}://{host}{suffix}"


def _hostname(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _same_origin(origin: str, host: str | None) -> bool:
    """Our own console: a page that we served ourselves, under a name that was checked before."""
    scheme, _, authority = origin.partition("://")
    return host is not None and scheme in _DEFAULT_PORTS and authority.lower() == host.lower()
