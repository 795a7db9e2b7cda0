"""The messages of a chat request as the system prompt and turns of a messages request."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any

import orjson

from pointsman.gateway.wire.checks import Object, an_object, objects, refuse, string, texts

_DATA_URL = re.compile(r"data:([^;,]+);base64,", re.IGNORECASE)
_SYSTEM = ("system", "developer")
_SPOKEN = ("text", "refusal")


def messages_and_system(body: Mapping[str, Any]) -> Object:
    located = [(f"messages.{i}", m) for i, m in enumerate(objects(body.get("messages"), "messages"))]
    system = [t for where, m in located if m.get("role") in _SYSTEM for t in _texts(m, where) if t]
    turns = [
        {"role": role, "content": [block for _, blocks in group for block in blocks]}
        for role, group in groupby(_turns(located), key=lambda turn: turn[0])
    ]
    if not turns:
        refuse("messages", "this pool needs at least one user message.")
    return {"messages": turns} | ({"system": "\n\n".join(system)} if system else {})


def _texts(message: Object, where: str) -> list[str]:
    return texts(message.get("content"), f"{where}.content")


def _turns(located: list[tuple[str, Object]]) -> Iterator[tuple[str, list[Object]]]:
    """Roles and blocks; those of one role in a row become one turn."""
    for where, message in located:
        role = message.get("role")
        if role in _SYSTEM:
            continue
        read = _ROLES.get(role) if isinstance(role, str) else None
        if read is None:
            refuse(f"{where}.role", f"{role!r} is none of system, developer, user, assistant, tool.")
        if blocks := read(message, where):
            yield "assistant" if role == "assistant" else "user", blocks


def _user(message: Object, where: str) -> list[Object]:
    content, where = message.get("content"), f"{where}.content"
    if isinstance(content, str):
        return [_text(content)]
    return [_part(part, f"{where}.{i}") for i, part in enumerate(objects(content, where))]


def _text(text: str) -> Object:
    return {"type": "text", "text": text}


def _part(part: Object, where: str) -> Object:
    kind = part.get("type")
    if kind == "text":
        return _text(string(part, "text", where))
    if kind not in ("image_url", "file"):
        refuse(where, f"a part of type {kind!r} cannot be sent to Anthropic; text, image_url and file can.")
    where = f"{where}.{kind}"
    given = an_object(part.get(kind), where)
    return _document(given, where) if kind == "file" else {"type": "image", "source": _source(given, "url", where)}


def _source(given: Object, key: str, where: str) -> Object:
    url = string(given, key, where)
    if match := _DATA_URL.match(url):
        return {"type": "base64", "media_type": match[1].lower(), "data": url[match.end() :]}
    if not url.startswith(("https://", "http://")):
        refuse(f"{where}.{key}", "must be an http(s) URL or a data URL in base64.")
    return {"type": "url", "url": url}


def _document(file: Object, where: str) -> Object:
    if file.get("file_data") is None:
        refuse(where, "Anthropic does not know OpenAI's file ids; send the file itself as `file_data`.")
    title = {"title": file["filename"]} if isinstance(file.get("filename"), str) else {}
    return {"type": "document", "source": _source(file, "file_data", where), **title}


def _assistant(message: Object, where: str) -> list[Object]:
    if message.get("function_call") is not None:
        refuse(f"{where}.function_call", "is outdated and not translated; use `tool_calls`.")
    if message.get("audio") is not None:
        refuse(f"{where}.audio", "cannot be sent to Anthropic.")
    content = message.get("content") or ""
    spoken = [_text(t) for t in texts(content, f"{where}.content", _SPOKEN) if t]
    if isinstance(message.get("refusal"), str):
        spoken.append(_text(message["refusal"]))
    calls = objects(message.get("tool_calls") or [], f"{where}.tool_calls")
    return _thinking(message, where) + spoken + [_call(c, f"{where}.tool_calls.{i}") for i, c in enumerate(calls)]


def _thinking(message: Object, where: str) -> list[Object]:
    """Anthropic takes back only what it signed: our `thinking_blocks`, not the bare `reasoning_content`."""
    blocks = objects(message.get("thinking_blocks") or [], f"{where}.thinking_blocks")
    return [{key: value for key, value in block.items() if key != "index"} for block in blocks]


def _call(call: Object, where: str) -> Object:
    if call.get("type", "function") != "function":
        refuse(where, f"a tool call of type {call['type']!r} cannot be sent to Anthropic; only functions can.")
    function = an_object(call.get("function"), f"{where}.function")
    where_arguments = f"{where}.function.arguments"
    try:
        arguments = orjson.loads(string(function, "arguments", f"{where}.function") or "{}")
    except orjson.JSONDecodeError as error:
        refuse(where_arguments, f"must be a JSON object, as text: {error}.")
    return {
        "type": "tool_use",
        "id": string(call, "id", where),
        "name": string(function, "name", f"{where}.function"),
        "input": an_object(arguments, where_arguments),
    }


def _tool(message: Object, where: str) -> list[Object]:
    result: Object = {"type": "tool_result", "tool_use_id": string(message, "tool_call_id", where)}
    content = message.get("content")
    return [result | {"content": content if isinstance(content, str) else _user(message, where)}]


_ROLES: Mapping[str, Callable[[Object, str], list[Object]]] = {
    "user": _user,
    "assistant": _assistant,
    "tool": _tool,
}
