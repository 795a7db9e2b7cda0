"""A decision's own answer (`respond`) as the assistant message that the client's wire expects."""

from __future__ import annotations

import time
from typing import Any

import orjson

from pointsman.gateway.errors import PolicyResponse
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.messages_to_chat import MessagesToChat
from pointsman.gateway.wire.responses_to_chat import ResponsesToChat
from pointsman.gateway.wire.sse import Event, encode_event
from pointsman.gateway.wire.translate import Translation
from pointsman.policies.types import Respond
from pointsman.signals.facts import Route

_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def render(respond: Respond, inbound: Inbound, request_id: str) -> bytes:
    """JSON, or a whole event stream if the client asked for one. PolicyResponse if it is to be an error."""
    if respond.status != 200 or inbound.route in (Route.EMBEDDINGS, Route.OTHER, Route.COUNT_TOKENS):
        raise PolicyResponse(respond.status if respond.status >= 400 else 400, respond.message)
    translation = _translation(inbound)
    if not inbound.stream:
        answer = _completion(respond, inbound, request_id)
        return orjson.dumps(translation.response(answer) if translation else answer)
    events = _events(respond, inbound, request_id)
    if translation is None:
        return b"".join(map(encode_event, [*events, b"[DONE]"]))
    stream = translation.stream()
    parts = [part for data in events for part in stream.feed(Event("", data))]
    return b"".join([*parts, *stream.finish()])


def _translation(inbound: Inbound) -> Translation | None:
    if inbound.route is Route.MESSAGES:
        return MessagesToChat(inbound.body)
    if inbound.route is Route.RESPONSES:
        return ResponsesToChat(inbound.body)
    return None


def _envelope(inbound: Inbound, request_id: str, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{request_id}",
        "object": kind,
        "created": int(time.time()),
        "model": inbound.model or "auto",
    }


def _completion(respond: Respond, inbound: Inbound, request_id: str) -> dict[str, Any]:
    if inbound.route is Route.COMPLETIONS:
        choice = {"index": 0, "text": respond.message, "logprobs": None, "finish_reason": "stop"}
        return {**_envelope(inbound, request_id, "text_completion"), "choices": [choice], "usage": _USAGE}
    message = {"role": "assistant", "content": respond.message}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {**_envelope(inbound, request_id, "chat.completion"), "choices": [choice], "usage": _USAGE}


def _events(respond: Respond, inbound: Inbound, request_id: str) -> list[bytes]:
    if inbound.route is Route.COMPLETIONS:
        choices = [{"index": 0, "text": respond.message, "logprobs": None, "finish_reason": "stop"}]
        envelope = _envelope(inbound, request_id, "text_completion")
    else:
        choices = [
            {"index": 0, "delta": {"role": "assistant", "content": respond.message}, "finish_reason": None},
            {"index": 0, "delta": {}, "finish_reason": "stop"},
        ]
        envelope = _envelope(inbound, request_id, "chat.completion.chunk")
    events = [orjson.dumps({**envelope, "choices": [choice]}) for choice in choices]
    options = inbound.body.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage") is True:
        events.append(orjson.dumps({**envelope, "choices": [], "usage": _USAGE}))
    return events
