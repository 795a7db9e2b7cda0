"""Simulated servers for the pools of any policy."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from pointsman.gateway.access.origin import is_loopback
from pointsman.gateway.document import Document
from pointsman.gateway.errors import Problem
from pointsman.gateway.schema.pools import EndpointConfig, Engine, PoolConfig, Provider
from pointsman.gateway.sim.engine import EngineOptions
from pointsman.gateway.sim.options import PRESETS, Preset

MAX_SERVERS = 64
MAX_CONTEXT = 2**21
"""Tokens: a server keeps a book of every block of its KV cache."""

_BASE = PRESETS[Preset.SMALL]
_BASE_BILLIONS, _BASE_PRICE = 7.0, 0.3
"""Parameters of the model that is as fast as the preset, and the USD that a million tokens of its output cost."""
_FASTEST, _SLOWEST = 0.4, 6.0
_BILLIONS = re.compile(r"(?<![0-9.])([0-9]+(?:\.[0-9]+)?)b(?![a-z0-9])", re.IGNORECASE)


def too_large(pools: Mapping[str, PoolConfig], document: Document) -> Iterator[Problem]:
    """What this machine could not hold."""
    servers = sum(len(endpoints_of(pool)) for pool in pools.values())
    if servers > MAX_SERVERS:
        message = f"these pools have {servers} endpoints, and the demo simulates at most {MAX_SERVERS}; list fewer"
        yield document.problem(message, ("pools",), at_key=True)
    for name, pool in pools.items():
        if (pool.context or 0) > MAX_CONTEXT:
            message = f"the demo simulates no context of more than {MAX_CONTEXT} tokens; write a smaller one"
            yield document.problem(message, ("pools", name, "context"))


def endpoints_of(pool: PoolConfig) -> list[EndpointConfig]:
    """One where they would be looked up."""
    return pool.endpoints or [EndpointConfig(url="http://127.0.0.1")]


def port_of(endpoint: EndpointConfig) -> int:
    """The one that the policy names for this machine, else 0."""
    parts = urlsplit(endpoint.url)
    return parts.port or 0 if is_loopback(parts.hostname or "") else 0


def engine_of(pool: PoolConfig) -> EngineOptions:
    """As fast as the model's size lets expect: four times as many parameters take twice as long."""
    slowness = min(max(math.sqrt(_billions(pool) / _BASE_BILLIONS), _FASTEST), _SLOWEST)
    context = pool.context or _BASE.max_model_len
    return replace(
        _BASE,
        prefill_rate=_BASE.prefill_rate / slowness,
        step_base=_BASE.step_base * slowness,
        step_per_sequence=_BASE.step_per_sequence * slowness,
        max_model_len=context,
        num_blocks=max(_BASE.num_blocks, math.ceil(context / _BASE.block_size)),
    )


def _billions(pool: PoolConfig) -> float:
    """Active parameters as the name tells, the fewest of `30B-A3B`; without a name that does, as the price does."""
    named = [float(number) for number in _BILLIONS.findall(pool.model)]
    return min(named, default=_BASE_BILLIONS * pool.price.output / _BASE_PRICE or _BASE_BILLIONS)


def simulated(pool: PoolConfig, urls: Iterable[str]) -> PoolConfig:
    """With the servers at these URLs, which speak as vLLM does and ask for no key."""
    endpoints = [
        EndpointConfig(url=url, weight=given.weight) for url, given in zip(urls, endpoints_of(pool), strict=True)
    ]
    return pool.model_copy(
        update={
            "endpoints": endpoints,
            "discover": None,
            "engine": pool.engine if pool.engine is Engine.NONE else Engine.VLLM,
            "provider": Provider.OPENAI,
            "api_key": None,
            "health": pool.health.model_copy(update={"path": None}),
            "native": [],
        }
    )
