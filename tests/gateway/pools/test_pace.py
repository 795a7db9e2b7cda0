from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.pools.pace import Pace


def taught(number: int = 200, base: float = 0.01, slope: float = 0.002, noise: float = 0.1) -> Pace:
    pace, random = Pace(), Random(1)
    for _ in range(number):
        load = float(random.randint(0, 12))
        pace.observe(load, (base + slope * load) * random.lognormvariate(0, noise))
    return pace


def test_what_an_endpoint_needs_per_token_grows_with_its_requests():
    pace = taught()
    assert pace.predict(0) == pytest.approx(0.01, rel=0.15)
    assert pace.predict(10) == pytest.approx(0.03, rel=0.15)


def test_nothing_is_predicted_before_an_answer_but_what_was_stated():
    assert Pace().predict(3) is None
    assert Pace().predict(3, 0.02) == 0.02


def test_answers_take_the_place_of_what_was_stated():
    few, many = taught(1, slope=0, noise=0), taught(slope=0, noise=0)
    assert few.predict(0, 0.05) == pytest.approx(0.04)
    assert many.predict(0, 0.05) == pytest.approx(0.01, rel=0.3)


def test_a_new_pace_is_believed_soon():
    pace = taught()
    for _ in range(100):
        pace.observe(4.0, 0.1)
    assert pace.predict(4.0) == pytest.approx(0.1, rel=0.2)


def test_a_client_that_reads_slowly_says_nothing_of_the_endpoint():
    pace = taught(noise=0)
    pace.observe(0.0, 60.0)
    assert pace.predict(0) == pytest.approx(0.01, rel=0.2)


def test_the_same_load_all_the_time_says_nothing_of_others():
    pace = Pace()
    for _ in range(50):
        pace.observe(8.0, 0.02)
    assert pace.predict(8.0) == pytest.approx(0.02)
    assert pace.predict(0.0) == pytest.approx(0.02)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 10)), min_size=1, max_size=60), st.floats(0, 200))
def test_a_prediction_is_a_time_and_more_requests_never_make_it_shorter(observed, load):
    pace = Pace()
    for here, seconds in observed:
        pace.observe(here, seconds)
    found = pace.predict(load)
    assert found is not None
    assert 0 <= found < 1e6
    assert found <= (pace.predict(load + 1) or 0.0)
