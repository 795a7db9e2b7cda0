"""`select: {by: fused}` and `{by: latency}` in a gateway that serves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.clients import chat
from tests.support.gateway import config, pool, serving
from tests.support.upstream import answer_hello, scripted

ONLY_COST = {"quality": 0, "cost": 1, "latency": 0, "load": 0}
ONLY_LOAD = {"quality": 0, "cost": 0, "latency": 0, "load": 1}


def deciding(select: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [{"name": "all", "when": "true", "models": ["small", "large"], "select": select, **more}]


def two(small: str, large: str, **extra: Any) -> dict[str, Any]:
    price = {"price": {"input": 10.0, "output": 10.0}}
    return {"small": pool(small, **price, **extra), "large": pool(large, **extra)}


async def test_the_cheaper_model_answers() -> None:
    async with scripted(answer_hello) as up:
        settings = config(two(up.url, up.url), deciding({"by": "fused", "weights": ONLY_COST}))
        async with serving(settings) as gateway:
            answer = await chat(gateway.url)
    assert (answer.status, answer.headers["x-pointsman-pool"]) == (200, "large")


async def test_a_model_that_may_miss_the_objective_is_not_the_first() -> None:
    slow = {"speed": {"ttft": "5s", "tpot": "1ms"}}
    async with scripted(answer_hello) as up:
        pools = two(up.url, up.url)
        pools["large"] |= slow
        pools["small"] |= {"speed": {"ttft": "100ms", "tpot": "1ms"}}
        decisions = deciding({"by": "fused", "weights": ONLY_COST}, slo={"first_token": "1s"})
        async with serving(config(pools, decisions)) as gateway:
            answer = await chat(gateway.url)
    assert answer.headers["x-pointsman-pool"] == "small"


async def test_the_endpoint_that_was_chosen_answers() -> None:
    """The balancer would take them in turn."""
    async with scripted(answer_hello) as one, scripted(answer_hello) as other:
        pools = {"small": pool(one.url, other.url, balance="round_robin"), "large": pool("http://127.0.0.1:9")}
        pools["large"]["price"] = {"input": 1.0, "output": 1.0}
        weights = {"quality": 0, "cost": 1, "latency": 0, "load": 0.1}
        async with serving(config(pools, deciding({"by": "fused", "weights": weights}))) as gateway:
            small = gateway.gateway.runtime.pools["small"]
            lease = small.try_lease(prefer=small.endpoints[0].name)
            assert lease is not None
            with lease:
                for _ in range(4):
                    assert (await chat(gateway.url)).status == 200
    assert (len(one.requests), len(other.requests)) == (0, 4)


async def test_a_tenants_requests_keep_to_models_below_its_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP", "shop-key")
    monkeypatch.setenv("LAB", "lab-key")
    keys = [{"key": "env:SHOP", "tenant": "shop"}, {"key": "env:LAB", "tenant": "lab"}]
    async with scripted(answer_hello) as up:
        pools = two(up.url, up.url)
        pools["large"] |= {"speed": {"ttft": "1s", "tpot": "1s"}}
        settings = config(
            pools, deciding({"by": "fused", "weights": {**ONLY_COST, "cost": 0, "latency": 1}}),
            auth={"keys": keys}, tenants={"shop": {"max_cost": 0.001}},
        )  # fmt: skip
        pools["small"] |= {"speed": {"ttft": "10ms", "tpot": "1ms"}}
        async with serving(settings) as gateway:
            asked = {name: {"authorization": f"Bearer {name}-key"} for name in ("shop", "lab")}
            where = {
                name: (await chat(gateway.url, headers=headers)).headers["x-pointsman-pool"]
                for name, headers in asked.items()
            }
    assert where == {"shop": "large", "lab": "small"}


async def test_lengths_of_answers_are_learned_from_streams_and_others() -> None:
    async with scripted(answer_hello) as up:
        settings = config(two(up.url, up.url), deciding({"by": "latency"}))
        async with serving(settings) as gateway:
            for stream in (True, False):
                answer = await chat(gateway.url, "small", stream=stream)
                assert answer.status == 200
            found = gateway.gateway.runtime.forecast("small")
            nothing = gateway.gateway.runtime.forecast("large")
    assert found.output_tokens is not None
    assert found.ttft is not None
    assert nothing.output_tokens is None
