from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.pools.predict import ENOUGH, FRESH, Asked, Regression


def truth(tokens: int, ahead: float) -> float:
    return 0.04 + 0.1 * tokens / 1024 + 0.03 * ahead


def taught(
    observations: int, random: Random, noise: float = 0.0, outliers: float = 0.0, scale: float = 1.0
) -> Regression:
    regression = Regression()
    teach(regression, observations, random, noise, outliers, scale)
    return regression


def teach(
    regression: Regression, observations: int, random: Random, noise: float, outliers: float, scale: float
) -> None:
    for _ in range(observations):
        tokens, ahead = random.randint(10, 8000), float(random.randint(0, 20))
        seconds = scale * truth(tokens, ahead) * random.lognormvariate(0, noise)
        if random.random() < outliers:
            seconds += 30
        regression.observe(Asked(tokens, ahead, regression.fit), seconds, 0.0)


def test_nothing_is_predicted_before_enough_was_seen() -> None:
    random = Random(1)
    assert taught(ENOUGH - 1, random).predict(1000, 5) is None
    assert taught(ENOUGH, random).predict(4000, 10) is not None


@pytest.mark.parametrize(("tokens", "ahead"), [(100, 0), (4000, 3), (7000, 18)])
def test_what_is_linear_is_found_out(tokens: int, ahead: float) -> None:
    assert taught(200, Random(2)).predict(tokens, ahead) == pytest.approx(truth(tokens, ahead), rel=0.01)


@pytest.mark.parametrize("outliers", [0.0, 0.03])
def test_noise_and_outliers_do_little_harm(outliers: float) -> None:
    """A twentieth of a minute now and then, where a first token takes half a second."""
    regression, random = taught(300, Random(3), 0.1, outliers), Random(4)
    points = [(random.randint(10, 8000), random.randint(0, 20)) for _ in range(50)]
    off = [abs((regression.predict(*point) or 0) / truth(*point) - 1) for point in points]
    assert sorted(off)[len(off) // 2] < 0.2


def test_a_server_that_becomes_slower_is_believed_in_time() -> None:
    random = Random(5)
    regression = taught(200, random)
    teach(regression, 150, random, 0, 0, 5.0)
    assert regression.predict(4000, 10) == pytest.approx(5 * truth(4000, 10), rel=0.1)


def test_what_was_never_seen_is_not_guessed() -> None:
    regression = Regression()
    for _ in range(200):
        regression.observe(Asked(500, 0.0, regression.fit), 0.2, 0.0)
    assert regression.predict(500, 0) == pytest.approx(0.2, rel=0.01)
    assert regression.predict(50_000, 0) is None
    assert regression.predict(500, 30) is None


def test_the_error_is_that_of_the_prediction_when_it_was_made() -> None:
    regression = taught(100, Random(6))
    made = regression.fit
    teach(regression, 100, Random(7), 0, 0, 3.0)
    error = regression.observe(Asked(1000, 2.0, made), 1.0, 0.0)
    assert error == pytest.approx(1.0 - truth(1000, 2.0), rel=0.02)
    assert regression.observe(Asked(1000, 2.0, None), 1.0, 0.0) is None


def test_it_is_doubted_after_a_while_but_by_one_request_at_a_time() -> None:
    regression = Regression()
    assert regression.doubtful(0.0)
    regression.observe(Asked(10, 0.0, None), 1.0, 100.0)
    assert not regression.doubtful(99.0 + FRESH)
    assert regression.doubtful(100.0 + FRESH)
    regression.look(100.0 + FRESH)
    assert not regression.doubtful(101.0 + FRESH)


seen = st.lists(
    st.tuples(st.integers(0, 2_000_000), st.floats(0, 5000), st.floats(0, 700)), min_size=ENOUGH, max_size=80
)


@given(seen, st.integers(0, 2_000_000), st.floats(0, 5000))
def test_a_prediction_is_never_negative_nor_without_bound(
    observations: list[tuple[int, float, float]], tokens: int, ahead: float
) -> None:
    regression = Regression()
    for asked_tokens, asked_ahead, seconds in observations:
        regression.observe(Asked(asked_tokens, asked_ahead, regression.fit), seconds, 0.0)
    predicted = regression.predict(tokens, ahead)
    assert predicted is None or 0 <= predicted < 10_000
