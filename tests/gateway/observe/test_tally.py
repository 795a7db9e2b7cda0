from __future__ import annotations

import pytest

from pointsman.gateway.observe import names
from pointsman.gateway.observe.families import Counter, Vocabulary
from pointsman.gateway.observe.known import Known, words
from pointsman.gateway.observe.tally import Tally
from pointsman.signals.base import FALSE, TRUE, UNKNOWN, SignalValue, Value

KNOWN = Known(signals={"urgent": (), "size": (), "domain": ("math", "law")})


@pytest.fixture
def counter() -> Counter:
    return Counter(names.SIGNAL_VALUES, Vocabulary(words(KNOWN)))


def counted(counter: Counter) -> dict[tuple[str, ...], float]:
    return {labels: count for labels, count in counter.cells.items() if count}


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("urgent", True, ["true"]),
        ("urgent", False, ["false"]),
        ("urgent", None, ["unknown"]),
        ("size", 1, ["number"]),
        ("size", 0.5, ["number"]),
        ("domain", "math", ["math"]),
        ("domain", ("math", "law"), ["math", "law"]),
        ("domain", (), ["none"]),
        ("domain", "made up", ["other"]),
    ],
)
def test_a_value_is_counted_under_its_word(counter: Counter, name: str, value: Value, found: list[str]) -> None:
    tally = Tally(counter)
    for _ in range(3):
        tally.record({name: SignalValue(value)})
    tally.flush()
    assert counted(counter) == {(name, word): 3 for word in found}


def test_nothing_is_counted_twice(counter: Counter) -> None:
    tally = Tally(counter)
    for value in (TRUE, FALSE, UNKNOWN, TRUE):
        tally.record({"urgent": value})
        tally.flush()
    tally.flush()
    assert counted(counter) == {("urgent", "true"): 2, ("urgent", "false"): 1, ("urgent", "unknown"): 1}


def test_any_number_of_different_values_is_counted_and_few_are_kept(counter: Counter) -> None:
    tally = Tally(counter)
    for number in range(100_000):
        tally.record({"size": SignalValue(number), "domain": SignalValue(f"made up {number}")})
    assert tally.remembered < 5000
    tally.flush()
    assert counted(counter) == {("size", "number"): 100_000, ("domain", "other"): 100_000}
