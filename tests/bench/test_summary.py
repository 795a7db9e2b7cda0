from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.bench.summary import median_difference, median_ratio, percentile, share, spread

TIMES = st.lists(st.floats(0, 1e6), min_size=1)


@pytest.mark.parametrize(
    ("part", "expected"), [(0.0, 1.0), (0.5, 2.0), (0.51, 3.0), (0.75, 3.0), (0.99, 4.0), (1.0, 4.0)]
)
def test_percentile_is_the_nearest_rank(part: float, expected: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], part) == expected


def test_percentile_of_nothing() -> None:
    assert percentile([], 0.5) == 0.0


@given(TIMES, st.floats(0, 1))
def test_a_percentile_is_the_smallest_value_that_enough_do_not_exceed(times: list[float], part: float) -> None:
    mark = percentile(times, part)
    assert mark in times
    assert sum(t <= mark for t in times) >= part * len(times) * (1 - 1e-9)
    assert sum(t < mark for t in times) <= part * len(times)


def test_a_round_that_is_slow_for_all_changes_no_ratio() -> None:
    assert median_ratio([50.0, 5.0, 60.0], [100.0, 10.0, 100.0]) == 0.5


def test_the_median_of_ratios_is_no_ratio_of_medians() -> None:
    assert median_ratio([10.0, 90.0, 40.0], [100.0, 100.0, 50.0]) == 0.8


def test_a_base_of_zero_has_no_ratio() -> None:
    assert median_ratio([1.0, 1.0], [0.0, 2.0]) == 0.5
    assert median_ratio([1.0], [0.0]) == 0.0


def test_what_is_added_in_the_middle_round() -> None:
    assert median_difference([3.0, 9.0, 4.0], [1.0, 2.0, 1.0]) == 3.0
    assert median_difference([], []) == 0.0


def test_spread_is_half_of_the_range() -> None:
    assert spread([90.0, 100.0, 110.0]) == pytest.approx(0.1)
    assert spread([5.0]) == 0.0
    assert spread([]) == 0.0


@pytest.mark.parametrize(
    ("values", "bases", "expected"),
    [
        ([50.0, 60.0, 70.0], [100.0, 100.0, 100.0], "60%"),
        ([1.0], [80.0], "1.2%"),
        ([50.0, 900.0], [100.0], "50%"),  # the second round has nothing to compare with
        ([50.0], [], ""),
    ],
)
def test_share(values: list[float], bases: list[float], expected: str) -> None:
    assert share(values, bases) == expected
