"""`balance: session`: a session stays where its prefix is cached, unless that endpoint is overloaded.

Weighted rendezvous hashing (Thaler and Ravishankar 1998): each endpoint draws a number from session and URL,
the best draw wins; one that leaves moves only its own sessions, and every replica of the gateway draws the
same. The bound on load is that of consistent hashing with bounded loads (Mirrokni et al. 2018)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from random import Random

from pointsman.gateway.pools.balance.base import Balancer
from pointsman.gateway.pools.balance.least_load import LeastLoad
from pointsman.gateway.pools.endpoint import Endpoint

_BOUND = 1.25
"""An endpoint with more than this multiple of its share of the load sends sessions to their next endpoint."""
_NEVER_FULL = 4
"""Requests up to which it does not: with hardly any load, a share means nothing."""
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
        loads = [endpoint.inflight + endpoint.beyond for endpoint in candidates]
        share = _BOUND * (sum(loads) + 1) / sum([endpoint.weight for endpoint in candidates])
        key, hashes, log = _hash(session), self._hashes, math.log
        best, least = candidates[0], float("inf")
        for endpoint, load in zip(candidates, loads, strict=True):
            weight = endpoint.weight
            if load >= _NEVER_FULL and load >= share * weight:
                continue
            rank = -log(_draw(key, hashes.get(endpoint) or self._remember(endpoint))) / weight
            if rank < least:
                best, least = endpoint, rank
        return best

    def _remember(self, endpoint: Endpoint) -> int:
        self._hashes[endpoint] = value = _hash(endpoint.url)
        return value
