from __future__ import annotations

import pytest

from pointsman.gateway.sim.faults import Fault, Faults, Kind, parse_fault


def test_a_fault_is_written_as_a_kind_and_its_values() -> None:
    assert parse_fault("hang") == Fault(kind=Kind.HANG)
    assert parse_fault("error: status=503, rate=0.25") == Fault(kind=Kind.ERROR, status=503, rate=0.25)


@pytest.mark.parametrize(
    ("text", "message"),
    [("explode", "'explode' is no fault: kind"), ("error:status=20", "status"), ("cut:when=1", "when")],
)
def test_a_bad_fault_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_fault(text)


def test_a_rate_is_met_by_about_that_share_and_by_the_same_requests_each_time() -> None:
    def met(seed: int) -> list[bool]:
        faults = Faults([Fault(kind=Kind.ERROR, rate=0.3)], seed)
        return [bool(faults.draw()) for _ in range(1000)]

    assert 250 < sum(met(1)) < 350
    assert met(1) == met(1)
    assert met(1) != met(2)


def test_a_fault_ends_after_its_times() -> None:
    faults = Faults([Fault(kind=Kind.ERROR, times=2), Fault(kind=Kind.LATENCY)], seed=0)
    assert [[fault.kind for fault in faults.draw()] for _ in range(3)] == [
        [Kind.ERROR, Kind.LATENCY],
        [Kind.ERROR, Kind.LATENCY],
        [Kind.LATENCY],
    ]
    assert [fault.kind for fault in faults.active] == [Kind.LATENCY]


def test_health_is_apart_from_the_requests() -> None:
    faults = Faults([Fault(kind=Kind.HEALTH, times=1)], seed=0)
    assert faults.draw() == []
    assert [faults.sick(), faults.sick()] == [True, False]
