"""A request in two parts: the last user text, and everything else that may change what is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pointsman.cache.scope import Owner, Parts
from pointsman.gateway.wire.inbound import Inbound
from pointsman.signals.facts import Route

Body = Mapping[str, Any]

IDLE = frozenset((
    "model", "stream", "stream_options", "user", "metadata", "store", "service_tier", "safety_identifier",
    "prompt_cache_key", "prompt_cache_retention", "cache_control", "background", "include_obfuscation",
))  # fmt: skip
"""Members of a body that do not change what is answered. All others count, those that nobody knows included; `model`
is but an alias here, for which the candidates stand."""

_NAMED = frozenset((
    "messages", "input", "prompt", "system", "instructions", "tools", "functions", "response_format",
    "max_tokens", "max_completion_tokens", "max_output_tokens",
))  # fmt: skip
"""Members that the scope has a place of its own for."""

_HEADERS = ("anthropic-beta", "anthropic-version")
"""They go upstream, and switch on what changes answers."""

_TEXT = frozenset(("text", "input_text"))


class Said(NamedTuple):
    text: str  # the last user message
    turns: Sequence[Any]  # all messages, the last one without its text


def read_said(inbound: Inbound) -> Said | None:
    """None if the request does not end with a text of the user's."""
    reader = _READERS.get(inbound.route)
    return None if reader is None else reader(inbound.body)


def parts_of(
    inbound: Inbound, said: Said, *, owner: Owner, category: str, candidates: Sequence[str], epoch: str
) -> Parts:
    body = inbound.body
    others: dict[str, Any] = {key: value for key, value in body.items() if key not in IDLE and key not in _NAMED}
    headers = {name: inbound.headers[name] for name in _HEADERS if name in inbound.headers}
    if headers or inbound.query:
        others = {"body": others, "headers": headers, "query": inbound.query.decode("latin-1")}
    limits = {key: body[key] for key in ("max_completion_tokens", "max_output_tokens") if key in body}
    return Parts(
        owner=owner,
        category=category,
        candidates=candidates,
        route=inbound.route.value,
        epoch=epoch,
        system=body.get("system", body.get("instructions")),
        turns=said.turns,
        tools=body.get("tools") or body.get("functions"),
        response_format=body.get("response_format"),
        sampling={"limits": limits, "others": others},
        max_tokens=body.get("max_tokens"),
    )


def _messages(body: Body) -> Said | None:
    messages = body["messages"]
    last = messages[-1] if messages else {}
    return _spoken(messages, last) if last.get("role") == "user" else None


def _spoken(messages: list[Any], last: Mapping[str, Any]) -> Said | None:
    text = _text(last.get("content"))
    if text is None:
        return None
    rest = {key: value for key, value in last.items() if key != "content"}
    return Said(text, [*messages[:-1], rest])


def _text(content: object) -> str | None:
    """A string, or parts that are nothing but text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not content:
        return None
    texts = []
    for part in content:
        if not isinstance(part, dict) or part.get("type") not in _TEXT or not isinstance(part.get("text"), str):
            return None
        if part.keys() - {"type", "text", "cache_control"}:
            return None
        texts.append(part["text"])
    return "\n".join(texts)


def _input(body: Body) -> Said | None:
    given = body.get("input")
    if isinstance(given, str):
        return Said(given, [{"role": "user"}])
    if not isinstance(given, list) or not given or not isinstance(given[-1], dict):
        return None
    last = given[-1]
    if last.get("role") != "user" or last.get("type", "message") != "message":
        return None
    return _spoken(given, {key: value for key, value in last.items() if key not in ("type", "id", "status")})


def _prompt(body: Body) -> Said | None:
    given = body.get("prompt")
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    return Said(given, ()) if isinstance(given, str) else None


_READERS: Mapping[Route, Callable[[Body], Said | None]] = {
    Route.CHAT: _messages,
    Route.MESSAGES: _messages,
    Route.RESPONSES: _input,
    Route.COMPLETIONS: _prompt,
}
