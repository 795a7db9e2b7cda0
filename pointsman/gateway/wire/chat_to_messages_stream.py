"""The events of a message as the chunks of a chat completion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import orjson

from pointsman.gateway.errors import RequestError, UpstreamError
from pointsman.gateway.wire.anthropic_shapes import chat_usage, stream_error
from pointsman.gateway.wire.checks import Object
from pointsman.gateway.wire.sse import MAX_EVENT, Event, encode_event
from pointsman.gateway.wire.translate import StreamTranslation

_FINISH_REASONS = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def finish_reason(stop_reason: object) -> str:
    return _FINISH_REASONS.get(str(stop_reason), "stop")


class MessagesStreamToChat(StreamTranslation):
    def __init__(self, include_usage: bool, created: int) -> None:
        """`created` in seconds since 1970."""
        self._include_usage = include_usage
        self._head: Object = {"id": "", "object": "chat.completion.chunk", "created": created, "model": ""}
        self._calls = -1  # index of the last tool call
        self._argued = False  # whether the open tool call has arguments
        self._block: Object = {}  # the open one, as it started
        self._thought: list[str] = []
        self._thought_size = 0
        self._thoughts = -1  # index of the last thinking block
        self._usage: Object = {}
        self._stop_reason: str | None = None
        self._handlers: Mapping[str, Callable[[Mapping[str, Any]], list[bytes]]] = {
            "message_start": self._start,
            "content_block_start": self._open,
            "content_block_delta": self._delta,
            "content_block_stop": self._close,
            "message_delta": self._message_delta,
            "error": self._error,
        }

    def feed(self, event: Event) -> list[bytes]:
        if not event.data:
            return []
        try:
            body = orjson.loads(event.data)
            handle = self._handlers.get(body["type"])
            return handle(body) if handle else []
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise UpstreamError(f"The pool's stream cannot be read as a message: {error!r}") from error

    def _error(self, body: Mapping[str, Any]) -> list[bytes]:
        raise stream_error(body)

    def _start(self, body: Mapping[str, Any]) -> list[bytes]:
        message = body["message"]
        self._head["id"] = message.get("id") or f"chatcmpl-{uuid4().hex}"
        self._head["model"] = message.get("model") or ""
        self._usage |= message.get("usage") or {}
        return [self._chunk({"role": "assistant", "content": ""})]

    def _open(self, body: Mapping[str, Any]) -> list[bytes]:
        self._block = dict(body["content_block"])
        match self._block["type"]:
            case "tool_use":
                return self._open_call()
            case "text" if self._block.get("text"):
                return [self._chunk({"content": self._block["text"]})]
            case "thinking":
                self._thought.clear()
                self._thought_size = 0
                return self._think(self._block.get("thinking"))
        return []

    def _think(self, text: str | None) -> list[bytes]:
        if not text:
            return []
        self._thought.append(text)
        self._thought_size += len(text)
        if self._thought_size > MAX_EVENT:
            raise UpstreamError(f"The pool's answer has more than {MAX_EVENT} characters of thinking in one block.")
        return [self._chunk({"reasoning_content": text})]

    def _open_call(self) -> list[bytes]:
        self._calls += 1
        given = self._block.get("input")  # empty at Anthropic's; some servers send it whole here
        self._argued = bool(given)
        function = {"name": self._block["name"], "arguments": orjson.dumps(given).decode() if given else ""}
        return [self._call({"id": self._block["id"], "type": "function", "function": function})]

    def _call(self, fields: Object) -> bytes:
        return self._chunk({"tool_calls": [{"index": self._calls, **fields}]})

    def _arguments(self, text: str) -> bytes:
        return self._call({"function": {"arguments": text}})

    def _delta(self, body: Mapping[str, Any]) -> list[bytes]:
        delta = body["delta"]
        match delta["type"]:
            case "text_delta":
                return [self._chunk({"content": delta["text"]})]
            case "input_json_delta" if delta["partial_json"]:
                self._argued = True
                return [self._arguments(delta["partial_json"])]
            case "thinking_delta":
                return self._think(delta["thinking"])
            case "signature_delta":
                self._block["signature"] = delta["signature"]
        return []

    def _close(self, body: Mapping[str, Any]) -> list[bytes]:
        match self._block.get("type"):
            case "tool_use" if not self._argued:
                return [self._arguments("{}")]  # clients parse arguments as JSON
            case "thinking":
                return [self._thinking_block({"thinking": "".join(self._thought)})]
            case "redacted_thinking":
                return [self._thinking_block({})]
        return []

    def _thinking_block(self, fields: Object) -> bytes:
        self._thoughts += 1  # the SDK's stream helper merges list entries by their index
        return self._chunk({"thinking_blocks": [{"index": self._thoughts, **self._block, **fields}]})

    def _message_delta(self, body: Mapping[str, Any]) -> list[bytes]:
        self._stop_reason = body["delta"].get("stop_reason") or self._stop_reason
        told = body.get("usage") or {}  # cumulative; what is left out stays as it was
        self._usage |= {key: value for key, value in told.items() if value is not None}
        return []

    def finish(self) -> list[bytes]:
        """UpstreamError if the pool never said that it had finished."""
        if self._stop_reason is None:
            raise UpstreamError("The pool's stream ended before the answer was complete.")
        chunks = [self._chunk({}, finish_reason(self._stop_reason))]
        if self._include_usage:
            chunks.append(_data({**self._head, "choices": [], "usage": chat_usage(self._usage)}))
        return [*chunks, encode_event(b"[DONE]")]

    def fail(self, error: RequestError) -> bytes:
        return encode_event(error.body())

    def _chunk(self, delta: Object, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        usage = {"usage": None} if self._include_usage else {}
        return _data({**self._head, "choices": [choice], **usage})


def _data(chunk: Object) -> bytes:
    return encode_event(orjson.dumps(chunk))
