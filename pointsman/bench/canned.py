"""What clients ask and the static upstream answers: always the same bytes, so that nothing but relaying is measured."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import orjson

PATH = "/v1/chat/completions"
COUNTER = b"00000000"
PROMPT = (
    "Where can I read about the history of wooden bridges in the mountains, and which of them still stand? "
    f"Ticket {COUNTER.decode()}."
)
"""With a number for the counter, no two requests are alike: nobody can answer from memory."""
MODEL = "bench/static"

_STREAM = re.compile(rb'"stream": ?true')
_USAGE = re.compile(rb'"include_usage": ?true')
_EVENTS = re.compile(rb'"max_tokens": ?(\d+)')
_PER_WRITE = re.compile(rb'"seed": ?(\d+)')
_NAME = re.compile(rb'"user": ?"([^"]*)"')


def request_body(**extra: object) -> bytes:
    """About 200 bytes."""
    message = {"role": "user", "content": PROMPT}
    return orjson.dumps({"model": "auto", "messages": [message], "temperature": 0.2, "top_p": 0.9, **extra})


def stream_body(events: int, per_write: int, name: str) -> bytes:
    """The upstream reads its orders from fields that every OpenAI-compatible relay passes on."""
    return request_body(max_tokens=events, seed=per_write, user=name, stream=True)


def http_request(body: bytes, host: str, headers: Mapping[str, str]) -> bytes:
    fields = {"host": host, "content-type": "application/json", "content-length": str(len(body)), **headers}
    lines = [f"POST {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def completion() -> bytes:
    text = "Many of them cross the gorges of the Alps; the museum of each valley knows its own."
    message = {"role": "assistant", "content": text}
    return orjson.dumps(
        {
            "id": "chatcmpl-0123456789abcdef",
            "object": "chat.completion",
            "created": 1750000000,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 29, "completion_tokens": 19, "total_tokens": 48},
        }
    )


def _chunk(choices: list[dict[str, object]], **extra: object) -> bytes:
    return orjson.dumps(
        {
            "id": "chatcmpl-0123456789abcdef",
            "object": "chat.completion.chunk",
            "created": 1750000000,
            "model": MODEL,
            "choices": choices,
            **extra,
        }
    )


def _event(data: bytes) -> bytes:
    return b"data: %b\n\n" % data


EVENT = _event(_chunk([{"index": 0, "delta": {"content": " bridge"}, "finish_reason": None}]))
_LAST = _event(_chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
_COUNTED = _event(_chunk([], usage={"prompt_tokens": 29, "completion_tokens": 500, "total_tokens": 529}))


def stream_end(usage: bool) -> bytes:
    return _LAST + (_COUNTED if usage else b"") + _event(b"[DONE]")


@lru_cache(maxsize=8)
def whole_stream(events: int) -> bytes:
    """What a client that did not ask for usage must get, byte for byte."""
    return EVENT * events + stream_end(usage=False)


class Order:
    """What a request asks of the static upstream."""

    __slots__ = ("events", "name", "per_write", "stream", "usage")

    def __init__(self, body: bytes) -> None:
        self.stream = _STREAM.search(body) is not None
        self.events = _number(_EVENTS, body)
        self.per_write = max(1, _number(_PER_WRITE, body))
        self.usage = _USAGE.search(body) is not None
        name = _NAME.search(body)
        self.name = name[1] if name else b""


def _number(pattern: re.Pattern[bytes], body: bytes) -> int:
    match = pattern.search(body)
    return int(match[1]) if match else 0
