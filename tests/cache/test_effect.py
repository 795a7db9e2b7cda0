"""Comparing the rewards of those with and without."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.cache.effect import ENOUGH, Sums, difference, is_harmful

told = st.lists(st.tuples(st.floats(0.05, 1.0), st.floats(0.0, 1.0)), max_size=20)


def sums(said):
    found = Sums()
    for weight, reward in said:
        found = found.plus(weight, reward)
    return found


@given(told, told)
def test_what_is_taken_back_was_never_said(stays, goes):
    found = sums([*stays, *goes])
    for weight, reward in goes:
        found = found.plus(weight, reward, -1)
    assert found == pytest.approx(sums(stays), abs=1e-9)


@given(told)
def test_the_order_does_not_matter(said):
    assert sums(said) == pytest.approx(sums(said[::-1]), abs=1e-9)


def test_one_side_alone_tells_nothing():
    some = sums([(1.0, 0.5)] * 100)
    assert difference(some, Sums()) is None
    assert difference(Sums(), some) is None
    assert not is_harmful(some, Sums())


def test_the_difference_is_that_of_the_means_and_lies_within():
    found = difference(sums([(1.0, 0.8)] * 50), sums([(0.5, 0.6), (1.0, 0.3)] * 25))
    assert found is not None
    assert found.estimate == pytest.approx(0.4)
    assert found.low < 0.4 < found.high


def test_few_rewards_that_agree_are_no_certainty():
    found = difference(sums([(1.0, 0.0)] * 3), sums([(1.0, 1.0)] * 3))
    assert found is not None
    assert found.estimate == -1.0
    assert found.high > -0.3
    assert not is_harmful(sums([(1.0, 0.0)] * (ENOUGH - 1)), sums([(1.0, 1.0)] * ENOUGH))
    assert is_harmful(sums([(1.0, 0.0)] * ENOUGH), sums([(1.0, 1.0)] * ENOUGH))


def test_the_interval_holds_the_truth_as_often_as_it_says():
    random, held = Random(7), 0
    for _ in range(400):
        sides = [[(1.0, float(random.random() < chance)) for _ in range(60)] for chance in (0.7, 0.8)]
        found = difference(*map(sums, sides))
        held += found.low <= -0.1 <= found.high
    assert 0.92 <= held / 400 <= 0.99
