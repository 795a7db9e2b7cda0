"""Requests leave no reference cycles behind: what the collector has to find grows, and its search holds up everyone."""

from __future__ import annotations

import asyncio
import gc

import pytest

from tests.support.clients import chat
from tests.support.gateway import config, pool, serving
from tests.support.upstream import answer_hello, completion, scripted

REQUESTS = 20


async def objects_left(url: str, status: int) -> int:
    """Objects in cycles that name a part of the gateway, per request."""
    await chat(url)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(REQUESTS):
            assert (await chat(url)).status == status
        await asyncio.sleep(0)
        gc.collect()
        ours = [thing for thing in gc.garbage if type(thing).__module__.startswith("pointsman.gateway.")]
        return len(ours) // REQUESTS
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def test_a_request_that_is_served() -> None:
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        assert await objects_left(gateway.url, 200) == 0


@pytest.mark.parametrize("queue", [0, 1])
async def test_a_request_that_finds_no_place(queue: int) -> None:
    begun, resume = asyncio.Event(), asyncio.Event()

    async def script(x) -> None:  # type: ignore[no-untyped-def]
        begun.set()
        await resume.wait()
        await x.respond(completion())

    limits = {"inflight": 1, "queue": queue, "queue_timeout": "10ms"}
    async with scripted(script) as up, serving(config({"small": pool(up.url, limits=limits)})) as gateway:
        async with asyncio.TaskGroup() as group:
            group.create_task(chat(gateway.url))
            await begun.wait()
            assert await objects_left(gateway.url, 429) == 0
            resume.set()
