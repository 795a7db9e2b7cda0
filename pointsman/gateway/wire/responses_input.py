"""The items of a Responses request as the messages of a chat request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pointsman.gateway.wire.checks import Object, objects, refuse, string

_TEXTS = frozenset(("input_text", "output_text", "text"))
_RESENDING = "Nothing is stored here. Send the item itself, as `response.output` had it."


def chat_messages(body: Mapping[str, Any]) -> list[Object]:
    thread = _Thread()
    instructions = body.get("instructions")
    if isinstance(instructions, str):
        thread.instruct(instructions)
    elif instructions is not None:
        refuse("instructions", "must be a string.")
    items = _items(body.get("input"))
    question = max((i for i, item in enumerate(items) if item.get("role") == "user"), default=-1)
    for index, item in enumerate(items):
        kind = _kind(item) or ("message" if "role" in item else "item_reference")
        # Reasoning counts until the next question: chat templates drop what is older, some servers refuse it.
        if kind != "reasoning" or index > question:
            _ITEMS.get(kind, _unknown)(thread, item, f"input.{index}")
    return thread.messages


def _kind(given: Object) -> str:
    kind = given.get("type", "")
    return kind if isinstance(kind, str) else repr(kind)


def _items(given: object) -> list[Object]:
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if given is None:
        refuse("input", "is missing. Send a string or a list of items.")
    return objects(given, "input")


class _Thread:
    """The messages so far. What an assistant thinks, says and calls without a break is one of them."""

    def __init__(self) -> None:
        self.messages: list[Object] = []

    def instruct(self, text: str) -> None:
        """Neighbours are joined: many chat templates take one system message, at the start."""
        if self._last_role() == "system":
            self.messages[-1]["content"] += "\n\n" + text
        else:
            self.messages.append({"role": "system", "content": text})

    def say(self, text: str) -> None:
        turn = self._turn(after_text=False)
        turn["content"] = text if turn["content"] is None else f"{turn['content']}\n\n{text}"

    def refuse(self, text: str) -> None:
        self._turn(after_text=True)["refusal"] = text

    def think(self, text: str) -> None:
        """Under both names: newer vLLM reads `reasoning`, older and others `reasoning_content`."""
        turn = self._turn(after_text=False)
        turn["reasoning"] = turn["reasoning_content"] = turn.get("reasoning", "") + text

    def call(self, call: Object) -> None:
        self._turn(after_text=True).setdefault("tool_calls", []).append(call)

    def _turn(self, after_text: bool) -> Object:
        """The assistant's open message. Calls must be followed by their results, so they keep it open."""
        if self._last_role() == "assistant":
            last = self.messages[-1]
            if after_text or last["content"] is None or "tool_calls" in last:
                return last
        self.messages.append({"role": "assistant", "content": None})
        return self.messages[-1]

    def _last_role(self) -> str:
        return self.messages[-1]["role"] if self.messages else ""


def _message(thread: _Thread, item: Object, where: str) -> None:
    content, role, where = item.get("content"), item.get("role"), f"{where}.content"
    match role:
        case "user":
            thread.messages.append({"role": "user", "content": _content(content, where)})
        case "system" | "developer":
            thread.instruct(_plain(content, where, "\n"))
        case "assistant":
            _earlier_answer(thread, content, where)
        case _:
            refuse(where.removesuffix("content") + "role", "must be user, assistant, system or developer.")


def _earlier_answer(thread: _Thread, content: object, where: str) -> None:
    parts = content if isinstance(content, list) else []
    refusals = [p for p in parts if isinstance(p, dict) and p.get("type") == "refusal"]
    if text := _plain([p for p in parts if p not in refusals] if refusals else content, where, ""):
        thread.say(text)
    for part in refusals:
        thread.refuse(string(part, "refusal", where))


def _plain(content: object, where: str, joint: str) -> str:
    if isinstance(content, str):
        return content
    texts = []
    for index, part in enumerate(objects(content, where)):
        if _kind(part) not in _TEXTS:
            refuse(f"{where}.{index}", f"a part of type {_kind(part)!r} cannot stand here; only text can.")
        texts.append(string(part, "text", f"{where}.{index}"))
    return joint.join(texts)


def _content(content: object, where: str) -> str | list[Object]:
    """A single text stays a string, which every server understands."""
    if isinstance(content, str):
        return content
    parts = [_part(part, f"{where}.{index}") for index, part in enumerate(objects(content, where))]
    return parts[0]["text"] if len(parts) == 1 and parts[0].keys() == {"type", "text"} else parts


def _part(part: Object, where: str) -> Object:
    translate = _PARTS.get(_kind(part))
    if translate is None:
        refuse(where, f"a part of type {_kind(part)!r} cannot be said in chat completions. Leave it out.")
    hint = part.get("prompt_cache_breakpoint")
    return translate(part, where) | ({"prompt_cache_breakpoint": hint} if hint else {})


def _text(part: Object, where: str) -> Object:
    return {"type": "text", "text": string(part, "text", where)}


def _image(part: Object, where: str) -> Object:
    if part.get("image_url") is None:
        refuse(where, "has no `image_url`. Send one, or a data URL; uploaded files cannot be looked up here.")
    image = {"url": string(part, "image_url", where)}
    return {"type": "image_url", "image_url": image | _given(part, "detail")}


def _file(part: Object, where: str) -> Object:
    if part.get("file_url") is not None:
        refuse(f"{where}.file_url", "files are not fetched here. Send `file_data` and `filename`.")
    return {"type": "file", "file": _given(part, "file_data", "file_id", "filename")}


def _audio(part: Object, where: str) -> Object:
    return {"type": "input_audio", **_given(part, "input_audio")}


def _given(part: Object, *keys: str) -> Object:
    return {key: part[key] for key in keys if part.get(key) is not None}


def _call(thread: _Thread, item: Object, where: str) -> None:
    function = {"name": string(item, "name", where), "arguments": string(item, "arguments", where)}
    thread.call({"id": string(item, "call_id", where), "type": "function", "function": function})


def _result(thread: _Thread, item: Object, where: str) -> None:
    content = _content(item.get("output"), f"{where}.output")
    call = string(item, "call_id", where)
    thread.messages.append({"role": "tool", "tool_call_id": call, "content": content})


def _reasoning(thread: _Thread, item: Object, where: str) -> None:
    """Only text in the open: summaries are no thoughts, and what is encrypted only its maker can read."""
    if item.get("content"):
        parts = objects(item["content"], f"{where}.content")
        thread.think("".join(part["text"] for part in parts if isinstance(part.get("text"), str)))


def _reference(thread: _Thread, item: Object, where: str) -> None:
    refuse(where, f"an item_reference cannot be looked up. {_RESENDING}")


def _unknown(thread: _Thread, item: Object, where: str) -> None:
    refuse(where, f"an item of type {_kind(item)!r} cannot be said in chat completions. Leave it out.")


_ITEMS: Mapping[str, Callable[[_Thread, Object, str], None]] = {
    "message": _message,
    "function_call": _call,
    "function_call_output": _result,
    "reasoning": _reasoning,
    "item_reference": _reference,
}
_PARTS: Mapping[str, Callable[[Object, str], Object]] = {
    **dict.fromkeys(_TEXTS, _text),
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}
