from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from math import inf
from typing import Any

import pytest
from openai import AsyncOpenAI

from pointsman.gateway.sim.options import SimOptions
from pointsman.gateway.sim.server import SimServer

Start = Callable[..., Awaitable[tuple[SimServer, AsyncOpenAI]]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Servers that never wait unless told, each with a client that does not retry."""
    async with AsyncExitStack() as stack:

        async def run(**options: Any) -> tuple[SimServer, AsyncOpenAI]:
            server = await stack.enter_async_context(SimServer(SimOptions(**{"speed": inf, **options})))
            client = AsyncOpenAI(base_url=f"{server.url}/v1", api_key="key", max_retries=0, timeout=10)
            return server, await stack.enter_async_context(client)

        yield run


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while True:
            if condition():
                return
            await asyncio.sleep(0)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Let the loop run until the condition holds; a failure after five seconds."""
    return _until
