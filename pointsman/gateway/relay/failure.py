"""How an attempt fails, as the next attempt, the client, the pool and the log need to know it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Self

import orjson

from pointsman.gateway.errors import RequestError, UpstreamError, UpstreamTimeout
from pointsman.gateway.observe.outcome import ErrorSource, Result
from pointsman.gateway.relay.course import Fault
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.upstream import ConnectionFailed
from pointsman.gateway.relay.watch import Limit, LimitReached
from pointsman.gateway.wire.reply import JSON, Headers
from pointsman.gateway.wire.translate import Translation

_AUTH = frozenset((401, 403))
_BUSY = frozenset((429, 503, 529))
_NUMBER = re.compile(rb"[0-9]{1,9}(?:\.[0-9]{1,9})?")
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

    @property
    def is_busy(self) -> bool:
        """The endpoint has enough to do; another may have less."""
        return self.status in _BUSY

    def retry_after(self, now: float) -> float | None:
        """Seconds after which the upstream wants to be asked again; `now` is Unix time. None if it did not say."""
        fields = dict(self.headers)
        milliseconds = fields.get(b"retry-after-ms", b"").strip()
        if _NUMBER.fullmatch(milliseconds):
            return float(milliseconds) / 1000
        value = fields.get(b"retry-after", b"").strip()
        return float(value) if _NUMBER.fullmatch(value) else _until(value.decode("latin-1"), now)

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


def _until(date: str, now: float) -> float | None:
    """Seconds from `now` to an HTTP date, which is in UTC whatever it says."""
    try:
        return max(0.0, parsedate_to_datetime(date).replace(tzinfo=UTC).timestamp() - now)
    except (ValueError, OverflowError):
        return None


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


def fault_of(failure: RequestError | Refusal, now: float) -> Fault:
    """`now` is Unix time."""
    match failure:
        case Refusal(final=True):
            return Fault(final=True)
        case Refusal(is_auth=True):
            return Fault(retry=False)
        case Refusal(is_busy=True):
            return Fault(busy=True, after=failure.retry_after(now))
        case UpstreamTimeout():
            return Fault(again=False)  # it may still be at work for us
        case _:
            return Fault()


def record_failure(journal: Journal, error: RequestError) -> None:
    journal.error_source, journal.error_code = ErrorSource.UPSTREAM, error.code
