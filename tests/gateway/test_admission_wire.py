"""Who gets a place, who waits, and who is told at once that it will not do: through real sockets."""

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager

import anthropic
import openai
import pytest

from pointsman.gateway.pools.lease import Result
from pointsman.gateway.pools.predict import Asked
from tests.support.clients import MESSAGES, anthropic_sdk, chat, openai_sdk
from tests.support.gateway import config, pool, serving
from tests.support.upstream import answer_hello, completion, scripted

ONE_PLACE = {"limits": {"inflight": 1, "queue": 64, "queue_timeout": "60s"}}
SLOW = 30.0
"""Seconds; no test waits so long."""


async def until(condition):
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0.001)


class Gate:
    """An upstream that answers one request for each `open`, and notes in which order they came."""

    def __init__(self):
        self.order = []
        self._permits = asyncio.Semaphore(0)

    def open(self, times=1):
        for _ in range(times):
            self._permits.release()

    async def __call__(self, x):
        self.order.append(x.request.json["messages"][0]["content"])
        await self._permits.acquire()
        await x.respond(completion())


class Scene:
    def __init__(self, served, gate):
        self.served, self.gate = served, gate
        self.small = served.gateway.runtime.pools["small"]
        self.tasks = []

    async def ask(self, name, **headers):
        """Send a request, and wait until it has reached the upstream or the queue."""
        before = len(self.gate.order) + self.small.waiting
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        messages = [{"role": "user", "content": name}]
        task = asyncio.create_task(chat(self.served.url, headers=fields, messages=messages))
        self.tasks.append(task)
        await until(lambda: len(self.gate.order) + self.small.waiting > before)
        return task

    async def finish(self):
        self.gate.open(len(self.tasks))
        return await asyncio.gather(*self.tasks, return_exceptions=True)

    async def metrics(self):
        return (await self.served.gateway.metrics.scrape())[0].decode()


@asynccontextmanager
async def scene(monkeypatch=None, tenants=None, **extra):
    gate = Gate()
    auth = {"auth": {"keys": [{"key": f"env:KEY_{name}", "tenant": name} for name in tenants]}} if tenants else {}
    for name in tenants or ():
        monkeypatch.setenv(f"KEY_{name}", f"key-{name}")
    async with scripted(gate) as up:
        settings = config({"small": pool(up.url, **{**ONE_PLACE, **extra})}, **auth, tenants=tenants or {})
        async with serving(settings) as served:
            shown = Scene(served, gate)
            yield shown
            await shown.finish()


def held(a_pool, seconds):
    """As if this were how long its places are taken."""
    lease = a_pool.try_lease()
    lease.taken -= seconds
    lease.release(Result.OK)


def teach(endpoint, seconds):
    """As if this were how long its first tokens have taken of late."""
    for tokens in range(10, 60):
        endpoint.ttft.observe(Asked(tokens, float(tokens % 3), endpoint.ttft.fit), seconds, time.monotonic())


# Shares


async def test_tenants_are_served_by_their_weights(monkeypatch):
    tenants = {"gold": {"weight": 3.0}, "iron": {}}
    async with scene(monkeypatch, tenants) as shown:
        await shown.ask("iron", authorization="Bearer key-iron")
        for name in ("iron", "gold"):  # the lighter one first, all of it
            for _ in range(12):
                await shown.ask(name, authorization=f"Bearer key-{name}")
        for served in range(12):
            shown.gate.open()
            await until(lambda served=served: len(shown.gate.order) == served + 2)
        assert Counter(shown.gate.order[1:13]) == {"gold": 9, "iron": 3}
        answers = await shown.finish()
    assert {answer.status for answer in answers} == {200}


async def test_a_higher_priority_is_served_first_and_a_lower_one_waits():
    async with scene() as shown:
        await shown.ask("running")
        await shown.ask("low", x_pointsman_priority="low")
        await shown.ask("plain")
        await shown.ask("high", x_pointsman_priority="HIGH")
        answers = await shown.finish()
        text = await shown.metrics()
    assert shown.gate.order == ["running", "high", "plain", "low"]
    assert {answer.status for answer in answers} == {200}
    for priority in ("high", "normal", "low"):
        assert f'pointsman_queue_seconds_count{{pool="small",priority="{priority}"}} 1.0' in text


async def test_a_tenant_gets_no_higher_priority_than_it_has(monkeypatch):
    tenants = {"batch": {"priority": "low"}, "team": {"priority": "normal"}}
    async with scene(monkeypatch, tenants) as shown:
        batch, team = ({"authorization": f"Bearer key-{name}"} for name in tenants)
        await shown.ask("running", **team)
        await shown.ask("batch", **batch, x_pointsman_priority="high")
        await shown.ask("batch too", **batch)
        await shown.ask("team low", **team, x_pointsman_priority="low")
        await shown.ask("team", **team)
        await shown.ask("team high", **team, x_pointsman_priority="high")
        await shown.finish()
    assert shown.gate.order == ["running", "team", "team high", "batch", "team low", "batch too"]


async def test_of_one_tenant_the_earliest_deadline_is_served_first():
    async with scene() as shown:
        await shown.ask("running")
        await shown.ask("whenever")
        await shown.ask("later", x_pointsman_deadline_ms="50000")
        await shown.ask("soon", x_pointsman_deadline_ms="30000")
        await shown.finish()
    assert shown.gate.order == ["running", "soon", "later", "whenever"]


async def test_a_priority_that_is_none_is_a_400_that_names_the_choices():
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as gateway:
        answer = await chat(gateway.url, headers={"x-pointsman-priority": "urgent"})
    assert (answer.status, answer.error["code"]) == (400, "invalid_request")
    assert all(word in answer.error["message"] for word in ("x-pointsman-priority", "high", "normal", "low"))
    assert not up.requests


# A full queue


async def test_who_leaves_the_queue_makes_room():
    limits = {"inflight": 1, "queue": 1, "queue_timeout": "60s"}
    async with scene(limits=limits) as shown:
        await shown.ask("running")
        gone = await shown.ask("gone")
        assert (await chat(shown.served.url)).status == 429
        gone.cancel()
        await until(lambda: shown.small.waiting == 0)
        await shown.ask("next")
        await shown.finish()
    assert shown.gate.order == ["running", "next"]


async def test_a_full_queue_gives_up_a_lower_priority_for_a_higher_one():
    limits = {"inflight": 1, "queue": 1, "queue_timeout": "60s"}
    async with scene(limits=limits) as shown:
        await shown.ask("running")
        low = await shown.ask("low", x_pointsman_priority="low")
        high = asyncio.create_task(chat(shown.served.url, headers={"x-pointsman-priority": "high"}))
        refused = await low
        shown.gate.open(2)
        assert (await high).status == 200
        text = await shown.metrics()
    assert (refused.status, refused.error["code"]) == (429, "pool_full")
    assert int(refused.headers["retry-after"]) >= 1
    assert len(shown.gate.order) == 2
    assert 'pointsman_refusals_total{pool="small",reason="displaced"} 1.0' in text


async def test_if_every_model_is_full_the_client_learns_when_the_first_of_them_is_not():
    limits = {"inflight": 1, "queue": 0}
    async with scripted(answer_hello) as up:
        pools = {"small": pool(up.url, limits=limits), "large": pool(up.url, limits=limits)}
        decisions = [{"name": "all", "when": "true", "models": ["small", "large"]}]
        async with serving(config(pools, decisions)) as served:
            small, large = served.gateway.runtime.pools.values()
            held(small, 7.0)
            held(large, 40.0)
            with small.try_lease(), large.try_lease():
                refused = await chat(served.url)
            text = (await served.gateway.metrics.scrape())[0].decode()
    assert (refused.status, refused.error["code"]) == (429, "pool_full")
    assert refused.headers["retry-after"] == "8"  # seven and a little
    assert 'pointsman_refusals_total{pool="small",reason="overflow"} 1.0' in text
    assert 'pointsman_refusals_total{pool="large",reason="full"} 1.0' in text


# Deadlines


async def test_a_deadline_that_the_wait_exceeds_is_refused_before_anything_is_sent():
    async with scene() as shown:
        held(shown.small, 30.0)
        await shown.ask("running")
        refused = await chat(shown.served.url, headers={"x-pointsman-deadline-ms": "20000"})
        text = await shown.metrics()
        assert shown.gate.order == ["running"]
    assert (refused.status, refused.error["code"]) == (429, "deadline_unreachable")
    assert refused.headers["x-pointsman-error-source"] == "gateway"
    assert 10 <= int(refused.headers["retry-after"]) <= 20  # a place in 30 s, and 20 s of patience
    assert 'pointsman_refusals_total{pool="small",reason="deadline"} 1.0' in text


async def test_before_anything_was_measured_nothing_is_refused():
    async with scene() as shown:
        await shown.ask("running")
        waiting = await shown.ask("hopeful", x_pointsman_deadline_ms="20000")
        await shown.finish()
    assert waiting.result().status == 200


async def test_a_deadline_that_passes_in_the_queue_ends_the_wait():
    async with scene() as shown:
        await shown.ask("running")
        refused = await chat(shown.served.url, headers={"x-pointsman-deadline-ms": "50"})
        assert (shown.small.waiting, shown.gate.order) == (0, ["running"])
    assert refused.status in (429, 504)  # the queue and the answer have the same deadline


def slow_pools(url, decision):
    pools = {"small": pool(url), "large": pool(url, model="org/large-72b")}
    models = decision.pop("models", ["small", "large"])
    return config(pools, [{"name": "all", "when": "true", "models": models, **decision}])


@asynccontextmanager
async def late(slow=("small",), **decision):
    """A gateway whose pools `slow` are known to be too slow for the decision."""
    async with scripted(answer_hello) as up, serving(slow_pools(up.url, decision)) as served:
        for name in slow:
            teach(served.gateway.runtime.pools[name].endpoints[0], SLOW)
        yield served, up


SLO = {"first_token": "2s"}


async def test_what_would_be_late_goes_to_the_next_model():
    async with late(slo=SLO) as (served, up):
        answer = await chat(served.url, stream=True)
    assert (answer.status, answer.headers["x-pointsman-pool"]) == (200, "large")
    assert [request.json["model"] for request in up.requests] == ["org/large-72b"]


async def test_or_is_refused_if_the_decision_says_so():
    async with late(slo={**SLO, "miss": "refuse"}) as (served, up):
        answer = await chat(served.url, stream=True)
    assert (answer.status, answer.error["code"]) == (429, "deadline_unreachable")
    assert not up.requests


async def test_the_last_model_refuses():
    async with late(slow=("small", "large"), slo=SLO) as (served, up):
        async with openai_sdk(served.v1) as client:
            with pytest.raises(openai.RateLimitError) as caught:
                await client.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
    assert caught.value.code == "deadline_unreachable"
    headers = caught.value.response.headers
    assert headers["x-should-retry"] == "false"  # an idle server would be as slow, so there is no time to name
    assert "retry-after" not in headers
    assert not up.requests


async def test_a_clients_own_deadline_counts_as_well_and_in_its_own_wire():
    async with late(slow=("small", "large")) as (served, up):
        async with anthropic_sdk(served.url) as client:
            with pytest.raises(anthropic.RateLimitError, match="in time"):
                await client.messages.create(
                    model="auto",
                    max_tokens=9,
                    messages=MESSAGES,
                    extra_headers={"x-pointsman-deadline-ms": "5000"},
                )
    assert not up.requests


async def test_an_objective_for_first_tokens_is_none_for_answers_in_one_piece():
    async with late(slo=SLO) as (served, _):
        answer = await chat(served.url)
    assert (answer.status, answer.headers["x-pointsman-pool"]) == (200, "small")


async def test_a_prediction_that_nobody_checks_any_more_is_checked():
    async with late(slo=SLO, models=["small"]) as (served, _):
        small = served.gateway.runtime.pools["small"]
        small.clock = lambda: time.monotonic() + 3600
        answer = await chat(served.url, stream=True)
    assert answer.status == 200


async def test_the_error_of_predictions_is_told():
    async with scripted(answer_hello) as up, serving(config({"small": pool(up.url)})) as served:
        for _ in range(12):
            await chat(served.url, stream=True)
        for _ in range(3):
            await chat(served.url)  # no first token, nothing to learn
        text = (await served.gateway.metrics.scrape())[0].decode()
    assert 'pointsman_ttft_error_seconds_count{pool="small"} 2.0' in text


async def test_what_was_begun_is_finished():
    """An objective keeps requests from being sent; it does not fail those whose first try failed."""
    tries = []

    async def fails_first(x):
        tries.append(x)
        for endpoint in served.gateway.runtime.pools["small"].endpoints:
            teach(endpoint, SLOW)
        if len(tries) == 1:
            x.close()
        else:
            await answer_hello(x)

    async with scripted(fails_first) as one, scripted(fails_first) as two:
        decisions = [{"name": "all", "when": "true", "models": ["small"], "slo": SLO}]
        async with serving(config({"small": pool(one.url, two.url)}, decisions)) as served:
            answer = await chat(served.url, stream=True)
    assert (answer.status, len(tries)) == (200, 2)
