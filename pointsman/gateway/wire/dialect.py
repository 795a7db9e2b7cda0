"""What the relay must know of the wire that an upstream speaks: usage, the end, errors. The rest passes by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

from pointsman.gateway.errors import RequestError
from pointsman.gateway.observe.outcome import Usage
from pointsman.gateway.wire.anthropic_shapes import request_error_body
from pointsman.gateway.wire.rewrite import drop_member
from pointsman.gateway.wire.sse import encode_event, parse_event, split_events
from pointsman.signals.facts import Route


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def openai_usage(usage: object) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if completion is None and prompt == usage.get("total_tokens"):
        completion = 0  # embeddings have none, and do not say so
    details = usage.get("prompt_tokens_details")
    return Usage.read(prompt, completion, details.get("cached_tokens") if isinstance(details, dict) else None)


def responses_usage(usage: object) -> Usage | None:
    told = _mapping(usage)
    cached = _mapping(told.get("input_tokens_details")).get("cached_tokens")
    return Usage.read(told.get("input_tokens"), told.get("output_tokens"), cached)


def anthropic_usage(usage: object) -> Usage | None:
    """Anthropic's input_tokens leave out what was read from or written to its cache."""
    told = _mapping(usage)
    fresh = told.get("input_tokens")
    if not isinstance(fresh, int):
        return None
    cached = told.get("cache_read_input_tokens")
    prompt = fresh + _count(told.get("cache_creation_input_tokens")) + _count(cached)
    return Usage.read(prompt, told.get("output_tokens"), cached)


class Meter(ABC):
    """Reads along one stream, which costs next to nothing for blocks that say nothing of interest."""

    usage: Usage | None = None
    done: bool = False  # the wire's own end was seen, or an error: nothing may follow
    error: Mapping[str, Any] | None = None  # a body with the `error` object that came as an event
    finish: str | None = None
    events: int = 0  # that the client gets

    def feed(self, block: bytes) -> bytes:
        """What the client gets of a block of whole events."""
        if self._interesting(block):
            block = b"".join([self._event(raw) for raw in split_events(block)])
        if block:
            self.events += block.count(b"\n\n") or block.count(b"\n\r\n") or 1
        return block

    def _event(self, raw: bytes) -> bytes:
        return b"" if self.done else self._read(raw, parse_event(raw).data)

    @abstractmethod
    def _interesting(self, block: bytes) -> bool: ...

    @abstractmethod
    def _read(self, raw: bytes, data: bytes) -> bytes:
        """What the client gets of one event."""

    def _fail(self, error: object) -> None:
        self.error = {"error": error if isinstance(error, dict) else {"message": str(error), "type": "upstream_error"}}
        self.done = True

    def complete(self) -> bool:
        """Whether a stream that has just ended ended as a whole answer."""
        return self.done


class OpenAIMeter(Meter):
    """Chat and text completions. Asks were added for usage, so it is taken out again for clients that did not ask."""

    def __init__(self, strip_usage: bool = False, choices: int = 1) -> None:
        self._strip = strip_usage
        self._choices = choices
        self._tail: deque[bytes] = deque(maxlen=8)

    def _interesting(self, block: bytes) -> bool:
        self._tail.append(block)
        return b'"usage"' in block or b"[DONE]" in block or b'"error"' in block

    def _read(self, raw: bytes, data: bytes) -> bytes:
        if data == b"[DONE]":
            self.done = True
            return raw
        chunk = _json_object(data)
        if chunk.get("error"):
            self._fail(chunk["error"])
        if "usage" not in chunk:
            return raw
        usage = openai_usage(chunk["usage"])
        self.usage = usage or self.usage
        if not self._strip:
            return raw
        if usage is None:
            return encode_event(drop_member(data, "usage"))
        return raw if chunk.get("choices") else b""

    def complete(self) -> bool:
        """[DONE], or every choice's finish reason: some servers leave the former out."""
        reasons = self._finish_reasons()
        self.finish = next(iter(reasons.values()), None)
        return self.done or len(reasons) >= self._choices

    def _finish_reasons(self) -> dict[int, str]:
        reasons: dict[int, str] = {}
        for block in self._tail:
            for raw in split_events(block) if b'"finish_reason"' in block else ():
                for choice in _list(_json_object(parse_event(raw).data).get("choices")):
                    if isinstance(choice, dict) and isinstance(choice.get("finish_reason"), str):
                        reasons[_count(choice.get("index"))] = choice["finish_reason"]
        return reasons


class AnthropicMeter(Meter):
    def __init__(self) -> None:
        self._told: dict[str, Any] = {}  # counts so far; they are the answer's only with message_delta

    def _interesting(self, block: bytes) -> bool:
        return b"message_" in block or b"error" in block

    def _read(self, raw: bytes, data: bytes) -> bytes:
        body = _json_object(data)
        match body.get("type"):
            case "message_start":
                self._told = dict(_mapping(_mapping(body.get("message")).get("usage")))
            case "message_delta":
                self.finish = _string(_mapping(body.get("delta")).get("stop_reason"))
                self._delta(_mapping(body.get("usage")))
            case "message_stop":
                self.done = True
            case "error":
                self._fail(body.get("error"))
                self.error = {"type": "error", **(self.error or {})}
        return raw

    def _delta(self, told: Mapping[str, Any]) -> None:
        """Counts are cumulative; the prompt's may have come only with message_start."""
        self._told |= {key: value for key, value in told.items() if value}
        self._told["output_tokens"] = told.get("output_tokens")
        self.usage = anthropic_usage(self._told) or self.usage


class ResponsesMeter(Meter):
    _ENDS = ("response.completed", "response.incomplete", "response.failed")
    _MARKS = tuple(map(str.encode, _ENDS))

    def _interesting(self, block: bytes) -> bool:
        return b'"error"' in block or any(end in block for end in self._MARKS)

    def _read(self, raw: bytes, data: bytes) -> bytes:
        body = _json_object(data)
        kind = body.get("type")
        if kind in self._ENDS:
            response = _mapping(body.get("response"))
            self.done, self.finish = True, _string(response.get("status"))
            self.usage = responses_usage(response.get("usage")) or self.usage
            if kind == "response.failed":
                self._fail(response.get("error") or "The response failed.")
        elif kind == "error":
            self._fail(body.get("error") or {k: body[k] for k in ("message", "code", "param") if k in body})
        return raw


def _json_object(data: bytes) -> Mapping[str, Any]:
    """Empty if it is none."""
    try:
        return _mapping(orjson.loads(data))
    except orjson.JSONDecodeError:
        return {}


class Dialect(ABC):
    """One wire: `/v1/{path}` upstream, and the shapes of its errors."""

    path: ClassVar[str]

    @staticmethod
    @abstractmethod
    def usage(body: Mapping[str, Any]) -> Usage | None:
        """Of a whole answer."""

    @staticmethod
    @abstractmethod
    def finish(body: Mapping[str, Any]) -> str | None:
        """Why a whole answer ended, as the wire calls it."""

    @abstractmethod
    def meter(self, body: Mapping[str, Any]) -> Meter:
        """For the stream that answers `body`, the client's request."""

    def error_body(self, error: RequestError) -> bytes:
        return error.body()

    def error_event(self, error: RequestError) -> bytes:
        """Ends a stream: the official SDK raises on it, with type and code."""
        return encode_event(error.body())


class OpenAIDialect(Dialect):
    def __init__(self, route: Route) -> None:
        self.path = route.value  # type: ignore[misc]  # one class, several routes

    @staticmethod
    def usage(body: Mapping[str, Any]) -> Usage | None:
        return openai_usage(body.get("usage"))

    @staticmethod
    def finish(body: Mapping[str, Any]) -> str | None:
        choices = _list(body.get("choices"))
        return _string(_mapping(choices[0]).get("finish_reason")) if choices else None

    def meter(self, body: Mapping[str, Any]) -> Meter:
        choices = body.get("n")
        return OpenAIMeter(not asks_for_usage(body), choices if isinstance(choices, int) else 1)


class AnthropicDialect(Dialect):
    path = Route.MESSAGES.value

    @staticmethod
    def usage(body: Mapping[str, Any]) -> Usage | None:
        return anthropic_usage(body.get("usage"))

    @staticmethod
    def finish(body: Mapping[str, Any]) -> str | None:
        return _string(body.get("stop_reason"))

    def meter(self, body: Mapping[str, Any]) -> Meter:
        return AnthropicMeter()

    def error_body(self, error: RequestError) -> bytes:
        return orjson.dumps(request_error_body(error))

    def error_event(self, error: RequestError) -> bytes:
        return encode_event(self.error_body(error), "error")


class ResponsesDialect(Dialect):
    path = Route.RESPONSES.value

    @staticmethod
    def usage(body: Mapping[str, Any]) -> Usage | None:
        return responses_usage(body.get("usage"))

    @staticmethod
    def finish(body: Mapping[str, Any]) -> str | None:
        return _string(body.get("status"))

    def meter(self, body: Mapping[str, Any]) -> Meter:
        return ResponsesMeter()

    def error_event(self, error: RequestError) -> bytes:
        """The SDK raises APIError on an event whose data has a top-level `error`."""
        return encode_event(orjson.dumps({"type": "error", "error": error.object()}), "error")


DIALECTS: Mapping[Route, Dialect] = {
    Route.CHAT: OpenAIDialect(Route.CHAT),
    Route.COMPLETIONS: OpenAIDialect(Route.COMPLETIONS),
    Route.EMBEDDINGS: OpenAIDialect(Route.EMBEDDINGS),
    Route.OTHER: OpenAIDialect(Route.OTHER),
    Route.RESPONSES: ResponsesDialect(),
    Route.MESSAGES: AnthropicDialect(),
    Route.COUNT_TOKENS: AnthropicDialect(),
}


def asks_for_usage(body: Mapping[str, Any]) -> bool:
    return _mapping(body.get("stream_options")).get("include_usage") is True
