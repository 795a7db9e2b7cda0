from __future__ import annotations

from collections import Counter
from random import Random

from pointsman.gateway.pools.balance.least_load import LeastLoad
from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.pools.load import Reading


def endpoint(name: str, load: float = 0, *, kv: float | None = None, weight: float = 1.0) -> Endpoint:
    made = Endpoint(f"http://{name}:1", weight)
    made.read(Reading(load, 0, kv), made.mark(), 10.0)
    return made


def picks(*endpoints: Endpoint, number: int = 200) -> Counter[str]:
    balancer = LeastLoad(Random(7))
    return Counter(balancer.pick(endpoints, 0.0, None).name[0] for _ in range(number))


def test_the_less_loaded_of_two() -> None:
    assert picks(endpoint("a", 5), endpoint("b", 4)) == {"b": 200}


def test_equal_ones_share() -> None:
    assert min(picks(endpoint("a", 4), endpoint("b", 4)).values()) > 60


def test_the_most_loaded_of_many_is_never_the_better_of_two() -> None:
    counts = picks(*(endpoint(name, load) for load, name in enumerate("abcdefgh")), number=2000)
    assert "h" not in counts
    assert [name for name, _ in counts.most_common()][:3] == ["a", "b", "c"]
    assert counts["a"] < 700  # many gateways with the same numbers do not all run to the same endpoint


def test_load_is_relative_to_the_weight() -> None:
    assert picks(endpoint("a", 5, weight=2.0), endpoint("b", 3)) == {"a": 200}
    assert picks(endpoint("a", weight=2.0), endpoint("b")) == {"a": 200}


def test_the_fuller_cache_breaks_a_tie() -> None:
    assert picks(endpoint("a", 4, kv=0.6), endpoint("b", 4, kv=0.3)) == {"b": 200}
    assert picks(endpoint("a", 10, kv=0.6), endpoint("b", 12, kv=0.3)) == {"a": 200}


def test_a_cache_that_is_about_to_overflow_weighs_more_than_some_requests() -> None:
    assert picks(endpoint("a", 10, kv=0.99), endpoint("b", 30, kv=0.5)) == {"b": 200}


def test_one_candidate_is_picked() -> None:
    assert picks(endpoint("a", 900)) == {"a": 200}


def test_own_requests_since_the_reading_spread_the_load() -> None:
    endpoints = [endpoint(name, 3) for name in "abcd"]
    balancer = LeastLoad(Random(7))
    for _ in range(400):
        balancer.pick(endpoints, 0.0, None).inflight += 1
    assert max(e.inflight for e in endpoints) - min(e.inflight for e in endpoints) < 10
