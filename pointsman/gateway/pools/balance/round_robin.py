"""`balance: round_robin`: each in turn, whatever its weight or load."""

from __future__ import annotations

from pointsman.gateway.pools.balance.weighted import Weighted
from pointsman.gateway.pools.endpoint import Endpoint


class RoundRobin(Weighted):
    def weight(self, endpoint: Endpoint) -> float:
        return 1.0
