"""What speaks against an endpoint: lower is better. Balancers add them up with weights."""

from __future__ import annotations

from collections.abc import Callable

from pointsman.gateway.pools.endpoint import Endpoint

Scorer = Callable[[Endpoint, float], float]
"""(endpoint, now) → cost."""

_UNTRIED = 3600.0
"""Seconds that a second request costs where the first ever has no answer yet: one explores, none follow."""


def occupancy(endpoint: Endpoint, now: float) -> float:
    """Requests there once this one has come, per unit of weight."""
    return (max(0.0, endpoint.inflight + endpoint.beyond) + 1) / endpoint.weight


def latency(endpoint: Endpoint, now: float) -> float:
    """Time to first token that this request may expect, as peak EWMA × (requests there + 1)."""
    expected = endpoint.latency.value(now)
    if expected is None:
        return endpoint.inflight * _UNTRIED
    return expected * occupancy(endpoint, now)
