from __future__ import annotations

from random import Random

from pointsman.gateway.pools.balance.round_robin import RoundRobin
from pointsman.gateway.pools.endpoint import Endpoint


def sequence(balancer: RoundRobin, endpoints: list[Endpoint], number: int) -> str:
    return "".join(balancer.pick(endpoints, 0.0, None).name[0] for _ in range(number))


def test_each_in_turn_whatever_its_weight() -> None:
    endpoints = [Endpoint(f"http://{name}:1", weight) for name, weight in (("a", 5.0), ("b", 1.0), ("c", 1.0))]
    endpoints[0].inflight = 100
    assert sequence(RoundRobin(Random(7)), endpoints, 9) == "abcabcabc"


def test_one_that_is_out_is_skipped_and_its_turn_is_shared() -> None:
    endpoints = [Endpoint(f"http://{name}:1") for name in "abc"]
    balancer = RoundRobin(Random(7))
    sequence(balancer, endpoints, 3)
    assert sequence(balancer, endpoints[:2], 6) == "ababab"
