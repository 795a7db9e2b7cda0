"""A whole answer as the stream of events in which its wire would have told it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from pointsman.gateway.caching.pieces import pieces
from pointsman.gateway.wire.anthropic_shapes import encode
from pointsman.gateway.wire.checks import Object
from pointsman.gateway.wire.sse import encode_event
from pointsman.signals.facts import Route

_DONE = encode_event(b"[DONE]")
_ENVELOPE = frozenset(("choices", "usage", "object"))
_TEXTS = ("reasoning_content", "reasoning", "content", "refusal")
"""In the order in which they are said."""


def streamed(route: Route, answer: Mapping[str, Any], usage: bool) -> bytes:
    """`usage`: whether the client asked for it, where the wire wants it asked for. LookupError, TypeError, ValueError
    or AttributeError if the answer is none of the wire."""
    return b"".join(_STREAMS[route](answer, usage))


# Chat and text completions


def _chat(answer: Mapping[str, Any], usage: bool) -> Iterator[bytes]:
    choice = answer["choices"][0]
    message = choice["message"]
    texts = {key: message[key] for key in _TEXTS if isinstance(message.get(key), str)}
    others = {key: value for key, value in message.items() if key not in texts and key != "tool_calls"}
    chunk = _chunks(answer, "chat.completion.chunk")
    yield chunk({"delta": {**others, "role": "assistant", "content": "" if "content" in texts else None}})
    for key, text in texts.items():
        for piece in pieces(text):
            yield chunk({"delta": {key: piece}})
    for index, call in enumerate(message.get("tool_calls") or ()):
        yield chunk({"delta": {"tool_calls": [{"index": index, **call}]}})
    rest = {key: value for key, value in choice.items() if key not in ("index", "message", "logprobs")}
    yield chunk({"delta": {}, **rest})
    yield from _end(answer, "chat.completion.chunk", usage)


def _completion(answer: Mapping[str, Any], usage: bool) -> Iterator[bytes]:
    choice = answer["choices"][0]
    chunk = _chunks(answer, "text_completion")
    for piece in pieces(choice["text"]):
        yield chunk({"text": piece})
    rest = {key: value for key, value in choice.items() if key not in ("index", "text", "logprobs")}
    yield chunk({"text": "", **rest})
    yield from _end(answer, "text_completion", usage)


def _chunks(answer: Mapping[str, Any], kind: str) -> Callable[[Object], bytes]:
    head = _head(answer, kind)

    def chunk(told: Object) -> bytes:
        choice = {"index": 0, "logprobs": None, "finish_reason": None} | told
        return encode_event(orjson.dumps({**head, "choices": [choice]}))

    return chunk


def _head(answer: Mapping[str, Any], kind: str) -> Object:
    return {"object": kind} | {key: value for key, value in answer.items() if key not in _ENVELOPE}


def _end(answer: Mapping[str, Any], kind: str, usage: bool) -> Iterator[bytes]:
    if usage and answer.get("usage"):
        yield encode_event(orjson.dumps({**_head(answer, kind), "choices": [], "usage": answer["usage"]}))
    yield _DONE


# Anthropic messages

_ENDS = ("stop_reason", "stop_sequence")


def _message(answer: Mapping[str, Any], usage: bool) -> Iterator[bytes]:
    counts = answer.get("usage") or {}
    begun = {**answer, "content": [], **dict.fromkeys(_ENDS), "usage": {**counts, "output_tokens": 1}}
    yield encode({"type": "message_start", "message": begun})
    for index, block in enumerate(answer["content"]):
        empty, deltas = _block(block)
        yield encode({"type": "content_block_start", "index": index, "content_block": empty})
        for delta in deltas:
            yield encode({"type": "content_block_delta", "index": index, "delta": delta})
        yield encode({"type": "content_block_stop", "index": index})
    ends = {key: answer.get(key) for key in _ENDS}
    yield encode({"type": "message_delta", "delta": ends, "usage": counts})
    yield encode({"type": "message_stop"})


def _block(block: Mapping[str, Any]) -> tuple[Object, list[Object]]:
    """How it begins, and what is added to it."""
    match block["type"]:
        case "text":
            said: list[Object] = [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
            said += [{"type": "citations_delta", "citation": one} for one in block.get("citations") or ()]
            return {**block, "text": "", **({"citations": []} if block.get("citations") else {})}, said
        case "thinking":
            said = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])]
            said.append({"type": "signature_delta", "signature": block.get("signature") or ""})
            return {**block, "thinking": "", "signature": ""}, said
        case "tool_use":
            arguments = orjson.dumps(block.get("input") or {}).decode()
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": arguments}]
        case _:
            return dict(block), []


# Responses


def _response(answer: Mapping[str, Any], usage: bool) -> Iterator[bytes]:
    for number, (kind, told) in enumerate(_response_events(answer)):
        yield encode({"type": kind, "sequence_number": number, **told})


def _response_events(answer: Mapping[str, Any]) -> Iterator[tuple[str, Object]]:
    begun = {**answer, "status": "in_progress", "output": [], "usage": None}
    begun.pop("completed_at", None)
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(answer["output"]):
        yield from _item(index, item)
    yield "response.completed", {"response": answer}


def _item(index: int, item: Mapping[str, Any]) -> Iterator[tuple[str, Object]]:
    place = {"item_id": item.get("id"), "output_index": index}
    empty = {**item, **({"status": "in_progress"} if "status" in item else {})}
    if item["type"] in ("message", "reasoning"):
        yield "response.output_item.added", {"output_index": index, "item": _emptied(empty)}
        for number, part in enumerate(item.get("summary") or ()):
            yield from _part(
                {**place, "summary_index": number}, part, "reasoning_summary_part", "reasoning_summary_text"
            )
        for number, part in enumerate(item.get("content") or ()):
            yield from _part({**place, "content_index": number}, part, "content_part", part["type"])
    elif item["type"] == "function_call":
        yield "response.output_item.added", {"output_index": index, "item": {**empty, "arguments": ""}}
        arguments = item["arguments"]
        yield "response.function_call_arguments.delta", {**place, "delta": arguments}
        yield "response.function_call_arguments.done", {**place, "name": item["name"], "arguments": arguments}
    else:
        yield "response.output_item.added", {"output_index": index, "item": empty}
    yield "response.output_item.done", {"output_index": index, "item": item}


def _emptied(item: Object) -> Object:
    return item | {key: [] for key in ("summary", "content") if isinstance(item.get(key), list)}


def _part(place: Object, part: Mapping[str, Any], frame: str, kind: str) -> Iterator[tuple[str, Object]]:
    key = "refusal" if part["type"] == "refusal" else "text"
    lists: Object = {name: [] for name in ("annotations", "logprobs") if isinstance(part.get(name), list)}
    told: Object = {"logprobs": []} if kind == "output_text" else {}
    yield f"response.{frame}.added", {**place, "part": {**part, key: "", **lists}}
    for piece in pieces(part[key]):
        yield f"response.{kind}.delta", {**place, "delta": piece, **told}
    for number, annotation in enumerate(part.get("annotations") or ()):
        added = {**place, "annotation_index": number, "annotation": annotation}
        yield "response.output_text.annotation.added", added
    yield f"response.{kind}.done", {**place, key: part[key], **told}
    yield f"response.{frame}.done", {**place, "part": part}


_STREAMS: Mapping[Route, Callable[[Mapping[str, Any], bool], Iterator[bytes]]] = {
    Route.CHAT: _chat,
    Route.COMPLETIONS: _completion,
    Route.MESSAGES: _message,
    Route.RESPONSES: _response,
}
