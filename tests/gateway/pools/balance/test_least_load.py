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


def own(name: str, inflight: int, unanswered: int = 0) -> Endpoint:
    made = Endpoint(f"http://{name}:1")
    made.inflight, made.unanswered = inflight, unanswered
    return made


def picks(*endpoints: Endpoint, number: int = 200) -> Counter[str]:
    balancer = LeastLoad(Random(7))
    return Counter(balancer.pick(endpoints, 0.0, None).name[0] for _ in range(number))


def test_the_least_loaded() -> None:
    assert picks(endpoint("a", 5), endpoint("b", 4), endpoint("c", 6)) == {"b": 200}


def test_equal_ones_share() -> None:
    assert min(picks(endpoint("a", 4), endpoint("b", 4)).values()) > 60


def test_gateways_with_the_same_old_numbers_do_not_all_run_to_the_same_endpoint() -> None:
    counts: Counter[str] = Counter()
    for gateway in range(8):
        fleet = [endpoint(name, 10) for name in "abcdefg"] + [endpoint("h", 0)]
        balancer = LeastLoad(Random(gateway))
        for _ in range(10):
            picked = balancer.pick(fleet, 0.0, None)
            picked.inflight += 1
            picked.unanswered += 1
            counts[picked.name[0]] += 1
    assert counts["h"] == max(counts.values())
    assert counts["h"] <= 2 * 80 / 8


def test_gateways_that_start_together_begin_anywhere() -> None:
    fleet = [endpoint(name) for name in "abcdefgh"]
    assert len({LeastLoad(Random(gateway)).pick(fleet, 0.0, None).name for gateway in range(100)}) == 8


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


def test_what_is_known_at_once_counts_more_than_what_the_metrics_say() -> None:
    assert picks(own("a", 3), endpoint("b", 8)) == {"b": 200}
    assert picks(own("a", 3), endpoint("b", 40)) == {"a": 200}


def test_a_prompt_that_is_still_to_be_read_is_avoided() -> None:
    assert picks(own("a", 1, unanswered=1), own("b", 6)) == {"b": 200}


def test_the_queue_of_an_engine_counts_more_than_what_it_runs() -> None:
    queued = Endpoint("http://a:1")
    queued.read(Reading(2, 6), queued.mark(), 10.0)
    assert picks(queued, endpoint("b", 12)) == {"b": 200}


def test_requests_that_ended_since_the_reading_leave_no_credit() -> None:
    ended = endpoint("a")
    ended.beyond = -8.0
    assert min(picks(ended, own("b", 0)).values()) > 60
