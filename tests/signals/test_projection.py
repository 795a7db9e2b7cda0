"""Projections through `Readings`, as decisions ask them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pointsman.policies.inputs import connect
from pointsman.signals.base import UNKNOWN, Cost, Shape, Signal, SignalOptions, SignalValue
from pointsman.signals.encoder.encoding import Encoding
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.neural import NeedsEncoding, NeuralSignal
from pointsman.signals.projection import Projection, ProjectionOptions
from pointsman.signals.readings import Readings, TimedReadings
from tests.support.encoders import LetterEncoder
from tests.support.neural import encode_for

OPTIONS = TypeAdapter(ProjectionOptions)
FACTS = Facts(Route.CHAT, read_messages=lambda: (Message("user", "hello"),))


class Says(Signal[SignalOptions]):
    """Whatever it is told to say."""

    Options = SignalOptions

    def __init__(self, value: SignalValue) -> None:
        super().__init__("says", SignalOptions(type="says"))
        self._value = value
        self.asked = 0

    @property
    def shape(self) -> Shape:
        value = self._value.value
        return Shape.BOOL if isinstance(value, bool | None) else Shape.NUMBER if self._number() else Shape.LABEL

    def _number(self) -> bool:
        return isinstance(self._value.value, int | float)

    def evaluate(self, facts: Facts) -> SignalValue:
        self.asked += 1
        return self._value


class Understands(NeuralSignal[SignalOptions]):
    Options = SignalOptions

    def __init__(self) -> None:
        super().__init__("understands", SignalOptions(type="understands"))

    @property
    def shape(self) -> Shape:
        return Shape.BOOL

    def passages(self, facts: Facts) -> Sequence[str]:
        return [facts.user_text]

    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        return SignalValue(True, 0.75)


def project(name: str = "p", **options: Any) -> Projection:
    return Projection(name, OPTIONS.validate_python({"type": "projection", **options}))


def readings(parts: dict[str, Any], **options: Any) -> Readings:
    signals: dict[str, Signal[Any]] = {
        name: Says(part) if isinstance(part, SignalValue) else part for name, part in parts.items()
    }
    signals["p"] = project(**options)
    assert connect(signals, signals) == []
    return Readings(signals, FACTS)


def say(parts: dict[str, Any], **options: Any) -> SignalValue:
    return readings(parts, **options)["p"]


MATH = SignalValue("math", 0.7, {"math": 0.7, "law": 0.3})


@pytest.mark.parametrize(
    ("part", "reference", "value"),
    [
        (SignalValue(True, 0.25), "x", 0.25),
        (SignalValue(True), "x", 1),
        (SignalValue(False), "x", 0),
        (SignalValue(1200), "x", 1200),
        (MATH, "x.math", 0.7),
        (MATH, "x.law", 0.3),
        (MATH, "x.biology", 0),
        (SignalValue("de"), "x.de", 1),
        (SignalValue("de"), "x.en", 0),
        (SignalValue(("premium", "staff")), "x.staff", 1),
    ],
)
def test_what_a_signal_counts(part: SignalValue, reference: str, value: float) -> None:
    assert say({"x": part}, weights={reference: 2}, bias=-1).value == pytest.approx(2 * value - 1)


def test_weights_add_up() -> None:
    parts = {"hard": SignalValue(True, 0.5), "domain": MATH, "size": SignalValue(3000)}
    found = say(parts, weights={"hard": 0.5, "domain.math": 0.3, "size": 0.0001}, bias=0.1)
    assert found.value == pytest.approx(0.25 + 0.21 + 0.3 + 0.1)


def test_an_unknown_part_makes_it_unknown_unless_it_has_no_weight() -> None:
    parts = {"a": SignalValue(True), "b": UNKNOWN}
    assert say(parts, weights={"a": 1, "b": 1}) == UNKNOWN
    assert say(parts, group={"one": "a", "two": "b"}) == UNKNOWN
    found = readings(parts, weights={"a": 1, "b": 0})
    assert (found["p"].value, list(found.values)) == (1, ["a", "p"])


def test_the_encoder_is_not_asked_if_a_cheaper_part_is_unknown() -> None:
    assert say({"dear": Understands(), "cheap": UNKNOWN}, weights={"dear": 1, "cheap": 1}) == UNKNOWN


def test_it_costs_what_its_dearest_part_costs_and_asks_for_its_passages() -> None:
    found = readings({"dear": Understands(), "cheap": SignalValue(True)}, weights={"dear": 1, "cheap": 1})
    found.read_texts()
    with pytest.raises(NeedsEncoding) as raised:
        found["p"]
    assert raised.value.passages == ["hello"]
    assert encode_for(found, "p", LetterEncoder()).value == 1.75
    signals: dict[str, Signal[Any]] = {
        "dear": Understands(),
        "p": project(weights={"dear": 0.0}),
        "q": project("q", weights={"dear": 1}),
    }
    connect(signals, signals)
    assert (signals["p"].cost, signals["q"].cost) == (Cost.HEURISTIC, Cost.NEURAL)


def test_it_is_unknown_if_the_encoder_is_late() -> None:
    found = readings({"dear": Understands()}, weights={"dear": 1})
    with pytest.raises(NeedsEncoding):
        found["p"]
    found.unencoded(["hello"], "late", 0.0)
    assert (found["p"], found.missed, found.failures) == (UNKNOWN, {"dear": "late"}, {})


def test_projections_of_projections_are_asked_once_and_timed_apart() -> None:
    one = Says(SignalValue(2))
    signals: dict[str, Signal[Any]] = {
        "top": project("top", weights={"left": 1, "right": 1}),
        "left": project("left", weights={"one": 1}),
        "right": project("right", weights={"one": 10}),
        "one": one,
    }
    assert connect(signals, signals) == []
    seconds = count(0)
    found = TimedReadings(signals, FACTS, lambda: next(seconds))
    assert (found["top"].value, one.asked) == (22, 1)
    assert found.elapsed == {"one": 1, "left": 2, "right": 1, "top": 3}
    assert sum(found.elapsed.values()) == next(seconds) - 1


ends = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6, unique=True).map(sorted)


@given(ends, st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_every_number_is_in_one_band_and_a_higher_one_never_in_a_lower_band(
    ends: list[float], one: float, other: float
) -> None:
    bands: dict[str, float | None] = {f"b{place}": end for place, end in enumerate(ends)} | {"top": None}
    names = list(bands)

    def place(number: float) -> int:
        return names.index(str(say({"x": SignalValue(number)}, weights={"x": 1}, bands=bands).value))

    low, high = sorted((one, other))
    assert place(low) <= place(high)
    assert place(low) == sum(low >= end for end in ends)


def test_bands_can_be_parts_themselves() -> None:
    bands = {"low": 0.3, "high": None}
    signals: dict[str, Signal[Any]] = {
        "x": Says(SignalValue(True, 0.9)),
        "risk": project("risk", weights={"x": 1}, bands=bands),
        "p": project(weights={"risk.high": 3, "risk.low": 5}),
    }
    assert connect(signals, signals) == []
    assert Readings(signals, FACTS)["p"].value == 3
    assert signals["risk"].known_labels == {"low", "high"}


@pytest.mark.parametrize(("threshold", "value"), [(0.5, "tech"), (0.8, "tech"), (0.81, ())])
def test_the_strongest_of_a_group(threshold: float, value: Any) -> None:
    parts = {"billing": SignalValue(True, 0.6), "tech": SignalValue(True, 0.8)}
    found = say(parts, group={"billing": "billing", "tech": "tech"}, threshold=threshold)
    assert found == SignalValue(value, 0.8, {"billing": 0.6, "tech": 0.8})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs `weights` or `group`"),
        ({"weights": {"x": 1}, "group": {"a": "x", "b": "y"}}, "one of them; it has 2"),
        ({"weights": {"x": 1}, "threshold": 0.5}, "`threshold` goes with `group`"),
        ({"group": {"a": "x", "b": "y"}, "bias": 1}, "`bias` goes with `weights`"),
        ({"weights": {"x": 1}, "bands": {"low": 1, "high": 2}}, "write `high: null`"),
        ({"weights": {"x": 1}, "bands": {"low": 2, "mid": 1, "high": None}}, "must rise"),
        ({"weights": {"x": 1}, "bands": {"low": None, "high": None}}, "needs the number where it ends"),
        ({"weights": {"x": 1}, "bands": {"Low Risk": 2, "high": None}}, "write low_risk"),
        ({"weights": {"x": float("nan")}}, "less than or equal"),
        ({"weights": {}}, "at least 1"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        project(**options)
