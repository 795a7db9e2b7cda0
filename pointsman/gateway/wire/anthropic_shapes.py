"""Objects of Anthropic's messages wire that more than one translation makes or reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pointsman.gateway.errors import RequestError, UpstreamError
from pointsman.gateway.wire.sse import encode_event

SIGNATURE = "pointsman"
"""Signs thinking blocks made from another wire's reasoning. Clients drop unsigned ones from the history, and
Anthropic's own signatures look different, so the blocks that a chat model can use again are told apart."""

_ERROR_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_type(status: int) -> str:
    return _ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")


def error_body(status: int, message: str, code: str | None = None) -> dict[str, Any]:
    """`code` goes where the SDK reads it: `err.error_code`."""
    error: dict[str, Any] = {"type": error_type(status), "message": message}
    if code:
        error["details"] = {"error_code": code}
    return {"type": "error", "error": error}


def request_error_body(error: RequestError) -> dict[str, Any]:
    return error_body(error.status, error.told, error.code)


def encode(event: Mapping[str, Any]) -> bytes:
    """One server-sent event, named by its own type."""
    return encode_event(orjson.dumps(event), event["type"])


def upstream_message(body: Mapping[str, Any], status: int | None = None) -> tuple[str, str | None, str | None]:
    """Message, type, code of an error object as OpenAI, Anthropic, FastAPI and older vLLM (flat) write it."""
    error = body.get("error", body)
    if isinstance(error, str):
        return error, None, None
    fields: Mapping[str, Any] = error if isinstance(error, dict) else {}
    message = fields.get("message") or fields.get("detail")
    kind, code = fields.get("type"), fields.get("code") or _details_code(fields)
    if not isinstance(message, str):
        message = orjson.dumps(message).decode() if message else f"The upstream answered with status {status}."
    return message, kind if isinstance(kind, str) else None, code if isinstance(code, str) else None


def _details_code(fields: Mapping[str, Any]) -> object:
    details = fields.get("details")
    return details.get("error_code") if isinstance(details, dict) else None


def stream_error(body: Mapping[str, Any]) -> UpstreamError:
    """What an error event in the middle of an upstream's stream becomes."""
    message, kind, _ = upstream_message(body)
    return UpstreamError(f"The upstream ended its stream with an error{f' ({kind})' if kind else ''}: {message}")


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def messages_usage(chat: object) -> dict[str, Any]:
    """Anthropic counts what its cache read and wrote apart from `input_tokens`; `prompt_tokens` hold all."""
    told = _mapping(chat)
    details = _mapping(told.get("prompt_tokens_details"))
    read, written = _count(details.get("cached_tokens")), _count(details.get("cache_write_tokens"))
    usage: dict[str, Any] = {
        "input_tokens": max(0, _count(told.get("prompt_tokens")) - read - written),
        "output_tokens": _count(told.get("completion_tokens")),
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
    }
    thought = _mapping(told.get("completion_tokens_details")).get("reasoning_tokens")
    if isinstance(thought, int):
        usage["output_tokens_details"] = {"thinking_tokens": thought}
    return usage


def chat_usage(messages: object) -> dict[str, Any]:
    told = _mapping(messages)
    read, written = (
        _count(told.get("cache_read_input_tokens")),
        _count(told.get("cache_creation_input_tokens")),
    )
    prompt, completion = _count(told.get("input_tokens")) + read + written, _count(told.get("output_tokens"))
    usage: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
    }
    thought = _mapping(told.get("output_tokens_details")).get("thinking_tokens")
    if isinstance(thought, int):
        usage["completion_tokens_details"] = {"reasoning_tokens": thought}
    return usage
