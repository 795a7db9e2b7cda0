from __future__ import annotations

from array import array
from dataclasses import replace
from random import Random

import pytest

from pointsman.gateway.sim.engine import EngineOptions, Request
from pointsman.gateway.sim.simulate import Arrival, simulate

OPTIONS = EngineOptions(prefill_rate=10_000, step_base=0.01, step_per_sequence=0.001)


def numbers(count: int, seed: int) -> array[int]:
    random = Random(seed)
    return array("q", (random.randrange(2**31) for _ in range(count)))


def poisson(rate: float, count: int, seed: int = 1) -> list[Arrival]:
    random, now, arrivals = Random(seed), 0.0, []
    for index in range(count):
        now += random.expovariate(rate)
        arrivals.append(Arrival(now, Request(numbers(200, index), numbers(20, -index))))
    return arrivals


def test_an_idle_engine_starts_when_the_request_comes() -> None:
    timings = simulate([Arrival(5.0, Request(numbers(100, 1), numbers(11, 2)))], OPTIONS)
    assert timings[0].queued == 0
    assert timings[0].first_token == pytest.approx(0.02)
    assert timings[0].finished == pytest.approx(0.02 + 10 * 0.011)


def test_the_same_traffic_gives_the_same_timings() -> None:
    assert simulate(poisson(20, 50), OPTIONS) == simulate(poisson(20, 50), OPTIONS)


def test_timings_come_in_the_order_of_the_arrivals_given() -> None:
    short, long = Request(numbers(10, 1), numbers(2, 1)), Request(numbers(10, 2), numbers(200, 2))
    last, first = simulate([Arrival(9.0, short), Arrival(0.0, long)], OPTIONS)
    assert last.finished < first.finished


def test_more_load_waits_longer() -> None:
    def mean_wait(rate: float) -> float:
        timings = simulate(poisson(rate, 200), replace(OPTIONS, max_num_seqs=4))
        return sum(timing.first_token for timing in timings) / len(timings)

    assert mean_wait(1) < mean_wait(12) < mean_wait(50)


def test_a_full_cache_shows_in_the_preemptions() -> None:
    small = replace(OPTIONS, num_blocks=40, max_model_len=640)
    together = [Arrival(0.0, Request(numbers(200, n), numbers(200, n))) for n in range(3)]
    timings = simulate(together, small)
    assert sum(timing.preemptions for timing in timings) > 0
    assert timings[0].preemptions == 0


def test_no_arrivals_no_timings() -> None:
    assert simulate([]) == []
