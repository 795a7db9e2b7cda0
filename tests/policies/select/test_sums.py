from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.select.sums import NOTHING, Sums, merged, total, under, within

_arrays = st.dictionaries(
    st.sampled_from("abc"),
    st.lists(st.integers(-8, 8).map(float), min_size=2, max_size=2).map(np.array),
    max_size=3,
)
_sums = st.builds(Sums, st.integers(0, 4), _arrays)


def same(one: Sums, other: Sums) -> bool:
    keys = one.arrays.keys() | other.arrays.keys()
    return one.count == other.count and all(
        np.allclose(one.arrays.get(key, 0.0), other.arrays.get(key, 0.0)) for key in keys
    )


@given(_sums, _sums, _sums, st.sampled_from([1.0, 0.5, 0.9]))
def test_merging_is_associative_so_deltas_may_be_gathered_first(first, second, third, discount):
    one = merged(merged(first, second, discount), third, discount)
    other = merged(first, merged(second, third, discount), discount)
    assert same(one, other)


@given(_sums, _sums, _sums)
def test_that_holds_for_arrays_that_are_forgotten_at_rates_of_their_own(first, second, third):
    rates = {"a": 0.5, "b": 0.9}
    one = merged(merged(first, second, rates), third, rates)
    assert same(one, merged(first, merged(second, third, rates), rates))
    for key, rate in (*rates.items(), ("c", 1.0)):
        alone = total(
            (Sums(s.count, {k: v for k, v in s.arrays.items() if k == key}) for s in (first, second, third)), rate
        )
        assert np.allclose(one.arrays.get(key, 0.0), alone.arrays.get(key, 0.0))


def test_the_first_beginning_that_fits_says_how_fast_an_array_is_forgotten():
    told = [Sums(1, {"recent/a": np.array([1.0]), "a": np.array([1.0])})] * 3
    assert {k: v.tolist() for k, v in total(told, {"recent/": 0.5, "": 0.9}).arrays.items()} == {
        "recent/a": [pytest.approx(1.75)],
        "a": [pytest.approx(2.71)],
    }


@given(_sums, _sums)
def test_without_forgetting_the_order_of_replicas_does_not_matter(one, other):
    assert same(merged(one, other), merged(other, one))


@given(_sums)
def test_nothing_changes_nothing(sums):
    assert same(merged(sums, NOTHING, 0.5), sums)
    assert same(merged(NOTHING, sums, 0.5), sums)


def test_earlier_outcomes_count_less_with_each_later_one():
    told = [Sums(1, {"a": np.array([1.0])})] * 3
    assert total(told, 0.5).arrays["a"] == pytest.approx(1.75)


def test_a_correction_makes_nothing_older():
    told = merged(Sums(1, {"a": np.array([1.0])}), Sums(0, {"a": np.array([-0.25])}), 0.5)
    assert told.arrays["a"] == pytest.approx(0.75)


def test_an_array_of_another_shape_starts_anew():
    told = merged(Sums(1, {"a": np.ones(2)}), Sums(1, {"a": np.ones(3)}))
    assert told.arrays["a"].tolist() == [1, 1, 1]


@given(_sums)
def test_parts_keep_apart_under_their_names(sums):
    both = merged(under("x/", sums), under("y/", Sums(0, {"a": np.array([9.0, 9.0])})))
    assert same(within("x/", both), sums)
