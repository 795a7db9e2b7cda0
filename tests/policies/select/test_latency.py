from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.select.context import Context, Forecast, Measure
from pointsman.policies.types import Choice
from tests.support.select import candidates, context, selector


def told(**seconds: float | None) -> Context:
    """What the models' percentiles are; a name may say of which measure."""
    return context(forecast=lambda model: Forecast(quantile=lambda measure, share: seconds.get(model)))


def choose(asked: Context, random: Random | None = None, models: str = "abc", **options: Any) -> Choice:
    return selector({"by": "latency", **options}, candidates(*models)).choose(asked, None, random)


def test_the_fastest_is_chosen_and_the_next_follow():
    choice = choose(told(a=2.0, b=1.0, c=4.0))
    assert choice.pools == ("b", "a", "c")
    assert choice.scores == {"a": -2.0, "b": -1.0, "c": -4.0}


@pytest.mark.parametrize(("percentile", "metric"), [("p50", "ttft"), ("p95", "tpot"), ("p99", "total")])
def test_what_is_compared_is_what_the_options_say(percentile, metric):
    asked = []

    def quantile(measure, share):
        asked.append((measure, share))
        return 1.0

    choose(context(forecast=lambda model: Forecast(quantile=quantile)), percentile=percentile, metric=metric)
    assert set(asked) == {(Measure(metric), int(percentile[1:]) / 100)}


def test_a_model_of_which_too_little_is_known_gets_its_even_share():
    choice = choose(told(a=1.0, b=2.0), explore=0)
    assert choice.shares == pytest.approx({"a": 2 / 3, "b": 0.0, "c": 1 / 3})
    assert choice.pools == ("a", "b", "c")


def test_where_nothing_is_known_all_are_tried():
    assert choose(told()).shares == pytest.approx({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3})
    assert choose(told()).pools == ("a", "b", "c")


def test_equally_fast_ones_share():
    assert choose(told(a=1.0, b=1.0, c=3.0), explore=0).shares == pytest.approx({"a": 0.5, "b": 0.5, "c": 0.0})


def test_those_that_are_slow_are_looked_at_now_and_then():
    choice = choose(told(a=1.0, b=9.0, c=9.0), explore=0.3)
    assert choice.shares == pytest.approx({"a": 0.8, "b": 0.1, "c": 0.1})


def test_a_model_without_a_live_endpoint_comes_last():
    asked = told(a=1.0, b=2.0, c=3.0)._replace(pools=context(down=["a"]).pools)
    choice = choose(asked)
    assert choice.pools == ("b", "c", "a")
    assert choice.shares["a"] == 0


@given(
    st.lists(st.none() | st.floats(0, 100), min_size=3, max_size=3), st.floats(0, 1), st.sets(st.sampled_from("abc"))
)
def test_the_propensity_is_the_share_of_the_first(seconds, explore, down):
    asked = told(**dict(zip("abc", seconds, strict=True)))._replace(pools=context(down=[*down]).pools)
    choice = choose(asked, Random(1), explore=explore)
    assert sum(choice.shares.values()) == pytest.approx(1)
    assert choice.propensity == choice.shares[choice.pools[0]] > 0
    assert sorted(choice.pools) == ["a", "b", "c"]


def test_choices_come_as_often_as_the_shares_say():
    random, asked = Random(3), told(a=1.0, b=2.0)
    found = Counter(choose(asked, random).pools[0] for _ in range(3000))
    shares = choose(asked).shares
    assert {model: found[model] / 3000 for model in "abc"} == pytest.approx(shares, abs=0.03)
