"""The interface of a balancer. The pool filters (health, endpoints already tried), the balancer picks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random

from pointsman.gateway.pools.endpoint import Endpoint


class Balancer(ABC):
    """Built anew when the pool's configuration changes; what must outlive that is kept by the endpoints."""

    def __init__(self, random: Random) -> None:
        self._random = random.random

    @abstractmethod
    def pick(self, candidates: Sequence[Endpoint], now: float, session: str | None) -> Endpoint:
        """One of `candidates`, of which there is at least one."""
