"""`/v1/messages/count_tokens` for pools that cannot count themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from pointsman.gateway.wire.checks import Object
from pointsman.gateway.wire.messages_to_chat import MessagesToChat
from pointsman.signals.tokens import estimate_tokens

_PER_MESSAGE = 4  # what chat templates write around a message
_PER_IMAGE = 1000  # the order of what vision models make of a photo; its size is not looked at


def count_tokens(body: Mapping[str, Any]) -> bytes:
    """An estimate that says so. BadRequest for what a pool of the chat wire could not be asked either."""
    # As for an engine that refuses least: an answer that the client began counts as well.
    chat = MessagesToChat(body, engine="vllm").request(dict(body), "")
    total = sum(_PER_MESSAGE + _content_tokens(message["content"]) for message in chat["messages"])
    total += estimate_tokens("\n".join(_other_text(chat)))
    return orjson.dumps({"input_tokens": total, "estimated": True})


def _content_tokens(content: str | list[Object] | None) -> int:
    if content is None or isinstance(content, str):
        return estimate_tokens(content or "")
    return sum(estimate_tokens(part["text"]) if part["type"] == "text" else _PER_IMAGE for part in content)


def _other_text(chat: Object) -> Iterator[str]:
    """Calls, reasoning and tool definitions, which templates write out."""
    for message in chat["messages"]:
        yield message.get("reasoning", "")
        for call in message.get("tool_calls", ()):
            yield call["function"]["name"] + call["function"]["arguments"]
    for tool in chat.get("tools", ()):
        yield orjson.dumps(tool["function"]).decode()
