"""A whole answer out of the events of its stream, in the same wire."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from pointsman.gateway.observe.outcome import Usage
from pointsman.gateway.wire.checks import Object
from pointsman.gateway.wire.sse import parse_event, split_events
from pointsman.signals.facts import Route

_GROWING = frozenset(("content", "reasoning_content", "reasoning", "refusal"))
_ENVELOPE = frozenset(("choices", "usage", "object"))


def assembled(route: Route, body: bytes, usage: Usage | None) -> Object | None:
    """None if it did not end as the wire wants, or is none of the wire. `usage` is what the upstream counted, and is
    told where the stream itself was not asked to tell."""
    assemble = _ASSEMBLERS.get(route)
    if assemble is None:
        return None
    try:
        whole = assemble([orjson.loads(data) for data in _data(body)])
    except (orjson.JSONDecodeError, LookupError, TypeError, ValueError, AttributeError):
        return None  # some server's own idea of the wire
    if whole is not None and usage is not None and whole.get("usage", usage) is None:
        whole["usage"] = _counts(usage)
    return whole


def _data(body: bytes) -> Iterable[bytes]:
    events = (parse_event(raw).data for raw in split_events(body))
    return (data for data in events if data and data != b"[DONE]")


def _counts(usage: Usage) -> Object:
    told: Object = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }
    return told if usage.cached is None else told | {"prompt_tokens_details": {"cached_tokens": usage.cached}}


# Chat and text completions


def _chat(events: list[Object]) -> Object | None:
    message, calls = _Grown(), _Calls()
    choice: Object = {"index": 0, "message": {}, "logprobs": None, "finish_reason": None}
    for told in _choices(events):
        delta = told["delta"]
        calls.add(delta.get("tool_calls") or ())
        message.add({key: value for key, value in delta.items() if key != "tool_calls"})
        choice |= {key: value for key, value in told.items() if key != "delta" and value is not None}
    if choice["finish_reason"] is None:
        return None
    choice["message"] = {"role": "assistant", "content": None} | message.members() | calls.members()
    return _envelope(events, "chat.completion") | {"choices": [choice], "usage": _last_usage(events)}


def _completion(events: list[Object]) -> Object | None:
    texts: list[str] = []
    choice: Object = {"index": 0, "text": "", "logprobs": None, "finish_reason": None}
    for told in _choices(events):
        texts.append(told["text"])
        choice |= {key: value for key, value in told.items() if value is not None}
    if choice["finish_reason"] is None:
        return None
    choice["text"] = "".join(texts)
    return _envelope(events, "text_completion") | {"choices": [choice], "usage": _last_usage(events)}


def _choices(events: list[Object]) -> Iterable[Object]:
    return (choice for event in events for choice in event.get("choices") or () if not choice.get("index"))


def _envelope(events: list[Object], kind: str) -> Object:
    return {"object": kind} | {key: value for key, value in events[0].items() if key not in _ENVELOPE}


def _last_usage(events: list[Object]) -> Object | None:
    return next((event["usage"] for event in reversed(events) if event.get("usage")), None)


class _Grown:
    """Members of a message: texts that grow, and whatever else there is, as it was said last."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._others: Object = {}

    def add(self, delta: Mapping[str, Any]) -> None:
        for key, value in delta.items():
            if value is None:
                continue
            if key in _GROWING and isinstance(value, str):
                self._texts.setdefault(key, []).append(value)
            elif isinstance(value, list) and isinstance(self._others.get(key), list):
                self._others[key] = self._others[key] + value
            else:
                self._others[key] = value

    def members(self) -> Object:
        return self._others | {key: "".join(parts) for key, parts in self._texts.items()}


class _Calls:
    def __init__(self) -> None:
        self._calls: dict[int, Object] = {}
        self._arguments: dict[int, list[str]] = {}

    def add(self, deltas: Iterable[Object]) -> None:
        for number, delta in enumerate(deltas):
            at, function = delta.get("index", number), delta.get("function") or {}
            call = self._calls.setdefault(
                at, {"id": None, "type": "function", "function": {"name": "", "arguments": ""}}
            )
            call["id"] = call["id"] or delta.get("id")
            call["function"]["name"] = call["function"]["name"] or function.get("name") or ""
            self._arguments.setdefault(at, []).append(function.get("arguments") or "")

    def members(self) -> Object:
        for at, parts in self._arguments.items():
            self._calls[at]["function"]["arguments"] = "".join(parts)
        return {"tool_calls": [self._calls[at] for at in sorted(self._calls)]} if self._calls else {}


# Anthropic messages

_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


def _message(events: list[Object]) -> Object | None:
    message: Object | None = None
    blocks: dict[int, Object] = {}
    pieces: dict[tuple[int, str], list[str]] = {}
    ended = False
    for event in events:
        match event["type"]:
            case "message_start":
                message = dict(event["message"])
            case "content_block_start":
                blocks[event["index"]] = dict(event["content_block"])
            case "content_block_delta":
                _grow(blocks[event["index"]], pieces, event["index"], event["delta"])
            case "message_delta" if message is not None:
                usage = {**(message.get("usage") or {}), **(event.get("usage") or {})}
                message |= {**event["delta"], "usage": usage}
            case "message_stop":
                ended = True
    if message is None or not ended:
        return None
    for (index, key), parts in pieces.items():
        text = "".join(parts)
        blocks[index][key] = (orjson.loads(text) if text else {}) if key == "input" else text
    return message | {"content": [blocks[index] for index in sorted(blocks)]}


def _grow(block: Object, pieces: dict[tuple[int, str], list[str]], index: int, delta: Object) -> None:
    kind = delta["type"]
    if kind in _DELTAS:
        key = _DELTAS[kind]
        pieces.setdefault((index, key), [block.get(key) or ""]).append(delta[key])
    elif kind == "input_json_delta":
        pieces.setdefault((index, "input"), []).append(delta["partial_json"])
    elif kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or ()), delta["citation"]]


# Responses


def _response(events: list[Object]) -> Object | None:
    return next((dict(event["response"]) for event in events if event["type"] == "response.completed"), None)


_ASSEMBLERS: Mapping[Route, Callable[[list[Object]], Object | None]] = {
    Route.CHAT: _chat,
    Route.COMPLETIONS: _completion,
    Route.MESSAGES: _message,
    Route.RESPONSES: _response,
}
