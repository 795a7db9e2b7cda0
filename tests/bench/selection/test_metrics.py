from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.bench.selection.metrics import apgr, apgr_interval, call_share, recovered

SCORES = np.array([0.9, 0.8, 0.7, 0.6])


def test_the_gap_is_won_in_the_order_of_the_scores():
    assert recovered(SCORES, np.array([1.0, 0, 1, 0])).tolist() == [0, 0.5, 0.5, 1, 1]


def test_a_perfect_order_wins_early_and_the_reverse_late():
    gains = np.array([1.0, 1, 0, 0])
    assert apgr(SCORES, gains) == pytest.approx(0.75)
    assert apgr(-SCORES, gains) == pytest.approx(0.25)
    assert call_share(SCORES, gains, 0.5) == 0.25
    assert call_share(-SCORES, gains, 0.8) == 1.0


def test_a_strong_model_that_is_sometimes_worse_can_win_more_than_all():
    assert recovered(SCORES, np.array([1.0, 1, 0, -1])).tolist() == [0, 1, 2, 2, 1]


gains = st.lists(st.integers(-1, 1), min_size=2, max_size=30).filter(lambda found: sum(found) > 0)


@given(gains)
def test_equal_scores_are_chance(found: list[int]):
    assert apgr(np.zeros(len(found)), np.array(found, float)) == pytest.approx(0.5)


@given(gains, st.floats(0.1, 10))
def test_only_the_order_of_the_scores_counts(found: list[int], factor: float):
    scores = np.arange(len(found), dtype=float)
    assert apgr(scores, np.array(found, float)) == pytest.approx(apgr(factor * scores - 3, np.array(found, float)))


def test_without_a_gap_there_is_no_figure():
    assert np.isnan(apgr(SCORES, np.zeros(4)))


def test_the_interval_holds_the_value_and_narrows_with_more_rows():
    random = np.random.default_rng(0)
    widths = []
    for count in (100, 1600):
        scores = random.random(count)
        found = (random.random(count) < scores).astype(float)
        low, high = apgr_interval(scores, found, 200)
        assert low < apgr(scores, found) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2
