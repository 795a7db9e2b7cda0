"""The turns of a conversation, read out of each wire's body. What is odd is skipped: the upstream judges it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from pointsman.signals.facts import Message, Route, Tool

Body = Mapping[str, Any]

_ROLES = {"developer": "system", "function": "tool"}
_TEXT = frozenset(("text", "input_text", "output_text", "refusal"))
_PART_KINDS = {
    "image_url": "image",
    "input_image": "image",
    "image": "image",
    "input_audio": "audio",
    "audio": "audio",
    "file": "file",
    "input_file": "file",
    "document": "file",
    "video_url": "video",
}


def _dicts(value: object) -> Iterable[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else ()


def _content(content: object) -> tuple[str, tuple[str, ...]]:
    """Text and kinds of the other parts, whichever way a wire writes them."""
    if isinstance(content, str):
        return content, ()
    texts: list[str] = []
    kinds: list[str] = []
    for part in _dicts(content):
        kind = part.get("type")
        if not isinstance(kind, str):
            continue
        if kind in _TEXT:
            text = part.get("text", part.get("refusal"))
            texts.append(text if isinstance(text, str) else "")
        elif kind in _PART_KINDS:
            kinds.append(_PART_KINDS[kind])
    return "\n".join(texts), tuple(kinds)


def _role(message: Mapping[str, Any]) -> str:
    role = message.get("role")
    return _ROLES.get(role, role) if isinstance(role, str) else "user"


def _chat(body: Body) -> list[Message]:
    turns = []
    for message in _dicts(body.get("messages")):
        content, calls = message.get("content"), message.get("tool_calls")
        text, kinds = (content, ()) if isinstance(content, str) else _content(content)
        turns.append(Message(_role(message), text, kinds, len(calls) if isinstance(calls, list) else 0))
    return turns


def _anthropic(body: Body) -> list[Message]:
    system = _content(body.get("system"))[0]
    turns = [Message("system", system)] if system else []
    for message in _dicts(body.get("messages")):
        turns += _anthropic_turn(message)
    return turns


def _anthropic_turn(message: Mapping[str, Any]) -> Iterable[Message]:
    """Tool results come inside user messages there; here they are turns of their own, as in the chat wire."""
    content = message.get("content")
    results = [b for b in _dicts(content) if b.get("type") == "tool_result"]
    for block in results:
        yield Message("tool", *_content(block.get("content")))
    text, kinds = _content(content)
    calls = sum(b.get("type") == "tool_use" for b in _dicts(content))
    if text or kinds or calls or not results:
        yield Message(_role(message), text, kinds, calls)


def _responses(body: Body) -> list[Message]:
    instructions = body.get("instructions")
    turns = [Message("system", instructions)] if isinstance(instructions, str) else []
    given = body.get("input")
    if isinstance(given, str):
        return [*turns, Message("user", given)]
    for item in _dicts(given):
        kind = item.get("type", "message")
        if kind == "message":
            turns.append(Message(_role(item), *_content(item.get("content"))))
        elif kind == "function_call":
            turns.append(Message("assistant", "", (), 1))
        elif kind == "function_call_output":
            turns.append(Message("tool", *_content(item.get("output"))))
    return turns


def _flat(key: str) -> Callable[[Body], list[Message]]:
    def read(body: Body) -> list[Message]:
        given = body.get(key)
        texts = [given] if isinstance(given, str) else given if isinstance(given, list) else []
        return [Message("user", "\n".join(t for t in texts if isinstance(t, str)))]

    return read


_READERS: Mapping[Route, Callable[[Body], list[Message]]] = {
    Route.CHAT: _chat,
    Route.MESSAGES: _anthropic,
    Route.COUNT_TOKENS: _anthropic,
    Route.RESPONSES: _responses,
    Route.COMPLETIONS: _flat("prompt"),
    Route.EMBEDDINGS: _flat("input"),
    Route.OTHER: _flat("input"),
}


def read_messages(route: Route, body: Body) -> list[Message]:
    return _READERS[route](body)


def read_tools(body: Body) -> Sequence[str]:
    """Names of the offered tools: `function.name` in the chat wire, `name` in the others, else the built-in's type."""
    names = []
    for tool in _dicts(body.get("tools")):
        function = tool.get("function")
        name = function.get("name") if isinstance(function, dict) else tool.get("name", tool.get("type"))
        if isinstance(name, str):
            names.append(name)
    return names


def read_offered(body: Body) -> Sequence[Tool]:
    """The tools by name, as `read_tools`, and `functions`, which the chat wire had before it; with descriptions."""
    tools = []
    for tool in (*_dicts(body.get("tools")), *_dicts(body.get("functions"))):
        function = tool.get("function")
        given = function if isinstance(function, dict) else tool
        name, description = given.get("name", tool.get("type")), given.get("description")
        if isinstance(name, str):
            tools.append(Tool(name, description if isinstance(description, str) else ""))
    return tools


def read_tool_text(body: Body) -> str:
    """The tools' definitions as a chat template writes them into the prompt."""
    tools = body.get("tools")
    return orjson.dumps(tools).decode() if tools else ""
