"""What an Anthropic-wire server says."""

from __future__ import annotations

import json
from typing import Any

from tests.support.upstream import Exchange


def message(text: str = "hello", **extra: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-served",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 2},
        **extra,
    }


def event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"


def text_events(*texts: str) -> list[str]:
    start = message(content=[], stop_reason=None, usage={"input_tokens": 3, "output_tokens": 0})
    return [
        event("message_start", message=start),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *(event("content_block_delta", index=0, delta={"type": "text_delta", "text": text}) for text in texts),
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 2}),
        event("message_stop"),
    ]


async def answer_message(exchange: Exchange) -> None:
    """Whole, as events, or a count, as asked."""
    if exchange.request.target.endswith("/count_tokens"):
        await exchange.respond({"input_tokens": 42})
    elif exchange.request.json.get("stream"):
        await exchange.start_events()
        for part in text_events("hel", "lo"):
            await exchange.chunk(part)
        await exchange.end()
    else:
        await exchange.respond(message())
