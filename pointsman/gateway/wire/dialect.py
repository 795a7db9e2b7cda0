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
from pointsman.gateway.wire.sse import Event, encode_event, parse_event, split_events
from pointsman.signals.facts import Route


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def openai_usage(usage: object) -> Usage | None:
    told = _mapping(usage)
    cached = _mapping(told.get("prompt_tokens_details")).get("cached_tokens")
    # embeddings have no completion
    return Usage.read(told.get("prompt_tokens"), told.get("completion_tokens", 0), cached)


def responses_usage(usage: object) -> Usage | None:
    told = _mapping(usage)
    cached = _mapping(told.get("input_tokens_details")).get("cached_tokens")
    return Usage.read(told.get("input_tokens"), told.get("output_tokens"), cached)


def anthropic_usage(usage: object) -> Usage | None:
    """Anthropic's input_tokens leave out what was read from or written to its cache."""
    told = _mapping(usage)
    if "input_tokens" not in told:
        return None
    cached = _count(told.get("cache_read_input_tokens"))
    prompt = _count(told["input_tokens"]) + _count(told.get("cache_creation_input_tokens")) + cached
    return Usage.read(prompt, told.get("output_tokens", 0), cached)


class Meter(ABC):
    """Reads along one stream. `feed` returns what the client gets of a block of whole events."""

    usage: Usage | None = None
    done: bool = False  # the wire's own end was seen
    error: Mapping[str, Any] | None = None  # the upstream's error object, sent as an event
    finish: str | None = None
    events: int = 0

    @abstractmethod
    def feed(self, block: bytes) -> bytes: ...

    def complete(self) -> bool:
        """Whether a stream that has just ended ended as a whole answer."""
        return self.done


class OpenAIMeter(Meter):
    """Chat and text completions. Asks were added for usage, so it is taken out again for clients that did not ask."""

    def __init__(self, strip_usage: bool = False, choices: int = 1) -> None:
        self._strip = strip_usage
        self._choices = choices
        self._tail: deque[bytes] = deque(maxlen=8)

    def feed(self, block: bytes) -> bytes:
        self.events += block.count(b"\n\n") or 1
        self._tail.append(block)
        if b'"usage"' in block or b"[DONE]" in block or b'"error"' in block:
            return b"".join([self._event(raw) for raw in split_events(block)])
        return block

    def _event(self, raw: bytes) -> bytes:
        if self.done:
            return b""  # nothing follows the end; a client would ignore it
        data = parse_event(raw).data
        if data == b"[DONE]":
            self.done = True
            return raw
        chunk = _json_object(data)
        if chunk is None:
            return raw
        if isinstance(chunk.get("error"), dict):
            self.error = chunk["error"]
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
                chunk = _json_object(parse_event(raw).data) or {}
                for choice in chunk.get("choices") or ():
                    if isinstance(choice, dict) and isinstance(choice.get("finish_reason"), str):
                        reasons[_count(choice.get("index"))] = choice["finish_reason"]
        return reasons


class AnthropicMeter(Meter):
    def feed(self, block: bytes) -> bytes:
        self.events += block.count(b"\n\n") or 1
        if b"message_" in block or b"error" in block:
            for raw in split_events(block):
                self._read(parse_event(raw))
        return block

    def _read(self, event: Event) -> None:
        body = _json_object(event.data) or {}
        kind = body.get("type")
        if kind == "message_start":
            self.usage = anthropic_usage(_mapping(body.get("message")).get("usage"))
        elif kind == "message_delta":
            self._delta(body)
        elif kind == "message_stop":
            self.done = True
        elif kind == "error" and isinstance(body.get("error"), dict):
            self.error = body["error"]

    def _delta(self, body: Mapping[str, Any]) -> None:
        """Counts are cumulative, and the prompt's may come only with message_start."""
        self.finish = _mapping(body.get("delta")).get("stop_reason")
        before, told = self.usage, _mapping(body.get("usage"))
        if before is None or told.get("input_tokens"):
            self.usage = anthropic_usage(told) or before
        else:
            self.usage = Usage.read(before.prompt, told.get("output_tokens"), before.cached) or before


class ResponsesMeter(Meter):
    _ENDS = (b"response.completed", b"response.incomplete", b"response.failed")

    def feed(self, block: bytes) -> bytes:
        self.events += block.count(b"\n\n") or 1
        if b'"error"' in block or any(end in block for end in self._ENDS):
            for raw in split_events(block):
                self._read(_json_object(parse_event(raw).data) or {})
        return block

    def _read(self, body: Mapping[str, Any]) -> None:
        kind = str(body.get("type")).encode()
        if kind in self._ENDS:
            response = _mapping(body.get("response"))
            self.done, self.finish = True, response.get("status")
            self.usage = responses_usage(response.get("usage")) or self.usage
            self.error = response.get("error") or self.error
        elif kind == b"error":
            self.error = body.get("error") if isinstance(body.get("error"), dict) else body


def _json_object(data: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


class Dialect(ABC):
    """One wire: `/v1/{path}` upstream, and the shapes of its errors."""

    path: ClassVar[str]

    @staticmethod
    @abstractmethod
    def usage(body: Mapping[str, Any]) -> Usage | None:
        """Of a whole answer."""

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

    def meter(self, body: Mapping[str, Any]) -> Meter:
        choices = body.get("n")
        return OpenAIMeter(not asks_for_usage(body), choices if isinstance(choices, int) else 1)


class AnthropicDialect(Dialect):
    path = Route.MESSAGES.value

    @staticmethod
    def usage(body: Mapping[str, Any]) -> Usage | None:
        return anthropic_usage(body.get("usage"))

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
