"""`balance: session`: a session stays where its prefix is cached, unless that endpoint is overloaded.

Weighted rendezvous hashing (Thaler and Ravishankar 1998): each endpoint draws a number from session and URL,
the best draw wins; one that leaves moves only its own sessions, and every replica of the gateway draws the
same. Who is overloaded is passed over, as in consistent hashing with bounded loads (Mirrokni et al. 2018); but
measured by the freest endpoint instead of the mean, for that is where the session could go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from random import Random

from pointsman.gateway.pools.balance.base import Balancer
from pointsman.gateway.pools.balance.burden import burdens
from pointsman.gateway.pools.balance.least_load import LeastLoad
from pointsman.gateway.pools.endpoint import Endpoint

_BOUND, _SLACK = 1.25, 4.0
"""An endpoint whose burden is above this multiple of the least, and this much more, sends sessions to their next
one. A single prompt that is still to be read is more: reading a prefix again takes less time than waiting for it."""
_MASK = 2**64 - 1
_UNIT = 2.0**-53


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _draw(session: int, endpoint: int) -> float:
    """In (0, 1). Both are good hashes already: folding and multiplying is enough to mix them."""
    mixed = session ^ endpoint
    mixed = ((mixed ^ (mixed >> 32)) * 0xBF58476D1CE4E5B9) & _MASK
    return ((mixed >> 11) + 0.5) * _UNIT


class Session(Balancer):
    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._without = LeastLoad(random)
        self._hashes: dict[Endpoint, int] = {}

    def pick(self, candidates: Sequence[Endpoint], now: float, session: str | None) -> Endpoint:
        if session is None:
            return self._without.pick(candidates, now, None)
        costs = burdens(candidates)
        most = _BOUND * min(costs) + _SLACK
        key, hashes, log = _hash(session), self._hashes, math.log
        best, least = candidates[0], float("inf")
        for endpoint, cost in zip(candidates, costs, strict=True):
            if cost > most:
                continue
            rank = -log(_draw(key, hashes.get(endpoint) or self._remember(endpoint))) / endpoint.weight
            if rank < least:
                best, least = endpoint, rank
        return best

    def _remember(self, endpoint: Endpoint) -> int:
        self._hashes[endpoint] = value = _hash(endpoint.url)
        return value
