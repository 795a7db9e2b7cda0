from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.select.tradeoff import cost_at, sweep

points = st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 10)), min_size=1, max_size=12)


@given(points, st.floats(0, 1))
def test_a_quality_costs_no_more_than_the_cheapest_point_that_has_it(found: Any, quality: float):
    qualities, costs = (np.array(column) for column in zip(*found, strict=True))
    reaching = costs[qualities >= quality]
    cost = cost_at(quality, qualities, costs)
    if len(reaching):
        assert cost <= reaching.min() + 1e-9
        assert cost >= costs.min() - 1e-9
    else:
        assert np.isnan(cost)


def test_half_of_each_costs_half_of_each():
    assert cost_at(0.6, np.array([0.4, 0.8, 0.5]), np.array([1.0, 3.0, 2.9])) == pytest.approx(2.0)


def test_the_more_cost_weighs_the_less_is_spent():
    random = np.random.default_rng(6)
    predicted, cost = random.random((50, 4)), np.broadcast_to([1.0, 2.0, 4.0, 8.0], (50, 4))
    spent = sweep(predicted, cost, predicted, cost).points()[1]
    assert (np.diff(spent) <= 0).all()
    assert spent[0] > 2
    assert spent[-1] < 1.2
