"""A client's request as a plain chat request, and a chat completion as the answer that this client expects: for what
the gateway asks of several models before it answers once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pointsman.gateway.errors import BadRequest
from pointsman.gateway.wire.checks import Object
from pointsman.gateway.wire.dialect import asks_for_usage
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.messages_to_chat import MessagesToChat
from pointsman.gateway.wire.responses_to_chat import ResponsesToChat
from pointsman.gateway.wire.sse import Event, encode_event
from pointsman.gateway.wire.translate import Translation
from pointsman.signals.facts import Route

_ROUTES = frozenset((Route.CHAT, Route.MESSAGES, Route.RESPONSES))
_STREAMED = frozenset(("stream", "stream_options", "model"))
_UNSAID = ("tools", "functions", "audio", "logprobs", "prediction", "web_search_options")
"""What an answer of several hands cannot keep."""


def chat_form(inbound: Inbound) -> Object | None:
    """Without model and stream; None for a request that wants more than one text: tools, choices, sound."""
    body = inbound.body
    if inbound.route not in _ROUTES or any(body.get(key) for key in _UNSAID) or body.get("n") not in (None, 1):
        return None
    if body.get("modalities") not in (None, ["text"]) or not _asks(body, inbound.route):
        return None
    translation = _translation(inbound)
    try:
        chat = translation.request(dict(body), "") if translation else body
    except BadRequest:  # a pool that speaks this wire itself may know what to do
        return None
    if any(chat.get(key) for key in _UNSAID):
        return None
    return {key: value for key, value in chat.items() if key not in _STREAMED}


def _asks(body: Mapping[str, Any], route: Route) -> bool:
    """Whether the last word is not an assistant's, which the answer would have to go on with."""
    messages = body.get("messages") or [{"role": "assistant"}]
    return route is Route.RESPONSES or messages[-1].get("role") != "assistant"


def render(completion: Mapping[str, Any], inbound: Inbound) -> bytes:
    """JSON, or a whole event stream if the client asked for one."""
    translation = _translation(inbound)
    if not inbound.stream:
        return orjson.dumps(translation.response(dict(completion)) if translation else completion)
    if translation is None:
        events = _events(completion, usage=asks_for_usage(inbound.body))
        return b"".join(map(encode_event, [*events, b"[DONE]"]))
    stream = translation.stream()
    parts = [part for data in _events(completion, usage=True) for part in stream.feed(Event("", data))]
    return b"".join([*parts, *stream.finish()])


def _translation(inbound: Inbound) -> Translation | None:
    if inbound.route is Route.MESSAGES:
        return MessagesToChat(inbound.body)
    if inbound.route is Route.RESPONSES:
        return ResponsesToChat(inbound.body)
    return None


def _events(completion: Mapping[str, Any], *, usage: bool) -> list[bytes]:
    choice = completion["choices"][0]
    envelope = {key: value for key, value in completion.items() if key not in ("choices", "usage", "object")}
    envelope["object"] = "chat.completion.chunk"
    said = {key: value for key, value in choice["message"].items() if value is not None}
    choices: list[list[Object]] = [
        [{"index": 0, "delta": said, "finish_reason": None}],
        [{"index": 0, "delta": {}, "finish_reason": choice.get("finish_reason") or "stop"}],
    ]
    events = [orjson.dumps({**envelope, "choices": choice}) for choice in choices]
    if usage and completion.get("usage"):
        events.append(orjson.dumps({**envelope, "choices": [], "usage": completion["usage"]}))
    return events
