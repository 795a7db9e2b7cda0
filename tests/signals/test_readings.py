from __future__ import annotations

from itertools import count
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.signals.base import UNKNOWN, Shape, Signal, SignalOptions, SignalValue
from pointsman.signals.facts import Facts, Route
from pointsman.signals.readings import Readings, TimedReadings

NAMES = ["a", "b", "c"]


class ProbeOptions(SignalOptions):
    type: Literal["probe"] = "probe"


class Probe(Signal[ProbeOptions]):
    """Says how often it was asked."""

    Options = ProbeOptions

    def __init__(self, name: str) -> None:
        super().__init__(name, ProbeOptions())
        self.asked = 0

    @property
    def shape(self) -> Shape:
        return Shape.NUMBER

    def evaluate(self, facts: Facts) -> SignalValue:
        self.asked += 1
        if self.name == "broken":
            raise RecursionError("too deep")
        return SignalValue(self.asked)


def ticking() -> Any:
    seconds = count(0, 0.5)
    return lambda: next(seconds)


@given(st.lists(st.sampled_from(NAMES)))
def test_each_signal_is_asked_at_most_once(order: list[str]) -> None:
    signals = {name: Probe(name) for name in NAMES}
    readings = TimedReadings(signals, Facts(Route.CHAT), ticking())
    assert all(readings[name].value == 1 for name in order)
    assert {name for name, probe in signals.items() if probe.asked} == set(order)
    assert list(readings.values) == list(dict.fromkeys(order))
    assert readings.elapsed == dict.fromkeys(readings.values, 0.5)
    assert readings.failures == {}


def test_a_failing_signal_is_unknown_and_told() -> None:
    broken = Probe("broken")
    readings = TimedReadings({"broken": broken}, Facts(Route.CHAT), ticking())
    assert (readings["broken"], readings["broken"], broken.asked) == (UNKNOWN, UNKNOWN, 1)
    assert readings.failures == {"broken": "RecursionError: too deep"}
    assert readings.elapsed == {"broken": 0.5}


def test_there_is_no_reading_of_a_signal_that_does_not_exist() -> None:
    with pytest.raises(KeyError):
        TimedReadings({}, Facts(Route.CHAT), ticking())["absent"]


def test_without_a_clock_nothing_is_timed() -> None:
    signals = {name: Probe(name) for name in ("a", "broken")}
    readings = Readings(signals, Facts(Route.CHAT))
    assert [readings[name].value for name in ("a", "broken", "a", "broken")] == [1, None, 1, None]
    assert (signals["a"].asked, signals["broken"].asked, list(readings.failures)) == (1, 1, ["broken"])
    assert readings.elapsed == {}
