"""Endpoints that come and go, all of them at once, and a name that moves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import openai
import pytest

from pointsman.gateway.pools.lease import live_leases
from tests.support.gateway import Served, config, pool, serving
from tests.support.scene import PATIENCE, PATIENT, nothing_left
from tests.support.told import tell, told
from tests.support.upstream import Exchange, ScriptedUpstream, head, scripted
from tests.support.ways import CHAT, CHAT_STREAM, MESSAGES_STREAM, RESPONSES, Sdks, Seen, sdks
from tests.support.witness import assert_not_spliced, assert_whole

WAYS = (CHAT, CHAT_STREAM, MESSAGES_STREAM, RESPONSES)
QUICK = {"retry": {"attempts": 3, "backoff": "1ms", "budget": "100%"}, "timeouts": PATIENT}
NEVER_EJECT = {"eject": {"max": "0%"}}


@dataclass
class Engine:
    """Serves while it is `up`, else answers as `down` does."""

    down: str = "closes"
    up: bool = True

    async def __call__(self, x: Exchange) -> None:
        if self.up:
            await tell(x, told(x.request))
        elif self.down == "closes":
            x.close()
        else:
            await x.send(head(503, {"content-length": "0"}))


@asynccontextmanager
async def gateway(*engines: Engine, **extra: Any) -> AsyncIterator[tuple[Served, Sdks, list[ScriptedUpstream]]]:
    async with AsyncExitStack() as stack:
        ups = [await stack.enter_async_context(scripted(engine)) for engine in engines]
        settings = config({"small": pool(*(up.url for up in ups), **QUICK, **extra)})
        served = await stack.enter_async_context(serving(settings))
        await stack.enter_async_context(nothing_left(*ups))
        yield served, await stack.enter_async_context(sdks(served.url)), ups
    assert live_leases() == 0


async def _ask_each(sdk: Sdks, times: int = 1) -> list[Seen]:
    """One after the other, so that the retry budget is not what is tested."""
    return [await way.ask(sdk, "auto") for way in WAYS * times]


async def _ask_all(sdk: Sdks, times: int = 1) -> list[Seen]:
    return await asyncio.gather(*(way.ask(sdk, "auto") for way in WAYS * times))


@pytest.mark.parametrize("down", ["closes", "is busy"])
async def test_an_endpoint_that_flaps_is_never_noticed(down: str) -> None:
    engines = Engine(down), Engine(), Engine(down)
    async with gateway(*engines) as (_, sdk, _):
        for turn in range(12):
            engines[0].up, engines[2].up = turn % 2 == 0, turn % 3 == 0
            for seen in await _ask_each(sdk):
                assert_whole(seen)


async def test_an_endpoint_that_is_replaced_in_the_middle_of_everything() -> None:
    """Connections break, the port is closed for a while, and another process listens there."""
    async with gateway(Engine(), Engine(), health=NEVER_EJECT) as (_, sdk, ups):
        for up in ups:
            for seen in await _ask_each(sdk, 2):
                assert_whole(seen)
            await up.refuse()
            up.hang_up()
            for seen in await _ask_each(sdk, 2):
                assert_whole(seen)
            await up.listen()


async def test_all_endpoints_down_is_an_error_at_once_and_over_when_one_is_back() -> None:
    async with gateway(Engine(), Engine(), health={"eject": {"for": "50ms"}}) as (_, sdk, ups):
        for up in ups:
            await up.refuse()
            up.hang_up()
        for seen in await _ask_all(sdk, 5):
            assert_not_spliced(seen)
            error: Any = seen.error
            assert error.status_code in (502, 503), repr(error)
            assert error.response.headers.get("x-should-retry") == "false" or error.response.headers.get("retry-after")
        await ups[1].listen()
        async with asyncio.timeout(PATIENCE):
            seen = await CHAT.ask(sdk, "auto")
            while seen.error is not None:  # it may still be ejected
                seen = await CHAT.ask(sdk, "auto")
        assert_whole(seen)


async def test_the_next_model_answers_when_all_endpoints_of_the_first_are_down() -> None:
    async with scripted(Engine()) as first, scripted(Engine()) as second:
        pools = {"small": pool(first.url, **QUICK), "large": pool(second.url) | {"model": "org/large"}}
        decisions = [{"name": "all", "when": "true", "models": ["small", "large"]}]
        async with serving(config(pools, decisions)) as served, sdks(served.url) as sdk:
            await first.refuse()
            for seen in await _ask_all(sdk, 3):
                assert_whole(seen)
            assert len(second.requests) == 12


async def test_a_stream_that_breaks_off_is_not_gone_on_with_by_another() -> None:
    async def breaks(x: Exchange) -> None:
        answer = told(x.request)
        await x.send(answer.chunked_head())
        await x.chunk(b"".join(answer.said[:4]))
        x.reset()

    async with scripted(breaks) as one, scripted(breaks) as other:
        async with serving(config({"small": pool(one.url, other.url, **QUICK)})) as served, sdks(served.url) as sdk:
            seen = await CHAT_STREAM.ask(sdk, "auto")
            assert len(one.requests) + len(other.requests) == 1
    assert isinstance(seen.error, openai.APIError)
    assert_not_spliced(seen)


# A name that moves


class Resolver:
    """What `engine.test` is at the moment."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._resolve = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        return self._resolve(self.address if host == "engine.test" else host, port, *args, **kwargs)


@pytest.mark.asyncio(loop_factories=["asyncio"])  # uvloop resolves names without Python
async def test_the_next_connection_follows_a_name_that_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """From an address where nobody listens to one that serves, and on to a third when that goes away."""
    resolver = Resolver("127.0.0.2")
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    async with scripted(Engine()) as live, scripted(Engine(), "127.0.0.3") as moved:
        port = live.url.rsplit(":", 1)[1]
        await moved.stop()
        moved.url = f"http://127.0.0.3:{port}"
        await moved.listen("127.0.0.3")
        settings = config({"small": pool(f"http://engine.test:{port}", health=NEVER_EJECT)})
        async with serving(settings) as served, sdks(served.url) as sdk:
            seen = await CHAT.ask(sdk, "auto")
            assert isinstance(seen.error, openai.InternalServerError)
            assert "refused the connection" in str(seen.error)
            resolver.address = "127.0.0.1"
            assert_whole(await CHAT.ask(sdk, "auto"))
            resolver.address = "127.0.0.3"
            await live.refuse()
            live.hang_up()
            assert_whole(await CHAT.ask(sdk, "auto"))
            assert (len(live.requests), len(moved.requests)) == (1, 1)


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_a_name_that_is_gone_is_told_without_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with serving(config({"small": pool("http://engine.test:8000")})) as served, sdks(served.url) as sdk:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", _raising(unknown))
        seen = await CHAT.ask(sdk, "auto")
    assert isinstance(seen.error, openai.InternalServerError | openai.APIConnectionError)
    assert "engine.test" not in str(seen.error)


def _raising(function: Any) -> Any:
    async def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        return function()

    return resolve
