"""The better of two endpoints drawn at random (Mitzenmacher 2001): nearly as good as the best of all, and
many gateways with the same old numbers do not all run to the same endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import ClassVar

from pointsman.gateway.pools.balance.base import Balancer
from pointsman.gateway.pools.balance.scorers import Scorer
from pointsman.gateway.pools.endpoint import Endpoint


class TwoChoices(Balancer):
    scorers: ClassVar[tuple[tuple[float, Scorer], ...]]

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._scorers = type(self).scorers

    def pick(self, candidates: Sequence[Endpoint], now: float, session: str | None) -> Endpoint:
        number = len(candidates)
        first = int(self._random() * number)
        if number == 1:
            return candidates[first]
        second = int(self._random() * (number - 1))
        one, other = candidates[first], candidates[second + (second >= first)]
        return one if self.cost(one, now) <= self.cost(other, now) else other

    def cost(self, endpoint: Endpoint, now: float) -> float:
        total = 0.0
        for weight, score in self._scorers:
            total += weight * score(endpoint, now)
        return total
