"""How an attempt fails, as the next attempt, the client, the pool and the log need to know it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self

import orjson

from pointsman.gateway.errors import RequestError, UpstreamError, UpstreamTimeout
from pointsman.gateway.observe.outcome import ErrorSource, Result
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.upstream import ConnectionFailed
from pointsman.gateway.relay.watch import Limit, LimitReached
from pointsman.gateway.wire.reply import JSON, Headers
from pointsman.gateway.wire.translate import Translation

_AUTH = frozenset((401, 403))
_STATUSES = {"invalid_request_error": 400, "rate_limit_error": 429, "overloaded_error": 529}
"""What an error event would have been as a status, by its type."""


class Refusal(Exception):
    """An upstream's own error answer, kept until it is clear that nobody else will do better."""

    def __init__(self, status: int, headers: Headers, body: bytes, translation: Translation | None = None) -> None:
        super().__init__(f"the upstream answered {status}")
        self.status = status
        self.headers = headers
        self.body = body
        self.translation = translation

    @classmethod
    def of_event(cls, body: Mapping[str, Any], translation: Translation | None = None) -> Self:
        """From an error that came as a stream's event; vLLM puts the status into `code`."""
        error = body["error"]
        code, kind = str(error.get("code")), str(error.get("type"))
        status = int(code) if re.fullmatch(r"[45]\d\d", code) else _STATUSES.get(kind, 502)
        return cls(status, JSON, orjson.dumps(body), translation)

    @property
    def final(self) -> bool:
        """Another endpoint would say the same: the request itself is at fault."""
        return 400 <= self.status < 500 and self.status not in (401, 403, 408, 429)

    @property
    def is_auth(self) -> bool:
        return self.status in _AUTH

    def parsed(self) -> Mapping[str, Any]:
        try:
            body = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return {}
        return body if isinstance(body, dict) else {}

    def error_object(self) -> Mapping[str, Any] | None:
        error = self.parsed().get("error")
        return error if isinstance(error, dict) else None

    def client_body(self) -> bytes:
        """Byte for byte where client and upstream speak the same wire."""
        if self.translation is None:
            return self.body
        return orjson.dumps(self.translation.error(self.status, dict(self.parsed())))

    def client_headers(self) -> Headers:
        if self.translation is None:
            return self.headers
        return [h for h in self.headers if h[0] not in (b"content-type", b"content-encoding")] + JSON

    def as_error(self) -> UpstreamError:
        message = (self.error_object() or {}).get("message")
        return UpstreamError(message if isinstance(message, str) else f"The upstream failed with status {self.status}.")


def result_of(failure: RequestError | Refusal) -> Result:
    match failure:
        case Refusal(is_auth=True):
            return Result.AUTH
        case Refusal(status=429):
            return Result.LIMITED
        case Refusal(final=True):
            return Result.REJECTED
        case LimitReached(limit=Limit.DEADLINE):
            return Result.CANCELLED
        case UpstreamTimeout():
            return Result.TIMEOUT
        case ConnectionFailed(connected=False):
            return Result.CONNECT
        case ConnectionFailed():
            return Result.RESET
        case Refusal():
            return Result.ERROR
        case UpstreamError():
            return Result.INVALID
        case _:
            return Result.CANCELLED  # the client left, or sent too much


def record_failure(journal: Journal, error: RequestError) -> None:
    journal.error_source, journal.error_code = ErrorSource.UPSTREAM, error.code
