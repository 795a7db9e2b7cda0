"""`balance: weighted`: in proportion to the weights, interleaved (nginx's smooth weighted round robin)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from pointsman.gateway.pools.balance.base import Balancer
from pointsman.gateway.pools.endpoint import Endpoint


class Weighted(Balancer):
    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._credit: dict[Endpoint, float] = {}

    def weight(self, endpoint: Endpoint) -> float:
        return endpoint.weight

    def pick(self, candidates: Sequence[Endpoint], now: float, session: str | None) -> Endpoint:
        credit, total = self._credit, 0.0
        best, most = candidates[0], float("-inf")
        for endpoint in candidates:
            weight = self.weight(endpoint)
            total += weight
            credit[endpoint] = mine = credit.get(endpoint, 0.0) + weight
            if mine > most:
                best, most = endpoint, mine
        credit[best] -= total
        return best
