"""The one exception tree, and how each of its errors looks on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any, ClassVar

import orjson


class PointsmanError(Exception):
    """Anything we raise on purpose. The message says what is wrong and what to do."""


class ConfigError(PointsmanError):
    """A configuration that cannot be used; each problem knows its place in the file."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Problem:
    """One finding in a file: `file:line:col: severity: message`."""

    def __init__(self, message: str, file: str = "", line: int = 0, column: int = 0, severity: str = "error") -> None:
        self.message, self.file, self.line, self.column, self.severity = message, file, line, column, severity

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.severity}: {self.message}" if place else f"{self.severity}: {self.message}"


class RequestError(PointsmanError):
    """Ends one request with an error object. Subclasses fix status, type and code."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    code: ClassVar[str | None] = "internal_error"
    retry: ClassVar[bool] = True  # False adds x-should-retry: false

    def __init__(self, message: str, *, param: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message, self.param, self.retry_after = message, param, retry_after

    @property
    def told(self) -> str:
        """What a client reads: what is wrong, and what to do."""
        return self.message

    def object(self) -> dict[str, Any]:
        return {"message": self.told, "type": self.type, "param": self.param, "code": self.code}

    def body(self) -> bytes:
        return orjson.dumps({"error": self.object()})

    def headers(self) -> Mapping[str, str]:
        headers = {} if self.retry else {"x-should-retry": "false"}
        if self.retry_after is not None:
            headers["retry-after"] = str(max(1, ceil(self.retry_after)))
        return headers


def let_go(error: BaseException) -> None:
    """Of the frames that it passed: some hold it, too, and in a rush of refusals such cycles outgrow the collector."""
    seen: BaseException | None = error
    while seen is not None and seen.__traceback__ is not None:
        seen.__traceback__ = None
        seen = seen.__context__


class BadRequest(RequestError):
    status, type, code = 400, "invalid_request_error", "invalid_request"


class InvalidJSON(BadRequest):
    code = "invalid_json"


class Unauthorized(RequestError):
    status, type, code = 401, "authentication_error", "invalid_api_key"

    def headers(self) -> Mapping[str, str]:
        return {**super().headers(), "www-authenticate": "Bearer"}


class Forbidden(RequestError):
    status, type, code = 403, "permission_error", "forbidden"


class NotFound(RequestError):
    status, type, code = 404, "invalid_request_error", "not_found"


class ModelNotFound(NotFound):
    code = "model_not_found"


class UnknownRequest(NotFound):
    code = "unknown_request"


class NoRoute(NotFound):
    code = "no_route"


class MethodNotAllowed(RequestError):
    status, type, code = 405, "invalid_request_error", "method_not_allowed"

    def __init__(self, message: str, allow: str) -> None:
        super().__init__(message)
        self.allow = allow  # methods, joined by commas

    def headers(self) -> Mapping[str, str]:
        return {**super().headers(), "allow": self.allow}


class Conflict(RequestError):
    status, type, code = 409, "invalid_request_error", "conflict"


class PayloadTooLarge(RequestError):
    status, type, code = 413, "invalid_request_error", "request_too_large"


class UnsupportedMediaType(RequestError):
    status, type, code = 415, "invalid_request_error", "unsupported_media_type"


class PoolFull(RequestError):
    status, type, code = 429, "rate_limit_error", "pool_full"


class DeadlineUnreachable(PoolFull):
    """Refused before anything was sent: the answer would begin too late.

    Without `retry_after` even an idle pool would be too slow."""

    code = "deadline_unreachable"

    def __init__(self, message: str, *, retry_after: float | None = None, final: bool = False) -> None:
        super().__init__(message, retry_after=retry_after)
        self.final = final  # no other model may be asked

    def headers(self) -> Mapping[str, str]:
        return super().headers() if self.retry_after is not None else {"x-should-retry": "false"}


class Overloaded(RequestError):
    """The gateway's own time is short, whatever the pools could do."""

    status, type, code = 503, "server_error", "overloaded"


class ClientDisconnected(RequestError):
    """Nobody is left to answer; counted under nginx's 499."""

    status, type, code = 499, "invalid_request_error", "client_cancelled"


class PolicyResponse(RequestError):
    """A decision's `respond` with a status of its own."""

    type, code = "policy_error", "blocked_by_policy"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status  # type: ignore[misc]  # the one error whose status the policy's author chooses


class UpstreamError(RequestError):
    """The pool answered wrongly or not at all, after every try."""

    status, type, code, retry = 502, "server_error", "upstream_error", False

    @property
    def told(self) -> str:
        return f"{self.message} Try again later; the gateway's log names the endpoint under the request's id."


class UpstreamAuth(UpstreamError):
    code = "upstream_auth"

    @property
    def told(self) -> str:
        return self.message


class UpstreamTimeout(UpstreamError):
    status, code = 504, "upstream_timeout"


class PoolUnavailable(RequestError):
    status, type, code = 503, "server_error", "pool_unavailable"
