from __future__ import annotations

import numpy as np

from pointsman.policies.offpolicy.outcome_model import FOLDS, predict
from pointsman.policies.select.context import Doubles

FOLDED = np.arange(900) % FOLDS


def data(noise: float = 0.0) -> tuple[Doubles, np.ndarray, Doubles, Doubles]:
    random = np.random.default_rng(0)
    features, action = random.normal(size=(900, 2)), random.integers(0, 3, 900)
    truth = 0.5 + features @ np.array([[0.1, -0.1, 0.0], [0.0, 0.1, 0.1]])
    return features, action, truth, truth[np.arange(900), action] + random.normal(scale=noise, size=900)


def test_each_arm_by_what_the_prompt_is_like() -> None:
    features, action, truth, values = data()
    found = predict(features, action, values, 3, FOLDED)
    assert np.abs(found - truth).mean() < 0.02


def test_no_prediction_has_seen_its_own_outcome() -> None:
    features, action, _, values = data(noise=0.1)
    before = predict(features, action, values, 3, FOLDED)
    values[7] += 0.05
    after = predict(features, action, values, 3, FOLDED)
    assert (before[7] == after[7]).all()
    assert (before != after).any()


def test_an_arm_that_nobody_knows_is_expected_to_do_as_the_others() -> None:
    features, action, _, values = data()
    values[action == 2] = np.nan
    found = predict(features, action, values, 3, FOLDED)
    others = found[:, :2].mean(axis=1)
    assert np.abs(found[:, 2] - others).mean() < 0.05


def test_without_outcomes_nothing_is_expected() -> None:
    features, action, _, values = data()
    assert not predict(features, action, np.full_like(values, np.nan), 3, FOLDED).any()
