from __future__ import annotations

from collections import Counter
from random import Random

from pointsman.gateway.pools.balance.peak_ewma import PeakEwmaLatency
from pointsman.gateway.pools.endpoint import Endpoint


def endpoint(name: str, *ttfts: float) -> Endpoint:
    made = Endpoint(f"http://{name}:1")
    for ttft in ttfts:
        made.latency.observe(ttft, 0.0)
    return made


def picks(*endpoints: Endpoint, now: float = 0.0) -> Counter[str]:
    balancer = PeakEwmaLatency(Random(7))
    return Counter(balancer.pick(endpoints, now, None).name[0] for _ in range(100))


def test_the_faster_endpoint() -> None:
    assert picks(endpoint("a", 0.5), endpoint("b", 0.1)) == {"b": 100}


def test_until_it_has_too_many_requests() -> None:
    slow, fast = endpoint("a", 0.5), endpoint("b", 0.1)
    fast.inflight = 9
    assert picks(slow, fast) == {"a": 100}


def test_one_slow_answer_is_enough_to_avoid_it() -> None:
    assert picks(endpoint("a", 0.1, 0.1, 5.0), endpoint("b", 0.4)) == {"b": 100}


def test_a_new_endpoint_is_tried_with_one_request() -> None:
    old, new = endpoint("a", 0.1), endpoint("b")
    assert picks(old, new) == {"b": 100}
    new.inflight = 1
    assert picks(old, new) == {"a": 100}


def test_an_old_bad_answer_is_forgotten() -> None:
    bad, good = endpoint("a", 5.0), Endpoint("http://b:1")
    good.latency.observe(0.1, 60.0)
    assert picks(bad, good, now=60.0) == {"a": 100}
