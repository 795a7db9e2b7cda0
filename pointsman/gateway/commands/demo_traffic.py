"""The demo's requests, sent with the OpenAI SDK."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
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
_CODE = "Why does this loop never end?\n```python\n" + "while queue:\n    visit(queue[0])\n" * 20 + "```"


@dataclass(frozen=True, slots=True)
class Prompt:
    text: str
    body: Mapping[str, Any]
    stream: bool = True


def _chat(text: str, *, stream: bool = True, model: str = "auto", **extra: Any) -> Prompt:
    messages = [{"role": "user", "content": text}]
    return Prompt(text, {"model": model, "messages": messages, "max_tokens": 24, **extra}, stream)


def _conversation(*turns: str) -> Prompt:
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(turns)]
    return Prompt(turns[-1], {"model": "auto", "messages": messages, "max_tokens": 24})


def _picture(text: str) -> Prompt:
    parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": _PIXEL}}]
    return Prompt(text, {"model": "auto", "messages": [{"role": "user", "content": parts}], "max_tokens": 24})


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


async def send_all(url: str, board: Board) -> None:
    """One after the other, as fast as they are answered. The board hears of them from the gateway."""
    board.head(f"{len(PROMPTS)} requests with the OpenAI SDK to {url}")
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="demo", max_retries=0) as sdk:
        for prompt in PROMPTS:
            with board.waiting(prompt.text):
                await _send(sdk, prompt)


async def _send(sdk: AsyncOpenAI, prompt: Prompt) -> None:
    """Read the whole answer; errors are part of the show."""
    with suppress(APIStatusError):
        if not prompt.stream:
            await sdk.chat.completions.create(**prompt.body)
            return
        async for _ in await sdk.chat.completions.create(**prompt.body, stream=True):
            pass
