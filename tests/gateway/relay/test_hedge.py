"""Hedging through the gateway: which endpoint's answer the client gets, and what becomes of the other."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from openai import APIStatusError

from pointsman.gateway.observe.outcome import Cause, Result
from pointsman.gateway.pools.lease import live_leases
from tests.support.clients import MESSAGES, call, openai_sdk
from tests.support.gateway import config, pool, serving
from tests.support.upstream import answer_hello, chunk, completion, scripted

HEDGE = {"after": "20ms"}
ONCE = {"attempts": 1}


class Scene:
    def __init__(self, served, *ups):
        self.served, self.ups = served, ups
        self._outcomes = asyncio.Queue()
        served.gateway.observe(self._outcomes.put_nowait)

    async def text(self, stream=True):
        async with openai_sdk(self.served.v1) as sdk:
            answer = await sdk.chat.completions.create(model="auto", messages=MESSAGES, stream=stream)
            if not stream:
                return answer.choices[0].message.content
            return "".join([event.choices[0].delta.content or "" async for event in answer if event.choices])

    async def results(self):
        outcome = await self._outcomes.get()
        return sorted((attempt.cause, attempt.result) for attempt in outcome.attempts)


@asynccontextmanager
async def scene(*scripts, hedge=HEDGE, more=(), **extra):
    """Endpoints in the order in which they are asked."""
    async with AsyncExitStack() as stack:
        ups = [await stack.enter_async_context(scripted(script)) for script in scripts]
        pools = {"small": pool(*(up.url for up in ups), **{"balance": "round_robin", "retry": ONCE, **extra})}
        for number, script in enumerate(more):
            up = await stack.enter_async_context(scripted(script))
            pools[f"next-{number}"] = pool(up.url)
        decision = {"name": "everything", "when": "true", "models": list(pools), "hedge": hedge}
        yield Scene(await stack.enter_async_context(serving(config(pools, [decision]))), *ups)
    assert live_leases() == 0


def telling(word):
    async def script(x):
        await x.start_events()
        await x.event(chunk(word))
        await x.event("[DONE]")
        await x.end()

    return script


class Held:
    """Says its word when it is told to, and knows when it was hung up on."""

    def __init__(self, word="slow"):
        self.word = word
        self.asked = asyncio.Semaphore(0)
        self.go = asyncio.Event()
        self.hung_up = asyncio.Event()

    async def __call__(self, x):
        self.asked.release()
        gone = asyncio.create_task(x.gone())
        go = asyncio.create_task(self.go.wait())
        await asyncio.wait({gone, go}, return_when=asyncio.FIRST_COMPLETED)
        go.cancel()
        if gone.done():
            self.hung_up.set()
            x.close()
            return
        gone.cancel()
        await asyncio.wait({gone})
        await telling(self.word)(x)


async def failing(x):
    await x.respond({"error": {"message": "engine died"}}, 500)


async def test_the_first_token_wins_and_the_other_endpoint_is_left():
    slow = Held()
    async with scene(slow, telling("quick")) as it:
        assert await it.text() == "quick"
        await slow.hung_up.wait()
        assert await it.results() == [(Cause.FIRST, Result.CANCELLED), (Cause.HEDGE, Result.OK)]
        metrics = (await call("GET", f"{it.served.url}/metrics")).body.decode()
        assert 'pointsman_hedges_total{pool="small",result="won"} 1.0' in metrics
        assert 'pointsman_retries_total{kind="hedge"} 1.0' in metrics
        first, _ = it.served.gateway.runtime.pools["small"].endpoints
        assert first.health.failures == 0  # it was slow, not wrong


async def test_the_first_endpoint_may_still_win():
    slow, other = Held("first"), Held("second")
    async with scene(slow, other) as it:
        asking = asyncio.create_task(it.text())
        await other.asked.acquire()
        slow.go.set()
        assert await asking == "first"
        await other.hung_up.wait()
        assert await it.results() == [(Cause.FIRST, Result.OK), (Cause.HEDGE, Result.CANCELLED)]
        metrics = (await call("GET", f"{it.served.url}/metrics")).body.decode()
        assert 'pointsman_hedges_total{pool="small",result="lost"} 1.0' in metrics


async def test_a_hedge_that_fails_leaves_the_first_in_peace():
    slow = Held("first")

    async def failing_now(x):
        await failing(x)
        slow.go.set()

    async with scene(slow, failing_now) as it:
        assert await it.text() == "first"
        assert await it.results() == [(Cause.FIRST, Result.OK), (Cause.HEDGE, Result.ERROR)]


async def test_when_both_fail_the_next_model_is_asked():
    go = asyncio.Event()

    async def late_failure(x):
        await go.wait()
        await failing(x)

    async def failing_now(x):
        await failing(x)
        go.set()

    async with scene(late_failure, failing_now, more=[telling("next")]) as it:
        assert await it.text() == "next"
        causes = [cause for cause, _ in await it.results()]
        assert causes == [Cause.FAILOVER, Cause.FIRST, Cause.HEDGE]


async def test_a_request_that_is_wrong_is_wrong_at_both():
    slow = Held()

    async def refusing(x):
        await x.respond({"error": {"message": "no such parameter"}}, 400)

    async with scene(slow, refusing, more=[telling("next")]) as it:
        with pytest.raises(APIStatusError) as caught:
            await it.text()
        assert (caught.value.status_code, "no such parameter" in caught.value.message) == (400, True)
        await slow.hung_up.wait()


async def test_a_client_that_leaves_ends_both():
    one, two = Held(), Held()
    async with scene(one, two) as it:
        asking = asyncio.create_task(it.text())
        await two.asked.acquire()
        asking.cancel()
        await asyncio.gather(one.hung_up.wait(), two.hung_up.wait())
        assert [result for _, result in await it.results()] == [Result.CANCELLED] * 2


async def test_a_limit_ends_both():
    one, two = Held(), Held()
    async with scene(one, two, timeouts={"first_token": "200ms"}) as it:
        with pytest.raises(APIStatusError) as caught:
            await it.text()
        assert caught.value.status_code == 504
        assert await it.results() == [(Cause.FIRST, Result.TIMEOUT), (Cause.HEDGE, Result.CANCELLED)]


async def test_a_plain_answer_is_not_hedged():
    asked = asyncio.Event()

    async def slow(x):
        asked.set()
        await asyncio.sleep(0.1)
        await x.respond(completion("first"))

    async with scene(slow, answer_hello) as it:
        assert await it.text(stream=False) == "first"
        assert not it.ups[1].requests


async def test_nothing_is_hedged_before_enough_is_known():
    slow = Held("first")
    async with scene(slow, telling("quick"), hedge={"after": "p95"}) as it:
        asking = asyncio.create_task(it.text())
        await slow.asked.acquire()
        slow.go.set()
        assert await asking == "first"
        assert not it.ups[1].requests


async def test_the_pools_own_quantile_is_waited_for():
    slow = Held()
    async with scene(slow, telling("quick"), hedge={}) as it:
        for _ in range(50):
            it.served.gateway.runtime.pools["small"].first_tokens.observe(0.01)
        assert await it.text() == "quick"


async def test_the_budget_bounds_the_hedges_that_run():
    held = Held()
    async with scene(held, held, hedge={"after": "1ms", "budget": "0%"}) as it:
        asking = [asyncio.create_task(it.text()) for _ in range(4)]
        for _ in range(5):
            await held.asked.acquire()
        (small,) = it.served.gateway.runtime.pools.values()
        assert small.inflight == 5  # one hedge always may run
        with small.hedging(0.0) as allowed:
            assert not allowed
        held.go.set()
        assert await asyncio.gather(*asking) == ["slow"] * 4
