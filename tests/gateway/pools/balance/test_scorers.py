from __future__ import annotations

import pytest

from pointsman.gateway.pools.balance.scorers import latency, occupancy
from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.pools.load import Reading


def endpoint(running: float = 0.0) -> Endpoint:
    made = Endpoint("http://a:1")
    made.read(Reading(running, 0), made.mark(), 10.0)
    return made


def test_occupancy_counts_the_request_that_comes() -> None:
    assert occupancy(endpoint(running=4), 0.0) == 5


def test_latency_grows_with_the_requests_there() -> None:
    made = endpoint(running=3)
    made.latency.observe(0.5, 0.0)
    assert latency(made, 0.0) == pytest.approx(2.0)


def test_an_untried_endpoint_is_explored_by_one_request() -> None:
    made = Endpoint("http://a:1")
    assert latency(made, 0.0) == 0
    made.inflight = 1
    assert latency(made, 0.0) > 600
