from __future__ import annotations

from random import Random

from pointsman.bench.fleet.picking import busy_endpoints, pick_times
from pointsman.gateway.pools.balance.registry import BALANCERS


def test_every_balancer_is_measured() -> None:
    times = dict(pick_times(4, 2))
    assert set(times) == set(BALANCERS)
    assert all(0 < microseconds < 1e6 for microseconds in times.values())


def test_endpoints_are_as_busy_as_those_of_a_fleet() -> None:
    endpoints = busy_endpoints(64, Random(1))
    assert len({endpoint.url for endpoint in endpoints}) == 64
    assert all(endpoint.reading and endpoint.beyond > -endpoint.inflight for endpoint in endpoints)
    assert len({endpoint.load for endpoint in endpoints}) > 16
