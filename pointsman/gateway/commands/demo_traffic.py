"""The demo's requests, sent with the OpenAI SDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from openai import APIStatusError, AsyncOpenAI

from pointsman.gateway.commands.demo_board import Board

_PIXEL = (  # one, in PNG
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8"
    "z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
_WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
_MAX_TOKENS = 24
_NONE = "No requests: the policy has no `tests` with one. Send your own."
_CODE = "Why does this loop never end?\n```python\n" + "while queue:\n    visit(queue[0])\n" * 20 + "```"


@dataclass(frozen=True, slots=True)
class Prompt:
    text: str
    body: Mapping[str, Any]
    stream: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)


def _chat(text: str, *, stream: bool = True, model: str = "auto", **extra: Any) -> Prompt:
    messages = [{"role": "user", "content": text}]
    return Prompt(text, {"model": model, "messages": messages, "max_tokens": _MAX_TOKENS, **extra}, stream)


def _conversation(*turns: str) -> Prompt:
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(turns)]
    return Prompt(turns[-1], {"model": "auto", "messages": messages, "max_tokens": _MAX_TOKENS})


def _picture(text: str) -> Prompt:
    parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": _PIXEL}}]
    return Prompt(text, {"model": "auto", "messages": [{"role": "user", "content": parts}], "max_tokens": _MAX_TOKENS})


PROMPTS = (
    _chat("Hello! What can you do?"),
    _chat("Name three rivers in France.", stream=False),
    _chat("Prove that the square root of 2 is irrational."),
    _chat("Derrive the quadratic formula step by step"),
    _chat("请证明素数有无穷多个"),
    _chat("用一句话介绍北京"),
    _chat("ما هي عاصمة مصر؟ الأمر عاجل"),
    _chat("Fix the login page ASAP, customers are waiting"),
    _chat(_CODE),
    _chat("What is the weather in Oslo? Use get_weather.", tools=[_WEATHER]),
    _chat("What is the weather in Lima? Use get_weather.", tools=[_WEATHER], stream=False),
    _picture("What is in this picture?"),
    _conversation("Who wrote Faust?", "Johann Wolfgang von Goethe.", "And when was it published?"),
    _chat("Summarise this report. " + "Revenue grew in every region, costs fell, and the outlook is stable. " * 200),
    _chat("Is my key sk-abcdefghij0123456789 valid?"),
    _chat("Put AKIAIOSFODNN7EXAMPLE into the settings file", stream=False),
    _chat("Give me JSON with a name and an age.", response_format={"type": "json_object"}),
    _chat("Translate 'good morning' into Polish.", model="gpt-4o"),
    _chat("I want the large model for this.", model="large"),
    _chat("🎉🎉 Write a birthday wish 🎂"),
    _chat("Is there a model of this name?", model="no-such-model"),
)


def shortened(body: Mapping[str, Any]) -> dict[str, Any]:
    """The same request for an answer that is soon complete."""
    kept = {key: value for key, value in body.items() if key not in ("max_completion_tokens", "min_tokens", "stream")}
    return {"model": "auto", **kept, "max_tokens": _MAX_TOKENS}


async def send_all(url: str, board: Board, prompts: Sequence[Prompt] = PROMPTS) -> None:
    """One after the other, as fast as they are answered. The board hears of them from the gateway."""
    several = "" if len(prompts) == 1 else "s"
    board.head(f"{len(prompts)} request{several} with the OpenAI SDK to {url}" if prompts else _NONE)
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="demo", max_retries=0) as sdk:
        for prompt in prompts:
            with board.waiting(prompt.text):
                await _send(sdk, prompt)


async def _send(sdk: AsyncOpenAI, prompt: Prompt) -> None:
    """Read the whole answer; errors are part of the show."""
    ask: Any = sdk.chat.completions.create  # a policy's own requests may have fields that the SDK has not
    model, messages = prompt.body["model"], prompt.body.get("messages", [])
    with suppress(APIStatusError):
        answer = await ask(
            model=model,
            messages=messages,
            stream=prompt.stream,
            extra_body=prompt.body,
            extra_headers=prompt.headers,
        )
        if prompt.stream:
            async for _ in answer:
                pass
