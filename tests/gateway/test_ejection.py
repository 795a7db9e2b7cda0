"""Endpoints that fail, dawdle or have enough to do, and what a client, the log and the metrics see of it."""

import re
from contextlib import asynccontextmanager
from email.utils import formatdate
from itertools import count
from time import time

import pytest
from openai import RateLimitError
from structlog.testing import capture_logs

from pointsman.gateway.pools.health import Check
from tests.support.clients import MESSAGES, call, chat, openai_sdk
from tests.support.gateway import config, pool, serving
from tests.support.upstream import answer_hello, scripted

RETRY = {"attempts": 2, "backoff": "1ms", "budget": "100%"}


class Clock:
    """A pool's own time, so that nobody has to wait."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@asynccontextmanager
async def gateway(*ups, clock=None, **extra):
    settings = config({"small": pool(*(up.url for up in ups), **{"balance": "round_robin", "retry": RETRY, **extra})})
    async with serving(settings) as served:
        clock = served.gateway.runtime.pools["small"].clock = clock or Clock()
        yield served, clock


async def endpoints(served):
    return (await call("GET", f"{served.url}/admin/pools")).json["small"]["endpoints"]


async def states(served):
    return [endpoint["state"] for endpoint in await endpoints(served)]


async def metric(served, name, **labels):
    """By the number of the endpoint in place of its address, which differs each time."""
    text = (await call("GET", f"{served.url}/metrics")).body.decode()
    names = [endpoint["name"] for endpoint in await endpoints(served)]
    wanted = {f'{key}="{value}"' for key, value in labels.items()}
    found = {}
    for given, value in re.findall(rf"^{name}{{(.*)}} (\S+)$", text, re.MULTILINE):
        if wanted <= set(given.split(",")):
            found[next(number for number, n in enumerate(names) if n in given)] = float(value)
    return found


def every_other_fails():
    turns = count()

    async def script(x):
        if next(turns) % 2:
            await answer_hello(x)
        else:
            await x.respond({"error": {"message": "engine died"}}, 500)

    return script


async def test_an_endpoint_that_fails_every_other_request_is_ejected_and_nobody_notices():
    health = {"eject": {"failures": 100, "error_rate": "50%", "requests": 10, "for": "10s"}}
    async with scripted(every_other_fails()) as bad, scripted(answer_hello) as good:
        async with gateway(bad, good, health=health) as (served, clock):
            with capture_logs() as logs:
                for _ in range(40):
                    assert (await chat(served.url)).status == 200
            assert 10 <= len(bad.requests) <= 12
            first, second = await endpoints(served)
            assert (first["state"], first["up"], second["state"], second["reason"]) == ("ejected", False, "up", None)
            assert re.fullmatch(r"error rate 5\d% of 1\d requests", first["reason"])
            assert [log["reason"] for log in logs if log.get("state") == "ejected"] == [first["reason"]]
            assert await metric(served, "pointsman_ejections_total", reason="error_rate") == {0: 1.0, 1: 0.0}
            assert await metric(served, "pointsman_endpoint_state", state="ejected") == {0: 1.0}
            clock.now += 10
            assert await states(served) == ["half_open", "up"]
            bad.script = answer_hello
            for _ in range(4):
                await chat(served.url)
            assert await states(served) == ["up", "up"]


def after(seconds, clock):
    async def script(x):
        clock.now += seconds  # of the pool's time, not of ours
        await answer_hello(x)

    return script


async def test_streams_that_begin_far_later_than_the_pools_others_eject():
    clock = Clock()
    a, slow, b = (scripted(after(seconds, clock)) for seconds in (0.2, 4.0, 0.3))
    async with a as a, slow as slow, b as b, gateway(a, slow, b, clock=clock) as (served, _):
        async with openai_sdk(served.v1) as client:
            for _ in range(36):
                stream = await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
                text = "".join([part.choices[0].delta.content or "" async for part in stream if part.choices])
                assert text == "hello"
        shown = await endpoints(served)
        assert [endpoint["state"] for endpoint in shown] == ["up", "ejected", "up"]
        assert shown[1]["reason"] == "first token after 4 s, where 0.3 s are usual"
        assert len(slow.requests) < len(a.requests)
        assert await metric(served, "pointsman_ejections_total", reason="slow") == {0: 0.0, 1: 1.0, 2: 0.0}


async def test_an_answer_in_one_piece_may_take_as_long_as_it_is():
    clock = Clock()
    a, long, b = (scripted(after(seconds, clock)) for seconds in (0.2, 4.0, 0.3))
    async with a as a, long as long, b as b, gateway(a, long, b, clock=clock) as (served, _):
        for _ in range(36):
            assert (await chat(served.url)).status == 200
        assert await states(served) == ["up", "up", "up"]
        assert len(long.requests) == 12


def refuse(status, **headers):
    async def script(x):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await x.respond({"error": {"message": "enough", "type": "rate_limit_error"}}, status, named)

    return script


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry_after": "7"}, 7),
        (503, {"retry_after": "7"}, 7),
        (529, {"retry_after": "7"}, 7),
        (429, {"retry_after": "7", "retry_after_ms": "1500"}, 1.5),
        (429, {"retry_after": "86400"}, 30),
        (429, {}, 1),
        (503, {"retry_after": "soon"}, 1),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_endpoint_that_has_enough_gets_nothing_until_it_wants_to(status, headers, seconds, stream):
    async with scripted(refuse(status, **headers)) as full, scripted(answer_hello) as good:
        async with gateway(full, good, health={"eject": {"failures": 1}}) as (served, clock):
            for _ in range(10):
                assert (await chat(served.url, stream=stream)).status == 200
            assert (len(full.requests), len(good.requests)) == (1, 10)
            assert await states(served) == ["busy", "up"]
            clock.now += seconds - 0.01
            await chat(served.url, stream=stream)
            assert len(full.requests) == 1
            clock.now += 0.02
            full.script = answer_hello
            for _ in range(4):
                assert (await chat(served.url, stream=stream)).status == 200
            assert len(full.requests) == 3
            assert await states(served) == ["up", "up"]
            for reason in ("failures", "error_rate", "slow"):
                assert set((await metric(served, "pointsman_ejections_total", reason=reason)).values()) == {0.0}


async def test_it_may_say_so_as_a_date():
    async with scripted(refuse(429, retry_after=formatdate(time() + 20, usegmt=True))) as full:
        async with scripted(answer_hello) as good, gateway(full, good) as (served, clock):
            for _ in range(4):
                await chat(served.url)
            clock.now += 15
            assert await states(served) == ["busy", "up"]
            clock.now += 6
            assert await states(served) == ["up", "up"]


async def test_if_all_have_enough_the_client_hears_it_from_them():
    async with scripted(refuse(429, retry_after="7")) as a, scripted(refuse(429, retry_after="7")) as b:
        async with gateway(a, b) as (served, _), openai_sdk(served.v1) as client:
            for _ in range(3):
                with pytest.raises(RateLimitError) as caught:
                    await client.chat.completions.create(model="auto", messages=MESSAGES)
                assert caught.value.response.headers["retry-after"] == "7"
            assert await states(served) == ["busy", "busy"]
            a.script = answer_hello
            assert [(await chat(served.url)).status for _ in range(2)] == [200, 200]


async def test_a_health_page_that_nobody_answers_does_not_take_away_a_pool_that_works():
    async def mute(x):
        if x.request.target == "/health":
            await x.gone()
        else:
            await answer_hello(x)

    health = {"path": "/health", "interval": "1h"}
    async with scripted(mute) as up, gateway(up, health=health) as (served, _):
        small = served.gateway.runtime.pools["small"]
        for _ in range(2):
            small.checked(small.endpoints[0], Check.SILENT, "no answer")
        assert await states(served) == ["down"]
        assert (await chat(served.url)).status == 200
        assert await states(served) == ["up"]
