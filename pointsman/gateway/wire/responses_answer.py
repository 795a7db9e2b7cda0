"""A chat answer as it grows into a Response: chunks in, events of the Responses API out."""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from pointsman.gateway.errors import RequestError, UpstreamError
from pointsman.gateway.wire.checks import Object
from pointsman.gateway.wire.responses_items import CallItem, Item, ItemEvent, TextItem
from pointsman.gateway.wire.responses_request import asks_for_logprobs
from pointsman.gateway.wire.sse import MAX_EVENT

_PIECE = 100
"""Characters that the frame of an item or of a token's probability counts for."""

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Answer:
    """One answer's state. A text item closes when another kind follows; calls stay open to the end, because
    the pieces of parallel calls may come in any order."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._head = _echo(request)
        self._wants_logprobs = asks_for_logprobs(request)
        self._begun = False
        self._key = ""
        self._sequence = 0
        self._kept = 0  # characters: the last event tells everything again
        self._items: list[Item] = []
        self._text: TextItem | None = None  # the open one
        self._calls: dict[str, CallItem] = {}  # by the upstream's index
        self._usage: Object | None = None
        self._finish: str | None = None

    def feed(self, chunk: Mapping[str, Any]) -> Iterator[Object]:
        if not self._begun:
            yield from self._begin(chunk)
        self._usage = _usage(chunk.get("usage")) or self._usage
        for choice in _objects(chunk.get("choices")):
            if not choice.get("index"):
                yield from map(self._number, self._choice(choice))

    def end(self) -> Iterator[Object]:
        if not self._begun:
            yield from self._begin({})
        reason = _INCOMPLETE.get(self._finish or "")
        status = "incomplete" if reason else "completed"
        yield from map(self._number, self._close_all(status))
        self._head["incomplete_details"] = {"reason": reason} if reason else None
        yield self._number((f"response.{status}", {"response": self.response(status)}))

    def fail(self, error: RequestError) -> Iterator[Object]:
        """The event that the API has for this, then what alone makes the SDK raise: a top-level `error`."""
        if self._begun:
            code = "rate_limit_exceeded" if error.status == 429 else "server_error"
            self._head["error"] = {"code": code, "message": error.told}
            yield self._number(("response.failed", {"response": self.response("failed")}))
        told = {"code": error.code, "message": error.told, "param": error.param}
        yield self._number(("error", {**told, "error": error.object()}))

    def response(self, status: str) -> Object:
        output = [item.object() for item in self._items]
        return {**self._head, "status": status, "output": output, "usage": self._usage}

    def _number(self, event: ItemEvent) -> Object:
        kind, told = event
        numbered = {"type": kind, "sequence_number": self._sequence, **told}
        self._sequence += 1
        return numbered

    def _begin(self, chunk: Mapping[str, Any]) -> Iterator[Object]:
        self._begun = True
        self._key = str(chunk.get("id") or uuid.uuid4().hex).removeprefix("chatcmpl-")
        created = chunk.get("created") or int(time.time())
        self._head |= {"id": f"resp_{self._key}", "object": "response", "created_at": created}
        self._head["model"] = chunk.get("model") or ""
        if chunk.get("service_tier") is not None:
            self._head["service_tier"] = chunk["service_tier"]
        for kind in ("response.created", "response.in_progress"):
            yield self._number((kind, {"response": self.response("in_progress")}))

    def _choice(self, choice: Mapping[str, Any]) -> Iterator[ItemEvent]:
        delta = _mapping(choice.get("delta"))
        yield from self._say("reasoning_text", delta.get("reasoning_content") or delta.get("reasoning"))
        yield from self._say("output_text", delta.get("content"), self._logprobs(choice))
        yield from self._say("refusal", delta.get("refusal"))
        for call in _objects(delta.get("tool_calls")):
            yield from self._call(call)
        if isinstance(choice.get("finish_reason"), str):
            self._finish = choice["finish_reason"]

    def _logprobs(self, choice: Mapping[str, Any]) -> list[Object]:
        given = _mapping(choice.get("logprobs")).get("content") if self._wants_logprobs else None
        return [_logprob(token) for token in _objects(given)]

    def _say(self, kind: str, text: object, logprobs: Sequence[Object] = ()) -> Iterator[ItemEvent]:
        # A token may end inside a character: then its text comes later, its probability now.
        if isinstance(text, str) and (text or logprobs):
            self._keep(len(text) + _PIECE * sum(1 + len(token["top_logprobs"]) for token in logprobs))
            item = yield from self._text_item("reasoning" if kind == "reasoning_text" else "message")
            yield from item.grow(kind, text, logprobs)

    def _text_item(self, kind: str) -> Generator[ItemEvent, None, TextItem]:
        if self._text is None or self._text.kind != kind:
            yield from self._close_text()
            prefix = "rs" if kind == "reasoning" else "msg"
            self._text = TextItem(kind, self._id(prefix), len(self._items))
            yield from self._open(self._text)
        return self._text

    def _close_text(self) -> Iterator[ItemEvent]:
        if self._text is not None:
            yield from self._text.close("completed")
            self._text = None

    def _call(self, delta: Mapping[str, Any]) -> Iterator[ItemEvent]:
        function, index, call_id = _mapping(delta.get("function")), str(delta.get("index")), delta.get("id")
        call = self._calls.get(index)
        # Servers that number badly or not at all still give each call its own id.
        if call is None or (call_id and call_id != call.call_id):
            yield from self._close_text()
            call_id = str(call_id or self._id("call"))
            call = CallItem(self._id("fc"), len(self._items), call_id, str(function.get("name") or ""))
            self._calls[index] = call
            yield from self._open(call)
        if piece := _arguments(function.get("arguments")):
            self._keep(len(piece))
            yield from call.grow(piece)

    def _keep(self, size: int) -> None:
        self._kept += size
        if self._kept > MAX_EVENT:
            raise UpstreamError(f"The upstream's answer has more than the {MAX_EVENT} characters of one event.")

    def _open(self, item: Item) -> Iterator[ItemEvent]:
        self._keep(_PIECE)
        self._items.append(item)
        yield from item.open()

    def _close_all(self, status: str) -> Iterator[ItemEvent]:
        if status == "completed" and all(item.kind == "reasoning" for item in self._items):
            message = yield from self._text_item("message")  # a whole answer has one, be it empty
            yield from message.grow("output_text", "", ())
        for item in self._items:
            if item.status == "in_progress":
                yield from item.close(status if item is self._items[-1] else "completed")

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._key}_{len(self._items)}"


def _objects(value: object) -> Iterable[Object]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def _mapping(value: object) -> Object:
    return value if isinstance(value, dict) else {}


def _arguments(given: object) -> str:
    if isinstance(given, dict):
        return orjson.dumps(given).decode()  # some servers parse them already
    return given if isinstance(given, str) else ""


def _logprob(token: Object) -> Object:
    top = [_logprob_of(one) for one in _objects(token.get("top_logprobs"))]
    return {**_logprob_of(token), "top_logprobs": top}


def _logprob_of(token: Object) -> Object:
    return {"token": token.get("token"), "logprob": token.get("logprob"), "bytes": token.get("bytes") or []}


def _usage(given: object) -> Object | None:
    if not isinstance(given, dict):
        return None
    read, written = (_mapping(given.get(f"{side}_tokens_details")) for side in ("prompt", "completion"))
    prompt, completion = given.get("prompt_tokens") or 0, given.get("completion_tokens") or 0
    return {
        "input_tokens": prompt,
        "input_tokens_details": {
            "cached_tokens": read.get("cached_tokens") or 0,
            "cache_write_tokens": read.get("cache_write_tokens") or 0,
        },
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": written.get("reasoning_tokens") or 0},
        "total_tokens": given.get("total_tokens") or prompt + completion,
    }


def _echo(body: Mapping[str, Any]) -> Object:
    """What a Response tells of its request. Unset sampling stays null: its defaults are the upstream's."""
    given = {key: body.get(key) for key in _ECHOED}
    return given | {
        "background": False,
        "error": None,
        "incomplete_details": None,
        "metadata": body.get("metadata") or {},
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None} | (body.get("reasoning") or {}),
        "store": False,  # nothing is kept, whatever was asked
        "text": {"format": {"type": "text"}} | (body.get("text") or {}),
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "truncation": "disabled",
    }


_ECHOED = (
    "instructions", "max_output_tokens", "max_tool_calls", "prompt_cache_key", "safety_identifier",
    "service_tier", "temperature", "top_logprobs", "top_p", "user",
)  # fmt: skip
