"""What is kept of an answer, and how it is told again: as JSON or as a stream, whichever way it came."""

from __future__ import annotations

import time
from collections.abc import Mapping
from random import getrandbits
from typing import Any, NamedTuple

import orjson

from pointsman.gateway.caching.assembled import assembled
from pointsman.gateway.caching.streamed import streamed
from pointsman.gateway.observe.outcome import Usage
from pointsman.gateway.wire.answer import Answer, read_whole
from pointsman.gateway.wire.checks import Object
from pointsman.gateway.wire.dialect import asks_for_usage
from pointsman.gateway.wire.inbound import Inbound
from pointsman.signals.facts import Route

VERSION = 1

_PREFIXES: Mapping[Route, str] = {
    Route.CHAT: "chatcmpl-",
    Route.COMPLETIONS: "cmpl-",
    Route.MESSAGES: "msg_",
    Route.RESPONSES: "resp_",
}
"""Of the ids of the answers, by the wires that can be told again."""

_INSIDE = frozenset(("prompt_logprobs", "prompt_token_ids", "kv_transfer_params"))
"""What servers tell of the prompt and of themselves: another client's prompt is nobody's business."""
_ECHOED = frozenset(("metadata", "user", "safety_identifier", "prompt_cache_key", "previous_response_id", "store"))
"""What a Response repeats of its own request although it changes nothing in the answer."""

_BROKEN = (orjson.JSONDecodeError, LookupError, TypeError, ValueError, AttributeError)


class Kept(NamedTuple):
    document: bytes
    answer: Answer


def keep(route: Route, stream: bool, body: bytes, usage: Usage | None = None) -> Kept | None:
    """Of the bytes that the client got; None if they are no whole answer. Nothing is raised whatever they say."""
    if route not in _PREFIXES:
        return None
    whole = assembled(route, body, usage) if stream else _object(body)
    answer = None if whole is None else read_whole(route, whole)
    if whole is None or answer is None:
        return None
    left_out = _INSIDE | _ECHOED if route is Route.RESPONSES else _INSIDE
    kept = {key: value for key, value in whole.items() if key not in left_out}
    return Kept(orjson.dumps({"v": VERSION, "route": route, "answer": kept}), answer)


def render(document: bytes, inbound: Inbound) -> bytes | None:
    """For a client who asks now; None if the document is broken or of another wire. Never a part of an answer."""
    kept = _object(document)
    if kept is None or kept.get("v") != VERSION or kept.get("route") != inbound.route:
        return None
    try:
        answer = _anew(inbound, kept["answer"])
        if not inbound.stream:
            return orjson.dumps(answer)
        return streamed(inbound.route, answer, asks_for_usage(inbound.body))
    except _BROKEN:
        return None


def answer_in(document: bytes) -> Answer | None:
    """None if the document is broken."""
    kept = _object(document)
    try:
        return None if kept is None else read_whole(Route(kept["route"]), kept["answer"])
    except (LookupError, TypeError, ValueError):
        return None


def _object(body: bytes) -> Object | None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _anew(inbound: Inbound, answer: Mapping[str, Any]) -> Object:
    """Its ids and time are this request's."""
    route = inbound.route
    fresh: Object = {**answer, "id": f"{_PREFIXES[route]}{getrandbits(128):032x}"}
    if route in (Route.CHAT, Route.COMPLETIONS):
        fresh["created"] = int(time.time())
    elif route is Route.RESPONSES:
        body = inbound.body
        fresh["output"] = [_renamed(item) for item in answer["output"]]
        fresh |= {key: body.get(key) for key in ("user", "safety_identifier", "prompt_cache_key")}
        fresh |= {"metadata": body.get("metadata") or {}, "previous_response_id": None, "store": False}
        fresh["created_at"] = int(time.time())
        if fresh.get("completed_at") is not None:
            fresh["completed_at"] = fresh["created_at"]
    return fresh


def _renamed(item: Mapping[str, Any]) -> Object:
    given = item.get("id")
    if not isinstance(given, str):
        return dict(item)
    return {**item, "id": f"{given.partition('_')[0]}_{getrandbits(128):032x}"}
