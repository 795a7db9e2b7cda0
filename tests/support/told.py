"""A good answer in each wire. Every word carries the answer's own mark, so that a client's text says whose it is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

from tests.support.upstream import Exchange, Request, head

WORDS = 6
_MARKS = count(1)
_USAGE = {"prompt_tokens": 3, "completion_tokens": WORDS, "total_tokens": 3 + WORDS}
_MESSAGES_USAGE = {"input_tokens": 3, "output_tokens": WORDS}
_RESPONSES_USAGE = {
    "input_tokens": 3,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": WORDS,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 3 + WORDS,
}


def words(mark: int) -> list[str]:
    return [f"<{mark}:{number}>é " for number in range(WORDS)]


def text_of(mark: int) -> str:
    return "".join(words(mark))


def marks_in(text: str) -> set[int]:
    return {int(mark) for mark in re.findall(r"<(\d+):", text)}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def event(data: Any, name: str = "") -> bytes:
    line = data if isinstance(data, bytes) else _json(data)
    return b"event: %b\ndata: %b\n\n" % (name.encode(), line) if name else b"data: %b\n\n" % line


def _typed(kind: str, **fields: Any) -> bytes:
    return event({"type": kind, **fields}, kind)


@dataclass(frozen=True)
class Told:
    """What a well-behaved upstream would say. `said` are the events up to the last word, `ending` is the rest;
    of an answer in one piece, `said` holds all."""

    mark: int
    media: str
    said: list[bytes]
    ending: list[bytes]

    @cached_property
    def body(self) -> bytes:
        return b"".join(self.said + self.ending)

    @property
    def streamed(self) -> bool:
        return self.media == "text/event-stream"

    def head(self, status: int = 200, length: int | None = None, **headers: str) -> bytes:
        """With the true length unless another is given."""
        fields = {"content-type": self.media, "content-length": str(len(self.body) if length is None else length)}
        return head(status, fields | {name.replace("_", "-"): value for name, value in headers.items()})

    def chunked_head(self, **headers: str) -> bytes:
        fields = {"content-type": self.media, "transfer-encoding": "chunked"}
        return head(200, fields | {name.replace("_", "-"): value for name, value in headers.items()})


def told(request: Request) -> Told:
    mark, wanted = next(_MARKS), request.json
    build = _BUILDERS.get(request.target.removeprefix("/v1"), _bytes)
    return build(mark, bool(wanted.get("stream")))


async def tell(x: Exchange, answer: Told) -> None:
    """Well, and in the pieces that an engine sends."""
    await x.send(answer.chunked_head())
    for part in answer.said + answer.ending:
        await x.chunk(part)
    await x.end()


def _one(mark: int, body: Any) -> Told:
    return Told(mark, "application/json", [_json(body)], [])


def _stream(mark: int, said: list[bytes], ending: list[bytes]) -> Told:
    return Told(mark, "text/event-stream", said, ending)


def _bytes(mark: int, streamed: bool) -> Told:
    return Told(mark, "audio/mpeg", [word.encode() for word in words(mark)], [])


def _chat(mark: int, streamed: bool) -> Told:
    envelope = {"id": f"chatcmpl-{mark}", "created": 1, "model": "served"}
    if not streamed:
        message = {"role": "assistant", "content": text_of(mark)}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return _one(mark, {**envelope, "object": "chat.completion", "choices": choices, "usage": _USAGE})

    def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        return event({**envelope, "object": "chat.completion.chunk", "choices": choices})

    usage = event({**envelope, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE})
    return _stream(
        mark, [chunk({"content": word}) for word in words(mark)], [chunk({}, "stop"), usage, event(b"[DONE]")]
    )


def _messages(mark: int, streamed: bool) -> Told:
    message: dict[str, Any] = {
        "id": f"msg_{mark}",
        "type": "message",
        "role": "assistant",
        "model": "served",
        "content": [{"type": "text", "text": text_of(mark)}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": _MESSAGES_USAGE,
    }
    if not streamed:
        return _one(mark, message)
    start = message | {"content": [], "stop_reason": None, "usage": {"input_tokens": 3, "output_tokens": 0}}
    said = [
        _typed("message_start", message=start),
        _typed("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *(_typed("content_block_delta", index=0, delta={"type": "text_delta", "text": w}) for w in words(mark)),
    ]
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    ending = [
        _typed("content_block_stop", index=0),
        _typed("message_delta", delta=delta, usage={"output_tokens": WORDS}),
        _typed("message_stop"),
    ]
    return _stream(mark, said, ending)


def _responses(mark: int, streamed: bool) -> Told:
    part = {"type": "output_text", "text": text_of(mark), "annotations": []}
    item = {"id": f"msg_{mark}", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    response: dict[str, Any] = {
        "id": f"resp_{mark}",
        "object": "response",
        "created_at": 1,
        "model": "served",
        "status": "completed",
        "output": [item],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": _RESPONSES_USAGE,
    }
    if not streamed:
        return _one(mark, response)
    begun = response | {"status": "in_progress", "output": [], "usage": None}
    where = {"item_id": item["id"], "output_index": 0, "content_index": 0, "logprobs": []}
    said = [
        _typed("response.created", sequence_number=0, response=begun),
        *(
            _typed("response.output_text.delta", sequence_number=number, delta=word, **where)
            for number, word in enumerate(words(mark), 1)
        ),
    ]
    return _stream(mark, said, [_typed("response.completed", sequence_number=WORDS + 1, response=response)])


_BUILDERS = {"/chat/completions": _chat, "/messages": _messages, "/responses": _responses}
