from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.pools.balance.weighted import Weighted
from pointsman.gateway.pools.endpoint import Endpoint


def fleet(**weights: float) -> list[Endpoint]:
    return [Endpoint(f"http://{name}:1", weight) for name, weight in weights.items()]


def sequence(balancer: Weighted, endpoints: list[Endpoint], number: int) -> str:
    return "".join(balancer.pick(endpoints, 0.0, None).name[0] for _ in range(number))


def test_heavy_endpoints_come_more_often_but_not_in_a_row() -> None:
    assert sequence(Weighted(Random(7)), fleet(a=5, b=1, c=1), 7) == "aabacaa"


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_a_round_gives_each_its_weight(weights: list[int]) -> None:
    endpoints = fleet(**dict(zip("abcdef", weights, strict=False)))
    found = sequence(Weighted(Random(7)), endpoints, sum(weights))
    assert [found.count(name) for name in "abcdef"[: len(weights)]] == weights


def test_one_that_was_away_does_not_catch_up() -> None:
    balancer, endpoints = Weighted(Random(7)), fleet(a=1, b=1)
    sequence(balancer, endpoints, 3)
    sequence(balancer, endpoints[:1], 100)
    assert "bbb" not in sequence(balancer, endpoints, 10)
