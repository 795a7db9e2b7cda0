from __future__ import annotations

from itertools import islice, pairwise
from random import Random

import pytest

from pointsman.bench.fleet.arrivals import arrivals
from tests.bench.fleet.samples import plain_trace


@pytest.mark.parametrize("rate", [0.5, 5.0, 80.0])
def test_the_rate_is_what_was_asked_for(rate: float) -> None:
    found = list(islice(arrivals(plain_trace(), 100, rate, Random(4)), 101))
    assert found[0].time == 0
    assert found[100].time == pytest.approx(100 / rate)


def test_times_never_go_back_even_where_the_trace_starts_again() -> None:
    trace = plain_trace(rows=50, resolution=3.0)
    times = [arrival.time for arrival in islice(arrivals(trace, 80, 5.0, Random(4)), 200)]
    assert times == sorted(times)


def test_ups_and_downs_are_kept() -> None:
    trace = plain_trace(rows=40)
    rows = tuple(
        row._replace(time=row.time + (100.0 if number >= 20 else 0.0)) for number, row in enumerate(trace.rows)
    )
    bursty = type(trace)(trace.source, rows)
    times = [arrival.time for arrival in islice(arrivals(bursty, 40, 10.0, Random(4)), 40)]
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    assert gaps[-1] > 100 * gaps[0]


def test_rounded_times_are_spread() -> None:
    trace = plain_trace(rows=30, gap=0.0, resolution=3.0)
    rows = tuple(row._replace(time=3.0 * (number // 10)) for number, row in enumerate(trace.rows))
    rounded = type(trace)(trace.source, rows)
    times = [arrival.time for arrival in islice(arrivals(rounded, 30, 10.0, Random(4)), 30)]
    assert len(set(times)) == 30


def test_a_seed_says_where_it_begins() -> None:
    def first(seed: int) -> float:
        return next(arrivals(plain_trace(), 10, 1.0, Random(seed))).row.time

    assert first(1) == first(1)
    assert len({first(seed) for seed in range(5)}) > 1
