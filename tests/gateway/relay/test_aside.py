"""A request of the gateway's own to a pool: what the upstream is asked, what is read, and that nothing stays behind."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from pointsman.gateway.errors import PoolFull, PoolUnavailable, UpstreamAuth, UpstreamError, UpstreamTimeout
from pointsman.gateway.observe.outcome import Result, Usage
from pointsman.gateway.pools.health import Check
from pointsman.gateway.pools.lease import live_leases
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.relay.aside import LONGEST, Aside
from pointsman.gateway.relay.upstream import Upstream
from pointsman.gateway.schema.pools import PoolConfig
from tests.support.messages import answer_message
from tests.support.upstream import answer_hello, completion, scripted

QUESTION = [{"role": "system", "content": "You judge."}, {"role": "user", "content": "Is it good?"}]
PRICE = {"input": 1.0, "output": 10.0}


@asynccontextmanager
async def aside(script, **settings):
    upstream = Upstream()
    async with scripted(script) as up:
        config = PoolConfig.model_validate(
            {"model": "org/judge", "endpoints": [up.url], "price": PRICE, **settings},
        )
        yield Aside(upstream), Pool("judge", config), up
    await upstream.close()
    assert live_leases() == 0


async def ask(one, pool, **extra):
    return await one.ask(pool, QUESTION, **{"max_tokens": 16, "timeout": 20.0, "request_id": "req-1", **extra})


async def test_a_question_and_what_it_cost():
    async with aside(answer_hello) as (one, pool, up):
        told = await ask(one, pool)
    assert (told.text, told.finish, told.usage) == ("hello", "stop", Usage(3, 2))
    assert told.cost == pytest.approx(23e-6)
    asked = up.last.json
    assert asked == {"model": "org/judge", "messages": QUESTION, "max_tokens": 16, "temperature": 0.0}
    assert up.last.headers["x-request-id"] == "req-1"


async def test_models_that_reason_are_asked_in_their_own_words():
    async with aside(answer_hello, model="gpt-5-mini") as (one, pool, up):
        await ask(one, pool)
    assert "temperature" not in up.last.json
    assert up.last.json["max_completion_tokens"] == 16


async def test_an_anthropic_pool_is_asked_on_its_own_wire(monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "sk-judge")
    settings = {"provider": "anthropic", "api_key": "env:JUDGE_KEY"}
    async with aside(answer_message, **settings) as (one, pool, up):
        told = await ask(one, pool)
    assert (told.text, told.finish, told.usage) == ("hello", "stop", Usage(3, 2))
    assert up.last.target == "/v1/messages"
    assert up.last.json["system"]
    assert up.last.headers["x-api-key"] == "sk-judge"


async def _busy(x):
    await x.respond({"error": {"message": "slow down"}}, 429, {"retry-after": "7"})


async def _locked(x):
    await x.respond({"error": {"message": "who are you"}}, 401)


async def _nonsense(x):
    await x.respond(b"<html>")


async def _no_choices(x):
    await x.respond({"choices": []})


async def _endless(x):
    await x.respond(completion("x" * LONGEST))


async def _hangs_up(x):
    x.reset()


@pytest.mark.parametrize(
    ("script", "error", "result"),
    [
        (_busy, UpstreamError, Result.LIMITED),
        (_locked, UpstreamAuth, Result.AUTH),
        (_nonsense, UpstreamError, Result.INVALID),
        (_no_choices, UpstreamError, Result.OK),
        (_endless, UpstreamError, Result.INVALID),
        (_hangs_up, UpstreamError, Result.RESET),
    ],
)
async def test_what_is_no_answer_is_an_error_and_gives_its_place_back(script, error, result):
    attempts = []
    async with aside(script) as (one, pool, _):
        with pytest.raises(error):
            await ask(one, pool, attempts=attempts)
        assert pool.inflight == 0
    assert [attempt.result for attempt in attempts] == [result]


async def test_an_answer_that_does_not_come_in_time_is_given_up():
    left = asyncio.Event()

    async def silent(x):
        await x.gone()
        left.set()

    async with aside(silent) as (one, pool, _):
        with pytest.raises(UpstreamTimeout):
            await ask(one, pool, timeout=0.05)
        assert pool.inflight == 0
        await left.wait()  # the upstream need not go on


async def test_cancelled_it_gives_everything_back():
    asked, left = asyncio.Event(), asyncio.Event()

    async def silent(x):
        asked.set()
        await x.gone()
        left.set()

    async with aside(silent) as (one, pool, _):
        task = asyncio.create_task(ask(one, pool))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert pool.inflight == 0
        await left.wait()


async def test_where_there_is_no_place_it_does_not_take_that_of_a_client():
    limits = {"inflight": 1, "queue": 1, "queue_timeout": "20s"}
    async with aside(answer_hello, limits=limits) as (one, pool, up):
        running = await pool.lease()
        client = asyncio.create_task(pool.lease())
        await asyncio.sleep(0)
        with pytest.raises(PoolFull):  # the queue has one place, and the client has it
            await ask(one, pool)
        client.cancel()
        with running:
            pass
    assert up.requests == []


async def test_a_pool_without_endpoints_is_unavailable():
    async with aside(answer_hello) as (one, pool, _):
        for _ in range(3):
            pool.checked(pool.endpoints[0], Check.REFUSED)
        with pytest.raises(PoolUnavailable):
            await ask(one, pool)
