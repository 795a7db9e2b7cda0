"""Servers that stand for the pools of any policy."""

from __future__ import annotations

from typing import Any

import pytest

from pointsman.gateway.commands.demo_pools import endpoints_of, engine_of, port_of, simulated
from pointsman.gateway.schema.pools import PoolConfig
from pointsman.gateway.sim.engine import EngineOptions


def pool(model: str = "m", **keys: Any) -> PoolConfig:
    return PoolConfig.model_validate({"model": model, "endpoints": ["http://127.0.0.1:8001"], **keys})


def step(found: PoolConfig) -> float:
    return engine_of(found).step_base


def test_a_larger_model_is_slower() -> None:
    sizes = ["qwen2.5-0.5b", "Qwen/Qwen2.5-7B-Instruct", "Mistral-Small-24B-Instruct-2501", "Llama-3.1-405B"]
    steps = [step(pool(model)) for model in sizes]
    assert steps == sorted(set(steps))
    assert engine_of(pool("small-7b")) == EngineOptions()
    small, large = engine_of(pool("a-7b")), engine_of(pool("a-28b"))
    assert (large.step_base, large.prefill_rate) == (small.step_base * 2, small.prefill_rate / 2)


def test_active_parameters_count() -> None:
    assert step(pool("Qwen3-30B-A3B")) == step(pool("a-3b"))


def test_without_a_size_in_its_name_the_price_tells() -> None:
    cheap, dear = (pool("gpt", price={"input": 1.0, "output": price}) for price in (0.3, 10.0))
    assert step(cheap) == step(pool("a-7b")) == step(pool("gpt-4o")) == step(pool("8bit"))
    assert step(dear) > step(cheap)
    assert step(pool("gpt", price={"output": 1e6})) == step(pool("a-9000b"))


@pytest.mark.parametrize("context", [1024, 131_072, 1_000_000])
def test_the_context_is_the_pools(context: int) -> None:
    assert engine_of(pool(context=context)).max_model_len == context


def test_what_a_simulated_server_has_not_is_left_out() -> None:
    found = simulated(
        pool(
            endpoints=[{"url": "https://api.example.com/proxy", "weight": 2.0}],
            engine="tgi",
            provider="anthropic",
            native=["messages"],
            health={"path": "/up"},
            balance="weighted",
        ),
        ["http://127.0.0.1:9999"],
    )
    assert [(endpoint.url, endpoint.weight) for endpoint in found.endpoints] == [("http://127.0.0.1:9999", 2.0)]
    assert (found.engine, found.provider, found.native, found.health.path) == ("vllm", "openai", [], None)
    assert found.balance == "weighted"


def test_a_pool_whose_servers_are_looked_up_has_one() -> None:
    looked_up = PoolConfig.model_validate({"model": "m", "discover": {"dns": "http://models.internal:8000"}})
    (endpoint,) = endpoints_of(looked_up)
    assert port_of(endpoint) == 0
    found = simulated(looked_up, ["http://127.0.0.1:9999"])
    assert (len(found.endpoints), found.discover) == (1, None)


@pytest.mark.parametrize(
    ("url", "port"), [("http://127.0.0.1:8001", 8001), ("http://localhost", 0), ("https://gpu-1:8001", 0)]
)
def test_ports_of_this_machine_are_kept(url: str, port: int) -> None:
    assert port_of(pool(endpoints=[url]).endpoints[0]) == port
