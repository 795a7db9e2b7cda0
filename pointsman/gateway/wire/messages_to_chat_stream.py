"""The chunks of a chat completion as the events of a message.

A message's blocks come one after the other, while chunks may interleave parallel tool calls. So the first
block that is not known to be whole streams, and those behind it wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson

from pointsman.gateway.errors import RequestError, UpstreamError
from pointsman.gateway.wire.anthropic_shapes import (
    SIGNATURE,
    encode,
    messages_usage,
    request_error_body,
    stream_error,
)
from pointsman.gateway.wire.checks import Object
from pointsman.gateway.wire.sse import MAX_EVENT, Event
from pointsman.gateway.wire.translate import StreamTranslation

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "end_turn",  # without any; with some it is tool_use
    "content_filter": "refusal",
}


def reasoning_of(message: Mapping[str, Any]) -> str:
    return message.get("reasoning_content") or message.get("reasoning") or ""


def stop_of(choice: Mapping[str, Any], called: bool, stops: Set[str]) -> tuple[str, str | None]:
    """Anthropic's stop_reason and stop_sequence. vLLM and SGLang tell which stop string it was."""
    finish = str(choice.get("finish_reason") or "stop")
    if finish in ("error", "abort"):
        raise UpstreamError(f"The pool gave the answer up ({finish}).")
    if called and finish not in ("length", "content_filter"):
        return "tool_use", None  # a forced call finishes with `stop`
    matched = choice.get("stop_reason") or choice.get("matched_stop")
    if finish == "stop" and isinstance(matched, str) and matched in stops:
        return "stop_sequence", matched
    return _STOP_REASONS.get(finish, "end_turn"), None


@dataclass(slots=True)
class _Block:
    """`kind` is text, thinking or tool_use; `waiting` is what was not sent yet."""

    kind: str
    start: Object
    waiting: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)  # all of a tool call's
    index: int = -1  # -1: not sent
    closed: bool = False
    blank: bool = True

    def add(self, text: str) -> None:
        if self.closed and text.strip():
            raise UpstreamError("The pool added to a tool call whose arguments were complete.")
        self.waiting.append(text)
        self.blank = self.blank and not text.strip()
        if self.kind == "tool_use":
            self.arguments.append(text)

    def can_start(self) -> bool:
        """Not without a name, and not for blank text, which Anthropic refuses in the next turn's history."""
        return bool(self.start["name"]) if self.kind == "tool_use" else not self.blank

    def whole(self) -> bool:
        """For a block that others follow: no longer text can be an object if this one is."""
        if self.kind != "tool_use":
            return True
        if not self.arguments or not self.arguments[-1].rstrip().endswith("}"):
            return False
        try:
            orjson.loads("".join(self.arguments))
        except orjson.JSONDecodeError:
            return False
        return True

    def delta(self) -> Object:
        text = "".join(self.waiting)
        match self.kind:
            case "text":
                return {"type": "text_delta", "text": text}
            case "thinking":
                return {"type": "thinking_delta", "thinking": text}
        return {"type": "input_json_delta", "partial_json": text}


class _Blocks:
    """Puts text where it belongs, gives out events in the order of the wire."""

    def __init__(self) -> None:
        self._queue: deque[_Block] = deque()
        self._calls: dict[int, _Block] = {}
        self._last_call = -1
        self._next = 0
        self._size = 0  # of what is kept: tool calls, and text that has to wait
        self.called = False

    def add_text(self, kind: str, text: str) -> None:
        if not self._queue or self._queue[-1].kind != kind:
            fields = {"text": ""} if kind == "text" else {"thinking": "", "signature": ""}
            self._queue.append(_Block(kind, {"type": kind, **fields}))
        block = self._queue[-1]
        block.add(text)
        if block.index < 0:
            self._keep(len(text))

    def add_call(self, delta: Mapping[str, Any]) -> None:
        index = self._index(delta)
        call, function = self._calls.get(index), delta.get("function") or {}
        if call is None or (delta.get("id") and delta["id"] != call.start["id"]):
            call = self._calls[index] = self._new_call(delta.get("id"))
        self._last_call = index
        if function.get("name") and call.index < 0:
            call.start["name"] = function["name"]
        if function.get("arguments"):
            call.add(function["arguments"])
            self._keep(len(function["arguments"]))

    def _keep(self, size: int) -> None:
        self._size += size
        if self._size > MAX_EVENT:
            raise UpstreamError(f"The pool sent more than {MAX_EVENT} characters of tool calls or blank text.")

    def _index(self, delta: Mapping[str, Any]) -> int:
        """Some servers leave it out: then a new id is a new call."""
        if isinstance(delta.get("index"), int):
            return int(delta["index"])
        return self._last_call + 1 if delta.get("id") or self._last_call < 0 else self._last_call

    def _new_call(self, call_id: str | None) -> _Block:
        start = {"type": "tool_use", "id": call_id or f"toolu_{uuid4().hex}", "name": "", "input": {}}
        self._queue.append(_Block("tool_use", start))
        self.called = True
        return self._queue[-1]

    def advance(self, end: bool = False) -> list[bytes]:
        events: list[bytes] = []
        while self._queue:
            head = self._queue[0]
            events += self._send(head)
            if not end and (len(self._queue) == 1 or not head.whole()):
                break
            events += self._close(head)
            self._queue.popleft()
        return events

    def _send(self, block: _Block) -> list[bytes]:
        events = []
        if block.index < 0:
            if not block.can_start():
                return []
            block.index, self._next = self._next, self._next + 1
            events.append(_event("content_block_start", index=block.index, content_block=block.start))
        if block.waiting:
            events.append(_event("content_block_delta", index=block.index, delta=block.delta()))
            block.waiting.clear()
        return events

    def _close(self, block: _Block) -> list[bytes]:
        block.closed = True
        if block.index < 0:
            if block.kind == "tool_use":
                raise UpstreamError("The pool sent a tool call without a name.")
            return []
        events = [_event("content_block_stop", index=block.index)]
        if block.kind == "thinking":
            delta = {"type": "signature_delta", "signature": SIGNATURE}
            events.insert(0, _event("content_block_delta", index=block.index, delta=delta))
        return events


class ChatStreamToMessages(StreamTranslation):
    def __init__(self, stops: Set[str] = frozenset(), show_thinking: bool = True) -> None:
        self._stops = stops
        self._show_thinking = show_thinking
        self._blocks = _Blocks()
        self._started = False
        self._choice: Mapping[str, Any] = {}  # the one with the finish reason
        self._refused = False
        self._usage: object = None

    def feed(self, event: Event) -> list[bytes]:
        if not event.data or event.data == b"[DONE]":
            return []
        try:
            return self._chunk(orjson.loads(event.data))
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise UpstreamError(f"The pool's stream cannot be read as a chat completion: {error!r}") from error

    def _chunk(self, chunk: Mapping[str, Any]) -> list[bytes]:
        if chunk.get("error"):
            raise stream_error(chunk)
        self._usage = chunk.get("usage") or self._usage
        events = [] if self._started else [self._start(chunk)]
        for choice in chunk.get("choices") or ():
            if choice.get("index", 0) == 0:
                self._add(choice.get("delta") or {})
                self._choice = choice if choice.get("finish_reason") else self._choice
        return events + self._blocks.advance()

    def _start(self, chunk: Mapping[str, Any]) -> bytes:
        self._started = True
        message: Object = {
            "id": chunk.get("id") or f"msg_{uuid4().hex}",
            "type": "message",
            "role": "assistant",
            "model": chunk.get("model") or "",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": messages_usage(self._usage),  # the true counts come with message_delta
        }
        return _event("message_start", message=message)

    def _add(self, delta: Mapping[str, Any]) -> None:
        if self._show_thinking and (reasoning := reasoning_of(delta)):
            self._blocks.add_text("thinking", reasoning)
        for key in ("content", "refusal"):
            if delta.get(key):
                self._blocks.add_text("text", delta[key])
        self._refused = self._refused or bool(delta.get("refusal"))
        for call in delta.get("tool_calls") or ():
            self._blocks.add_call(call)

    def finish(self) -> list[bytes]:
        """UpstreamError if the pool never said that it had finished."""
        if not self._choice:
            raise UpstreamError("The pool's stream ended before the answer was complete.")
        reason, sequence = stop_of(self._choice, self._blocks.called, self._stops)
        delta = {"stop_reason": "refusal" if self._refused else reason, "stop_sequence": sequence}
        return [
            *self._blocks.advance(end=True),
            _event("message_delta", delta=delta, usage=messages_usage(self._usage)),
            _event("message_stop"),
        ]

    def fail(self, error: RequestError) -> bytes:
        return encode(request_error_body(error))


def _event(kind: str, **fields: Any) -> bytes:
    return encode({"type": kind, **fields})
