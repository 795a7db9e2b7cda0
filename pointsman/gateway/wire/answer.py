"""What a model has answered, read from the bytes of any wire."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from pointsman.gateway.wire.sse import parse_event, split_events
from pointsman.signals.facts import Route

_LEAST = -20.0
"""Of a log-probability: servers write -9999 or so for what is all but impossible."""

_STOPS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "max_output_tokens": "length",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "refusal": "content_filter",
    "eos_token": "stop",
}
"""Finish reasons of other wires as chat completions name them."""


class Call(NamedTuple):
    """Of a tool."""

    name: str
    arguments: str  # JSON


@dataclass(slots=True)
class Answer:
    """The first choice of an answer, as far as it came."""

    text: str = ""
    finish: str | None = None  # as chat completions name it; None if it was not told
    calls: list[Call] = field(default_factory=list)
    refusal: str = ""
    logprobs: list[float] = field(default_factory=list)  # of its tokens, in nats; empty if they were not told
    margins: list[float] = field(default_factory=list)  # probability of the likeliest less that of the second

    @property
    def logprob(self) -> float | None:
        """Mean over the tokens."""
        return sum(self.logprobs) / len(self.logprobs) if self.logprobs else None

    @property
    def margin(self) -> float | None:
        return sum(self.margins) / len(self.margins) if self.margins else None

    @property
    def parses(self) -> bool | None:
        """Whether the arguments of all its calls are JSON objects; None if it calls no tool."""
        return all(_is_object(call.arguments) for call in self.calls) if self.calls else None


def read_answer(route: Route, stream: bool, body: bytes) -> Answer | None:
    """None if `body` is no answer of the route's wire. Nothing is raised whatever it says."""
    reader = _READERS.get(route)
    if reader is None:
        return None
    try:
        if not stream:
            parsed = orjson.loads(body)
            return read_whole(route, parsed) if isinstance(parsed, dict) else None
        return reader.events(_events(body))
    except (orjson.JSONDecodeError, LookupError, TypeError, ValueError, AttributeError):
        return None  # some server's own idea of the wire


def read_whole(route: Route, parsed: Mapping[str, Any]) -> Answer | None:
    """As `read_answer`, of what a body without a stream parses to."""
    reader = _READERS.get(route)
    try:
        return None if reader is None else reader.whole(parsed)
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def _events(body: bytes) -> Iterator[dict[str, Any]]:
    for raw in split_events(body):
        data = parse_event(raw).data
        if data and data != b"[DONE]":
            parsed = orjson.loads(data)
            if isinstance(parsed, dict):
                yield parsed


# Chat completions


def _chat(body: Mapping[str, Any]) -> Answer:
    choice = body["choices"][0]
    answer = Answer()
    message = choice["message"]
    _add_message(answer, message)
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        answer.calls.append(Call(function.get("name") or "", function.get("arguments") or ""))
    _end(answer, choice)
    return answer


def _chat_events(events: Iterator[dict[str, Any]]) -> Answer | None:
    answer = None
    names: dict[int, str] = {}
    arguments: dict[int, list[str]] = {}
    texts: list[str] = []
    for event in events:
        for choice in event.get("choices") or ():
            if choice.get("index") or not isinstance(choice.get("delta"), dict):
                continue
            answer = answer or Answer()
            delta = choice["delta"]
            texts.append(_text(delta.get("content")))
            answer.refusal += delta.get("refusal") or ""
            for number, call in enumerate(delta.get("tool_calls") or ()):
                at, function = call.get("index", number), call.get("function") or {}
                names[at] = names.get(at, "") or function.get("name") or ""
                arguments.setdefault(at, []).append(function.get("arguments") or "")
            _end(answer, choice)
    if answer is not None:
        answer.text = "".join(texts)
        answer.calls = [Call(names[at], "".join(arguments[at])) for at in sorted(names)]
    return answer


def _add_message(answer: Answer, message: Mapping[str, Any]) -> None:
    answer.text += _text(message.get("content"))
    answer.refusal += message.get("refusal") or ""
    function = message.get("function_call")
    if function:  # of older clients
        answer.calls.append(Call(function.get("name") or "", function.get("arguments") or ""))


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def _end(answer: Answer, choice: Mapping[str, Any]) -> None:
    finish = choice.get("finish_reason")
    if isinstance(finish, str):
        answer.finish = _STOPS.get(finish, finish)
    told = choice.get("logprobs")
    if isinstance(told, dict):
        _add_tokens(answer, told.get("content") or told.get("refusal") or ())


def _add_tokens(answer: Answer, tokens: Any) -> None:
    for token in tokens:
        answer.logprobs.append(max(_LEAST, float(token["logprob"])))
        _add_margin(answer, [float(top["logprob"]) for top in token.get("top_logprobs") or ()])


def _add_margin(answer: Answer, tops: list[float]) -> None:
    if len(tops) > 1:
        first, second = sorted(tops, reverse=True)[:2]
        answer.margins.append(math.exp(min(0.0, first)) - math.exp(min(0.0, second)))


# Text completions


def _completion(body: Mapping[str, Any]) -> Answer:
    answer = Answer()
    _add_completion(answer, body["choices"][0])
    return answer


def _completion_events(events: Iterator[dict[str, Any]]) -> Answer | None:
    answer = None
    for event in events:
        for choice in event.get("choices") or ():
            if not choice.get("index"):
                answer = answer or Answer()
                _add_completion(answer, choice)
    return answer


def _add_completion(answer: Answer, choice: Mapping[str, Any]) -> None:
    answer.text += choice["text"]
    finish, told = choice.get("finish_reason"), choice.get("logprobs")
    if isinstance(finish, str):
        answer.finish = _STOPS.get(finish, finish)
    if isinstance(told, dict):
        answer.logprobs += [max(_LEAST, float(p)) for p in told.get("token_logprobs") or () if p is not None]
        for tops in told.get("top_logprobs") or ():
            _add_margin(answer, [*map(float, (tops or {}).values())])


# Anthropic messages


def _message(body: Mapping[str, Any]) -> Answer:
    answer = Answer()
    for block in body["content"]:
        if block.get("type") == "text":
            answer.text += block["text"]
        elif block.get("type") == "tool_use":
            answer.calls.append(Call(block["name"], orjson.dumps(block.get("input")).decode()))
    _stop(answer, body)
    return answer


def _message_events(events: Iterator[dict[str, Any]]) -> Answer | None:
    answer = None
    calls: dict[int, tuple[str, list[str]]] = {}
    for event in events:
        match event.get("type"):
            case "message_start":
                answer = Answer()
            case "content_block_start" if event["content_block"].get("type") == "tool_use":
                calls[event["index"]] = (event["content_block"]["name"], [])
            case "content_block_delta" if answer is not None:
                delta = event["delta"]
                if delta.get("type") == "text_delta":
                    answer.text += delta["text"]
                elif delta.get("type") == "input_json_delta" and event["index"] in calls:
                    calls[event["index"]][1].append(delta["partial_json"])
            case "message_delta" if answer is not None:
                _stop(answer, event["delta"])
    if answer is not None:  # a tool without parameters may be called with nothing at all
        answer.calls = [Call(name, "".join(parts) or "{}") for _, (name, parts) in sorted(calls.items())]
    return answer


def _stop(answer: Answer, told: Mapping[str, Any]) -> None:
    reason = told.get("stop_reason")
    if isinstance(reason, str):
        answer.finish = _STOPS.get(reason, reason)


# Responses


def _response(body: Mapping[str, Any]) -> Answer:
    answer = Answer()
    for item in body["output"]:
        if item.get("type") == "message":
            for part in item["content"]:
                answer.text += part.get("text") or ""
                answer.refusal += part.get("refusal") or ""
                _add_tokens(answer, part.get("logprobs") or ())
        elif item.get("type") == "function_call":
            answer.calls.append(Call(item["name"], item["arguments"]))
    if body.get("status") == "completed":
        answer.finish = "tool_calls" if answer.calls else "stop"
    else:
        reason = (body.get("incomplete_details") or {}).get("reason") or body.get("status")
        answer.finish = _STOPS.get(reason, reason) if isinstance(reason, str) else None
    return answer


def _response_events(events: Iterator[dict[str, Any]]) -> Answer | None:
    for event in events:
        if event.get("type") in ("response.completed", "response.incomplete"):
            return _response(event["response"])
    return None


class _Reader(NamedTuple):
    whole: Callable[[Mapping[str, Any]], Answer]
    events: Callable[[Iterator[dict[str, Any]]], Answer | None]


_READERS: Mapping[Route, _Reader] = {
    Route.CHAT: _Reader(_chat, _chat_events),
    Route.COMPLETIONS: _Reader(_completion, _completion_events),
    Route.MESSAGES: _Reader(_message, _message_events),
    Route.RESPONSES: _Reader(_response, _response_events),
}


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(orjson.loads(arguments or "{}"), dict)
    except orjson.JSONDecodeError:
        return False
