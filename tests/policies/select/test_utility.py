from __future__ import annotations

import numpy as np
import pytest

from pointsman.policies.select.context import Forecast
from pointsman.policies.select.utility import OUTPUT_TOKENS, Weights, Worth, output_tokens, relative
from tests.support.select import LARGE, SMALL, context


def forecast(**known):
    return lambda pool: known.get(pool, Forecast())


def test_a_dearer_answer_is_worth_less_by_its_share_of_the_dearest_cost():
    worth = Worth([SMALL, LARGE], Weights(quality=1, cost=0.5, latency=0))
    assert worth.of(context(), np.array([0.5, 0.8])) == pytest.approx([0.5 - 0.5 * 0.1, 0.8 - 0.5])


def test_a_slower_answer_is_worth_less_if_anything_is_known_of_it():
    worth = Worth([SMALL, LARGE], Weights(quality=0, cost=0, latency=1))
    assert worth.of(context(), np.zeros(2)).tolist() == [0, 0]
    seen = forecast(small=Forecast(100, 0.5, 0.005), large=Forecast(100, 1.0, 0.01))
    assert worth.of(context(forecast=seen), np.zeros(2)) == pytest.approx([-0.5, -1.0])


def test_what_is_not_known_of_one_counts_as_of_the_others():
    assert relative(np.array([1.0, np.nan, 3.0])) == pytest.approx([1 / 3, 2 / 3, 1])
    assert output_tokens(context(), [Forecast(40), Forecast()]).tolist() == [40, 40]
    assert output_tokens(context(), [Forecast()]).tolist() == [OUTPUT_TOKENS]


def test_no_answer_is_longer_than_the_client_allows():
    asked = context()
    asked = asked._replace(facts=asked.facts._replace(max_tokens=10))
    assert output_tokens(asked, [Forecast(40), Forecast(5)]).tolist() == [10, 5]
