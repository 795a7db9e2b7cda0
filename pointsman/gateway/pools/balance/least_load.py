"""`balance: least_load`: the endpoint with the least burden; of several, one by lot."""

from __future__ import annotations

from collections.abc import Sequence

from pointsman.gateway.pools.balance.base import Balancer
from pointsman.gateway.pools.balance.burden import burdens
from pointsman.gateway.pools.endpoint import Endpoint


class LeastLoad(Balancer):
    def pick(self, candidates: Sequence[Endpoint], now: float, session: str | None) -> Endpoint:
        costs = burdens(candidates)
        least = min(costs)
        ties = costs.count(least)
        if ties == 1:
            return candidates[costs.index(least)]
        # Gateways that start together must not begin with the same endpoint.
        lot = int(self._random() * ties)
        return [e for e, cost in zip(candidates, costs, strict=True) if cost == least][lot]
