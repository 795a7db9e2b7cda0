from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import permutations, product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pointsman.policies.select.weighted import Weighted, WeightedOptions
from tests.support.select import candidates, context


class Scripted(Random):
    """Draws the given numbers of [0, 1), in order, and no more."""

    def __init__(self, *points: Fraction) -> None:
        super().__init__(0)
        self._points = iter(points)

    def random(self) -> float:
        return float(next(self._points))


IDLE = context()


def selector(weights: dict[str, float], models=None) -> Weighted:
    return Weighted(WeightedOptions(by="weighted", weights=weights), candidates(*(models or weights)))


def middles(count: int) -> list[Fraction]:
    """The middle of each of `count` equal parts of [0, 1)."""
    return [Fraction(2 * i + 1, 2 * count) for i in range(count)]


def test_the_first_is_drawn_by_weight_and_the_propensity_is_its_share():
    split = selector({"a": 5, "b": 3, "c": 2})
    choices = [split.choose(IDLE, None, Scripted(point, Fraction(0))) for point in middles(10)]
    assert Counter(c.pools[0] for c in choices) == {"a": 5, "b": 3, "c": 2}
    assert {c.pools[0]: c.propensity for c in choices} == {"a": 0.5, "b": 0.3, "c": 0.2}


def test_every_order_has_the_probability_of_drawing_without_replacement():
    weights = {"a": 1, "b": 2, "c": 1}
    split, parts = selector(weights), 12  # a multiple of every total that is left: 4, 3, 2
    drawn = Counter(split.choose(IDLE, None, Scripted(*points)).pools for points in product(middles(parts), repeat=2))
    for order in permutations(weights):
        total, expected = 4, Fraction(1)
        for model in order:
            expected, total = expected * Fraction(weights[model], total), total - weights[model]
        assert Fraction(drawn[order], parts**2) == expected


def test_models_without_weight_come_last_in_the_order_of_the_file():
    split = selector({"b": 1, "d": 0}, ["a", "b", "c", "d"])
    choice = split.choose(IDLE, None, Scripted())
    assert choice.pools == ("b", "a", "c", "d")
    assert choice.propensity == 1.0
    assert choice.scores == {"a": 0, "b": 1, "c": 0, "d": 0}


def test_greedy_orders_by_weight_without_drawing():
    choice = selector({"a": 1, "b": 3, "c": 3, "d": 2}).choose(IDLE, None, None)
    assert choice.pools == ("b", "c", "d", "a")
    assert choice.propensity == pytest.approx(1 / 3)
    assert choice.reason == "b has 0.333 of the weight"


_weights = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1e6) | st.integers(0, 100), min_size=1).filter(
    lambda weights: sum(weights.values()) > 0
)


@given(_weights, st.permutations("abcdef"), st.randoms(use_true_random=False))
def test_every_model_appears_once_and_shares_sum_to_one(weights, models, random):
    split = selector(weights, models)
    choice = split.choose(IDLE, None, random)
    assert sorted(choice.pools) == sorted(models)
    assert sum(choice.scores.values()) == pytest.approx(1)
    assert choice.shares == choice.scores
    assert choice.propensity == choice.scores[choice.pools[0]] > 0
    weightless = [model for model in models if not choice.scores[model]]
    assert list(choice.pools[len(models) - len(weightless) :]) == weightless


def test_the_same_random_state_gives_the_same_orders():
    split = selector({"a": 1, "b": 2, "c": 3})
    one, other = Random(7), Random(7)
    assert [split.choose(IDLE, None, one) for _ in range(20)] == [split.choose(IDLE, None, other) for _ in range(20)]


def test_a_weight_for_a_model_that_is_not_listed_is_an_error():
    with pytest.raises(ValueError, match="names `smal`, which is not in `models`; did you mean `small`"):
        selector({"smal": 1}, ["small", "large"])


def test_weights_must_leave_something_to_choose():
    with pytest.raises(ValueError, match="every weight is 0"):
        selector({"a": 0, "b": 0})


@pytest.mark.parametrize("weights", [{}, {"a": -1}, {"a": float("nan")}, {"a": float("inf")}, {"a": "5"}, {"a": True}])
def test_bad_weights_are_refused(weights):
    with pytest.raises(ValidationError):
        WeightedOptions.model_validate({"by": "weighted", "weights": weights})
