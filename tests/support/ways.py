"""The ways in which clients ask through the official SDKs, and what each of them sees of an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from anthropic import AnthropicError, AsyncAnthropic
from openai import APIError, AsyncOpenAI, OpenAIError

from tests.support.clients import anthropic_sdk, openai_sdk
from tests.support.told import marks_in


@dataclass
class Seen:
    """`ended`: the SDK says that this is the whole answer. `error` is what it raised."""

    text: str = ""
    ended: bool = False
    error: Exception | None = None
    parts: int = 0

    @property
    def marks(self) -> set[int]:
        return marks_in(self.text)


@dataclass(frozen=True)
class Sdks:
    openai: AsyncOpenAI
    anthropic: AsyncAnthropic


@asynccontextmanager
async def sdks(url: str) -> AsyncIterator[Sdks]:
    """Without TLS, whose set-up takes longer than a test."""
    async with (
        httpx2.AsyncClient(verify=False, trust_env=False) as one,
        httpx2.AsyncClient(verify=False, trust_env=False) as other,
    ):
        yield Sdks(openai_sdk(f"{url}/v1", http_client=one), anthropic_sdk(url, http_client=other))


Ask = Callable[[Sdks, str, str, Seen], Awaitable[None]]


@dataclass(frozen=True, eq=False)
class Way:
    """`pool` is what it takes of the pool that answers. `_ask` gets the model, the prompt, and what to fill."""

    name: str
    _ask: Ask
    stream: bool = False
    wire: str = "chat"  # that the pool's endpoints speak
    pool: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    async def ask(self, sdk: Sdks, model: str, prompt: str = "hi", seen: Seen | None = None) -> Seen:
        seen = seen or Seen()
        try:
            await self._ask(sdk, model, prompt, seen)
        except (OpenAIError, AnthropicError) as error:  # any other is one that no client expects
            seen.error = error
        return seen


def _chat(prompt: str) -> list[Any]:
    return [{"role": "user", "content": prompt}]


async def _chat_whole(sdk: Sdks, model: str, prompt: str, seen: Seen) -> None:
    answer = await sdk.openai.chat.completions.create(model=model, messages=_chat(prompt))
    choice = answer.choices[0]
    seen.text, seen.ended = choice.message.content or "", choice.finish_reason == "stop"


async def _chat_stream(sdk: Sdks, model: str, prompt: str, seen: Seen) -> None:
    finished = False
    async for chunk in await sdk.openai.chat.completions.create(model=model, messages=_chat(prompt), stream=True):
        seen.parts += 1
        for choice in chunk.choices:
            seen.text += choice.delta.content or ""
            finished = finished or choice.finish_reason == "stop"
    seen.ended = finished


async def _messages_whole(sdk: Sdks, model: str, prompt: str, seen: Seen) -> None:
    answer = await sdk.anthropic.messages.create(model=model, messages=_chat(prompt), max_tokens=99)
    seen.text = "".join(block.text for block in answer.content if block.type == "text")
    seen.ended = answer.stop_reason == "end_turn"


async def _messages_stream(sdk: Sdks, model: str, prompt: str, seen: Seen) -> None:
    stopped = False
    events = await sdk.anthropic.messages.create(model=model, messages=_chat(prompt), max_tokens=99, stream=True)
    async for event in events:
        seen.parts += 1
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            seen.text += event.delta.text
        stopped = stopped or event.type == "message_stop"
    seen.ended = stopped


async def _responses_whole(sdk: Sdks, model: str, prompt: str, seen: Seen) -> None:
    answer = await sdk.openai.responses.create(model=model, input=prompt)
    seen.text, seen.ended = answer.output_text, answer.status == "completed"


async def _responses_stream(sdk: Sdks, model: str, prompt: str, seen: Seen) -> None:
    completed = False
    async for event in await sdk.openai.responses.create(model=model, input=prompt, stream=True):
        seen.parts += 1
        if event.type == "error":  # the SDK raises only on the gateway's own
            raise APIError(event.message, httpx2.Request("POST", "/"), body=None)
        if event.type == "response.output_text.delta":
            seen.text += event.delta
        completed = completed or event.type == "response.completed"
    seen.ended = completed


async def _speech(sdk: Sdks, model: str, prompt: str, seen: Seen) -> None:
    answer = await sdk.openai.audio.speech.create(model=model, input=prompt, voice="alloy")
    seen.text, seen.ended = answer.content.decode("utf-8", "replace"), True


CHAT = Way("chat", _chat_whole)
CHAT_STREAM = Way("chat stream", _chat_stream, stream=True)
MESSAGES = Way("messages", _messages_whole)
MESSAGES_STREAM = Way("messages stream", _messages_stream, stream=True)
RESPONSES = Way("responses", _responses_whole)
RESPONSES_STREAM = Way("responses stream", _responses_stream, stream=True)

_ANTHROPIC = {"provider": "anthropic"}
_NATIVE = {"native": ["responses"]}
CHAT_OF_MESSAGES = Way("chat of an Anthropic pool", _chat_whole, wire="messages", pool=_ANTHROPIC)
CHAT_STREAM_OF_MESSAGES = Way("chat stream of an Anthropic pool", _chat_stream, True, "messages", _ANTHROPIC)
NATIVE_MESSAGES_STREAM = Way("native messages stream", _messages_stream, True, "messages", _ANTHROPIC)
NATIVE_RESPONSES_STREAM = Way("native responses stream", _responses_stream, True, "responses", _NATIVE)

SPEECH = Way("bytes", _speech, wire="bytes")
PATHS = ["/v1/audio"]
