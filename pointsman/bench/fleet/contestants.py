"""Who is compared: the balancers of the gateway, and one that only draws lots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from pointsman.gateway.pools.balance.base import Balancer
from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.schema.pools import PoolConfig

RANDOM = "random"


class RandomChoice(Balancer):
    def pick(self, candidates: Sequence[Endpoint], now: float, session: str | None) -> Endpoint:
        return candidates[int(self._random() * len(candidates))]


class RandomPool(Pool):
    """No balancer of the gateway's, so its configuration cannot name it."""

    def __init__(self, name: str, config: PoolConfig, *, clock: Callable[[], float], random: Random) -> None:
        super().__init__(name, config, clock=clock, random=random)
        self._balancer = RandomChoice(random)
