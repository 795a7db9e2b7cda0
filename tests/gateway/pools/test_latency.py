from __future__ import annotations

import pytest

from pointsman.gateway.pools.latency import TAU, PeakEwma


def test_nothing_is_known_before_the_first_answer() -> None:
    assert PeakEwma().value(5.0) is None


def test_a_rise_counts_at_once_and_a_fall_slowly() -> None:
    latency = PeakEwma()
    latency.observe(0.1, 0.0)
    latency.observe(2.0, 0.1)
    assert latency.value(0.1) == 2.0
    latency.observe(0.1, 0.2)
    after = latency.value(0.2)
    assert after is not None
    assert 1.9 < after < 2.0


def test_falls_to_what_is_observed_in_the_long_run() -> None:
    latency = PeakEwma()
    latency.observe(2.0, 0.0)
    for second in range(1, 100):
        latency.observe(0.1, float(second))
    assert latency.value(99.0) == pytest.approx(0.1, rel=0.1)


def test_decays_when_nothing_is_observed() -> None:
    latency = PeakEwma()
    latency.observe(1.0, 0.0)
    assert latency.value(TAU) == pytest.approx(0.3679, rel=1e-3)
