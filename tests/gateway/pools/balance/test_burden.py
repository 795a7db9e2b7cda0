from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.pools.balance.burden import burdens, pressure
from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.pools.load import Reading


def endpoint(running: float, waiting: float | None, kv: float | None, weight: float = 1.0) -> Endpoint:
    made = Endpoint("http://a:1", weight)
    made.read(Reading(running, waiting, kv), made.mark(), 10.0)
    return made


def burden(made: Endpoint) -> float:
    return burdens([made])[0]


@given(st.floats(0, 1), st.floats(0, 1))
def test_pressure_grows_with_the_cache(low: float, high: float) -> None:
    low, high = sorted((low, high))
    assert 0 <= pressure(low) <= pressure(high)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300), st.floats(0, 1))
def test_more_of_anything_is_never_less(running: int, waiting: int, more: int, kv: float) -> None:
    base = burden(endpoint(running, waiting, kv))
    assert base >= 1
    assert burden(endpoint(running + more, waiting, kv)) >= base
    assert burden(endpoint(running, waiting + more, kv)) >= base
    busier = endpoint(running, waiting, kv)
    busier.inflight = busier.unanswered = more
    assert burden(busier) >= base


def test_what_an_engine_does_not_say_adds_nothing() -> None:
    assert burden(endpoint(4, None, None)) == burden(endpoint(4, 0, 0)) == 1.4
    assert burden(Endpoint("http://a:1")) == 1.0


def test_it_is_relative_to_the_weight() -> None:
    assert burden(endpoint(4, 0, None, weight=2.0)) == 0.7
