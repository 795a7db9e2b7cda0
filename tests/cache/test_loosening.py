from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.cache.loosening import BACK, FULL, SECONDS, START, Loosening

LONG = 20 * SECONDS


def told(*loads: tuple[float, float]) -> Loosening:
    found = Loosening()
    for now, load in loads:
        found = found.after(load, now)
    return found


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(allow_nan=True)), max_size=20), st.floats(0, 2000))
def test_relief_is_a_share_and_none_below_where_it_ends(loads: list[tuple[float, float]], now: float) -> None:
    found = told(*loads).at(now)
    assert 0.0 <= found.relief <= 1.0
    assert found.relief == 0.0 or found.load >= BACK
    assert found.relief > 0.0 or found.load <= START


def test_it_begins_above_one_load_and_ends_below_a_lower_one() -> None:
    between = (START + BACK) / 2
    assert told((0, between)).relief == 0.0
    assert told((0, FULL)).relief == 1.0
    assert told((0, FULL), (LONG, between)).relief == pytest.approx((between - BACK) / (FULL - BACK))
    back = told((0, FULL), (LONG, between), (2 * LONG, BACK - 0.05))
    assert back.relief == 0.0
    assert back.after(between, 3 * LONG).relief == 0.0


def test_a_moment_of_load_is_not_enough() -> None:
    assert told((0, 0.2), (0.5, 2.0)).relief == 0.0
    assert told((0, 0.2), (LONG, 2.0)).relief == 1.0


def test_it_ends_when_nothing_more_is_heard_of_the_load() -> None:
    busy = told((0, FULL))
    assert busy.at(SECONDS / 2).relief == 1.0
    assert busy.at(LONG).relief == 0.0


def test_a_clock_that_goes_back_and_a_load_that_is_no_number_do_no_harm() -> None:
    assert told((100, FULL), (50, FULL)).relief == 1.0
    assert told((0, math.nan)).relief == 0.0
