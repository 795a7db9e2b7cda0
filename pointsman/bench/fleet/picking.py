"""How long a balancer takes to pick one of 64 endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from random import Random
from timeit import repeat

from pointsman.gateway.pools.balance.base import Balancer
from pointsman.gateway.pools.balance.registry import BALANCERS
from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.pools.load import Reading

ENDPOINTS = 64
LIMIT = 50.0
"""Microseconds."""


def busy_endpoints(number: int, random: Random) -> list[Endpoint]:
    endpoints = [Endpoint(f"http://10.0.{n // 256}.{n % 256}:8000") for n in range(number)]
    for endpoint in endpoints:
        endpoint.inflight, endpoint.unanswered = random.randrange(4, 20), random.randrange(4)
        reading = Reading(random.randrange(8, 60), random.randrange(3), random.random())
        endpoint.read(reading, endpoint.mark(), float("inf"))
        endpoint.latency.observe(random.random(), 0.0)
    return endpoints


def pick_times(number: int, rounds: int) -> Iterator[tuple[str, float]]:
    """Microseconds of each balancer; the least of several rounds, as the others were disturbed."""
    for name, kind in BALANCERS.items():
        endpoints = busy_endpoints(number, Random(1))
        yield name.value, min(_seconds(kind(Random(2)), endpoints, rounds)) * 1e6


def _seconds(balancer: Balancer, endpoints: list[Endpoint], rounds: int) -> Iterator[float]:
    sessions = cycle([f"session-{n}" for n in range(100)])
    each = 200
    for seconds in repeat(lambda: balancer.pick(endpoints, 1.0, next(sessions)), number=each, repeat=rounds):
        yield seconds / each
