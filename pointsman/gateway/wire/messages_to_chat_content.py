"""The turns of a messages request as those of a chat request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any

import orjson

from pointsman.gateway.wire.anthropic_shapes import SIGNATURE
from pointsman.gateway.wire.checks import Object, an_object, objects, refuse, string, texts

Located = tuple[str, Object]  # where in the client's body, what


def chat_messages(body: Mapping[str, Any]) -> list[Object]:
    messages = []
    if body.get("system") is not None and (system := "\n".join(texts(body["system"], "system"))):
        messages.append({"role": "system", "content": system})
    for role, blocks in _turns(body.get("messages")):
        messages += _ROLES[role](blocks)
    return messages


def _turns(messages: object) -> Iterator[tuple[str, list[Located]]]:
    """Neighbours of one role are one turn, as at Anthropic; some chat templates insist on it, too."""
    located = [(f"messages.{i}", message) for i, message in enumerate(objects(messages, "messages"))]
    for where, message in located:
        if message.get("role") not in tuple(_ROLES):
            refuse(f"{where}.role", "must be user, assistant or system.")
    for role, group in groupby(located, key=lambda m: str(m[1]["role"])):
        yield role, [block for where, message in group for block in _blocks(message, where)]


def _blocks(message: Object, where: str) -> list[Located]:
    content, where = message.get("content"), f"{where}.content"
    if isinstance(content, str):
        return [(where, {"type": "text", "text": content})]
    return [(f"{where}.{i}", block) for i, block in enumerate(objects(content, where))]


def _system(blocks: list[Located]) -> list[Object]:
    return [{"role": "system", "content": "\n".join(_only_text(block, where) for where, block in blocks)}]


def _only_text(block: Object, where: str) -> str:
    return texts([block], where)[0]


def _user(blocks: list[Located]) -> list[Object]:
    """Tool results first: the chat wire wants them right behind the calls that they answer."""
    results: list[Object] = []
    images: list[Object] = []
    parts: list[Object] = []
    for where, block in blocks:
        if block.get("type") == "tool_result":
            results.append(_tool_message(block, where, images))
        else:
            parts += _parts(block, where)
    return results + _user_message(images + parts)


def _user_message(parts: list[Object]) -> list[Object]:
    if not parts:
        return []
    plain = len(parts) == 1 and parts[0]["type"] == "text"
    return [{"role": "user", "content": parts[0]["text"] if plain else parts}]


def _tool_message(block: Object, where: str, images: list[Object]) -> Object:
    """A chat tool message holds text only, so images move into the user message that follows, announced."""
    call = string(block, "tool_use_id", where)
    parts = _result_parts(block.get("content"), f"{where}.content")
    text = "\n".join(part["text"] for part in parts if part["type"] == "text")
    shown = [part for part in parts if part["type"] == "image_url"]
    if shown:
        images += [{"type": "text", "text": f"Images in the result of tool call {call}:"}, *shown]
    return {
        "role": "tool",
        "tool_call_id": call,
        "content": f"Error: {text}" if block.get("is_error") else text,
    }


def _result_parts(content: object, where: str) -> list[Object]:
    if content is None or isinstance(content, str):
        return [_text(content or "")]
    blocks = objects(content, where)
    return [part for i, block in enumerate(blocks) for part in _parts(block, f"{where}.{i}")]


def _source_parts(content: object, where: str) -> list[Object]:
    if isinstance(content, list):
        for i, block in enumerate(objects(content, where)):
            if block.get("type") not in ("text", "image"):  # else documents nest without end
                refuse(f"{where}.{i}", "a document consists of text and images.")
    return _result_parts(content, where)


def _text(text: str) -> Object:
    return {"type": "text", "text": text}


def _parts(block: Object, where: str) -> list[Object]:
    kind = block.get("type")
    convert = _PARTS.get(kind) if isinstance(kind, str) else None
    if convert is None:
        refuse(
            where,
            f"a block of type {kind!r} has no counterpart in the OpenAI chat wire that this pool speaks.",
        )
    return convert(block, where)


def _text_parts(block: Object, where: str) -> list[Object]:
    return [_text(string(block, "text", where))]


def _image_parts(block: Object, where: str) -> list[Object]:
    where = f"{where}.source"
    source = an_object(block.get("source"), where)
    match source.get("type"):
        case "base64":
            url = f"data:{string(source, 'media_type', where)};base64,{string(source, 'data', where)}"
        case "url":
            url = string(source, "url", where)
        case kind:
            refuse(where, f"an image source of type {kind!r} is unknown to this pool; send base64 or a url.")
    return [{"type": "image_url", "image_url": {"url": url}}]


def _document_parts(block: Object, where: str) -> list[Object]:
    _refuse_citations(block, where)
    heading = [block[key] for key in ("title", "context") if isinstance(block.get(key), str)]
    where = f"{where}.source"
    source = an_object(block.get("source"), where)
    match source.get("type"):
        case "text":
            parts = [_text(string(source, "data", where))]
        case "content":
            parts = _source_parts(source.get("content"), f"{where}.content")
        case kind:
            refuse(
                where,
                f"this pool reads no documents of source type {kind!r}; send the document's text instead.",
            )
    return [_text("\n".join(heading)), *parts] if heading else parts


def _search_result_parts(block: Object, where: str) -> list[Object]:
    _refuse_citations(block, where)
    lines = [string(block, "title", where), string(block, "source", where)]
    return [_text("\n".join(lines + texts(block.get("content"), f"{where}.content")))]


def _refuse_citations(block: Object, where: str) -> None:
    citations = block.get("citations")
    if isinstance(citations, dict) and citations.get("enabled"):
        refuse(f"{where}.citations", "this pool gives no citations; leave them disabled.")


_PARTS: Mapping[str, Callable[[Object, str], list[Object]]] = {
    "text": _text_parts,
    "image": _image_parts,
    "document": _document_parts,
    "search_result": _search_result_parts,
}


def _assistant(blocks: list[Located]) -> list[Object]:
    text: list[str] = []
    reasoning: list[str] = []
    calls: list[Object] = []
    for where, block in blocks:
        match block.get("type"):
            case "text":
                text.append(string(block, "text", where))
            case "thinking":
                if block.get("signature") in (SIGNATURE, "", None):
                    reasoning.append(string(block, "thinking", where))
            case "redacted_thinking":
                pass  # encrypted for the provider that made it
            case "tool_use":
                calls.append(_call(block, where))
            case kind:
                refuse(
                    where,
                    f"a block of type {kind!r} in an assistant turn has no counterpart in the chat wire.",
                )
    return _assistant_message("".join(text), "".join(reasoning), calls)


def _assistant_message(text: str, reasoning: str, calls: list[Object]) -> list[Object]:
    if not (text or reasoning or calls):
        return []
    message: Object = {"role": "assistant", "content": text or (None if calls else "")}
    if calls:
        message["tool_calls"] = calls
    if reasoning:
        # vLLM renamed reasoning_content to reasoning; its releases, SGLang and DeepSeek each read only one.
        message["reasoning"] = message["reasoning_content"] = reasoning
    return [message]


def _call(block: Object, where: str) -> Object:
    arguments = orjson.dumps(an_object(block.get("input"), f"{where}.input")).decode()
    function = {"name": string(block, "name", where), "arguments": arguments}
    return {"id": string(block, "id", where), "type": "function", "function": function}


_ROLES: Mapping[str, Callable[[list[Located]], list[Object]]] = {
    "user": _user,
    "assistant": _assistant,
    "system": _system,
}
