from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from pointsman.gateway.pools.lease import Lease
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.schema.pools import PoolConfig


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _leases_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tests here never give a lease back; those that count the process's leases must not see them."""
    monkeypatch.setattr(Lease, "out", Lease.out)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_config() -> Callable[..., PoolConfig]:
    """`make_config("a", "b", balance="round_robin", …)`: endpoints by short names."""

    def make(*names: str, **options: Any) -> PoolConfig:
        urls = [f"http://{name}:8000" for name in names]
        return PoolConfig.model_validate({"model": "m", "endpoints": urls, **options})

    return make


@pytest.fixture
def make_pool(clock: Clock, make_config: Callable[..., PoolConfig]) -> Callable[..., Pool]:
    def make(*names: str, **options: Any) -> Pool:
        return Pool("small", make_config(*names, **options), clock=clock, random=Random(7))

    return make
