"""The official SDKs and a plain HTTP client, set up so that nothing is hidden: no retries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from anthropic import AsyncAnthropic
from multidict import CIMultiDictProxy
from openai import AsyncOpenAI

KEY = "client-key"
MESSAGES: list[Any] = [{"role": "user", "content": "Say hello"}]


def openai_sdk(v1: str, api_key: str = KEY, **options: Any) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=v1, api_key=api_key, max_retries=0, **options)


def anthropic_sdk(url: str, api_key: str = KEY, **options: Any) -> AsyncAnthropic:
    return AsyncAnthropic(base_url=url, api_key=api_key, max_retries=0, **options)


@dataclass
class Answered:
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]


async def call(method: str, url: str, **options: Any) -> Answered:
    """Follows no redirect."""
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, url, allow_redirects=False, **options) as answer,
    ):
        return Answered(answer.status, answer.headers, await answer.read())


async def chat(url: str, model: str | None = "auto", headers: dict[str, str] | None = None, **extra: Any) -> Answered:
    """A chat request to the gateway at `url`; `model=None` leaves the model out."""
    body = {"messages": MESSAGES, **({"model": model} if model is not None else {}), **extra}
    return await call("POST", f"{url}/v1/chat/completions", json=body, headers=headers)
