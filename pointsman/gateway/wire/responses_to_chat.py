"""A client of the Responses API in front of a pool that speaks chat completions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from pointsman.gateway.errors import RequestError, UpstreamError
from pointsman.gateway.wire.checks import Object
from pointsman.gateway.wire.responses_answer import Answer
from pointsman.gateway.wire.responses_request import chat_request
from pointsman.gateway.wire.sse import Event, encode_event
from pointsman.gateway.wire.translate import StreamTranslation, Translation
from pointsman.signals.facts import Route


class ResponsesToChat(Translation):
    path = Route.CHAT.value

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body

    def request(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        return chat_request(body, model)

    def response(self, body: dict[str, Any]) -> dict[str, Any]:
        """The whole answer taken as the only chunk of a stream: both ways end in the same Response."""
        answer = Answer(self._body)
        *_, last = *answer.feed(_as_chunk(body)), *answer.end()
        return dict(last["response"])

    def error(self, status: int, body: dict[str, Any]) -> dict[str, Any]:
        """Both APIs have the same error object; servers that leave out a part of it get it filled in."""
        given = body.get("error", body)
        told = given if isinstance(given, dict) else {"message": str(given)}
        message = told.get("message") or f"The upstream answered with status {status} and no message."
        kind = "invalid_request_error" if status < 500 else "server_error"
        return {"error": {"type": kind, "param": None, "code": None, **told, "message": message}}

    def stream(self) -> StreamTranslation:
        return _Stream(Answer(self._body))


def _as_chunk(body: Object) -> Object:
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise UpstreamError("The upstream's answer has no choice.")
    message = choices[0].get("message")
    if not isinstance(message, dict):
        raise UpstreamError("The upstream's answer has no message.")
    calls = message.get("tool_calls")
    numbered = [
        {**c, "index": i} for i, c in enumerate(calls if isinstance(calls, list) else []) if isinstance(c, dict)
    ]
    return {**body, "choices": [{**choices[0], "index": 0, "delta": {**message, "tool_calls": numbered}}]}


class _Stream(StreamTranslation):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def feed(self, event: Event) -> list[bytes]:
        if event.is_comment or event.data == b"[DONE]":
            return []
        return _encoded(self._answer.feed(_chunk(event.data)))

    def finish(self) -> list[bytes]:
        return _encoded(self._answer.end())

    def fail(self, error: RequestError) -> bytes:
        return b"".join(_encoded(self._answer.fail(error)))


def _encoded(events: Iterable[Object]) -> list[bytes]:
    return [encode_event(orjson.dumps(event), event["type"]) for event in events]


def _chunk(data: bytes) -> Object:
    try:
        chunk = orjson.loads(data)
    except orjson.JSONDecodeError:
        chunk = None
    if not isinstance(chunk, dict):
        raise UpstreamError("The upstream sent an event that is no JSON object.")
    if isinstance(chunk.get("error"), dict):
        raise UpstreamError(str(chunk["error"].get("message") or "The upstream failed without a message."))
    return chunk
