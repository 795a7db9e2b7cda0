from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.signals import linear
from pointsman.signals.linear import Rows, Words, fit, folds, minimise, one_hot, probabilities

BUCKETS = 64


def clouds(count: int, apart: float, seed: int = 0) -> tuple[Rows, np.ndarray]:
    """Three classes around three points, without words."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % 3
    dense = rng.normal(size=(count, 6)).astype(np.float32)
    dense[np.arange(count), classes] += apart
    return Rows(dense, Words([np.empty(0, np.int64)] * count)), classes


def test_classes_that_lie_apart_are_told_apart():
    rows, classes = clouds(150, 8)
    model = fit(rows, one_hot(classes, 3), 0)
    fresh, truth = clouds(90, 8, seed=1)
    assert (model.logits(fresh).argmax(1) == truth).all()


def test_the_same_rows_give_the_same_model():
    rows, classes = clouds(60, 2)
    one, two = (fit(rows, one_hot(classes, 3), 0) for _ in range(2))
    np.testing.assert_array_equal(one.weights, two.weights)


def test_words_alone_can_tell():
    words = Words([np.array([index % 2 * 10 + 1, 30 + index % 5]) for index in range(40)])
    rows = Rows(np.zeros((40, 0), np.float32), words)
    model = fit(rows, one_hot([index % 2 for index in range(40)], 2), BUCKETS)
    unseen = Rows(np.zeros((3, 0), np.float32), Words([np.array([1, 50]), np.array([11]), np.empty(0, np.int64)]))
    first, second, nothing = probabilities(model.logits(unseen))
    assert first[0] > 0.8
    assert second[1] > 0.8
    assert nothing == pytest.approx([0.5, 0.5], abs=0.05)


def test_probabilities_are_as_sure_as_they_are_right():
    rows, classes = clouds(900, 1.5)
    known, judged = np.arange(600), np.arange(600, 900)
    model = fit(rows.take(known), one_hot(classes[known], 3), 0)
    found = probabilities(model.logits(rows.take(judged)))
    right = (found.argmax(1) == classes[judged]).mean()
    assert found.max(1).mean() == pytest.approx(right, abs=0.06)


def test_a_rare_class_counts_as_much_as_a_frequent_one():
    rng = np.random.default_rng(0)
    classes = np.array([0] * 190 + [1] * 10)
    dense = (rng.normal(size=(200, 4)) + classes[:, None] * 1.5).astype(np.float32)
    model = fit(Rows(dense, Words([np.empty(0, np.int64)] * 200)), one_hot(classes, 2), 0)
    found = model.logits(Rows(dense, Words([np.empty(0, np.int64)] * 200))).argmax(1)
    assert (found[classes == 1] == 1).mean() >= 0.8


def test_targets_may_be_probabilities():
    dense = np.linspace(-2, 2, 200, dtype=np.float32)[:, None]
    score = 1 / (1 + np.exp(-1.5 * dense))
    rows = Rows(dense, Words([np.empty(0, np.int64)] * 200))
    flag = fit(rows, np.hstack((1 - score, score)).astype(np.float32), 0).flag()
    found = 1 / (1 + np.exp(-flag.logits(rows)))
    assert np.abs(found - score).max() < 0.1


def test_two_classes_as_one_logit():
    rows, classes = clouds(60, 3)
    model = fit(rows, one_hot(classes > 0, 2), 0)
    logits = model.logits(rows)
    np.testing.assert_allclose(model.flag().logits(rows)[:, 0], logits[:, 1] - logits[:, 0], atol=1e-4)


def test_each_row_is_judged_once_and_by_others():
    classes = [0] * 12 + [1] * 8
    parts = list(folds(one_hot(classes, 2)))
    assert sorted(np.concatenate([judged for _, judged in parts])) == list(range(20))
    for known, judged in parts:
        assert not set(known) & set(judged)
        assert {classes[index] for index in judged} == {0, 1}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.1, 50), min_size=1, max_size=6), st.integers(0, 1000))
def test_the_least_value_of_a_bowl_is_found(curvatures: list[float], seed: int):
    bottom, curved = np.random.default_rng(seed).normal(size=len(curvatures)), np.asarray(curvatures)

    def bowl(point: np.ndarray) -> tuple[float, np.ndarray]:
        away = point - bottom
        return float(curved @ away**2) / 2, curved * away

    start = bowl(np.zeros(len(curved)))[0]
    assert bowl(minimise(bowl, np.zeros(len(curved))))[0] <= 1e-3 * start + 1e-9


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_sums_over_words_and_their_gradient_agree(rows: int):
    rng = np.random.default_rng(rows)
    words = Words([rng.choice(BUCKETS, size=n, replace=False) for n in (4, 0, 7)[:rows]])
    weights = rng.normal(size=(BUCKETS, 2)).astype(np.float32)
    residuals = rng.normal(size=(rows, 2)).astype(np.float32)
    forward = float((words.sums(weights) * residuals).sum())
    back = float((words.used_gradient(residuals) * weights[words.used]).sum())
    assert forward == pytest.approx(back, abs=1e-4)
    np.testing.assert_allclose(words.sums(weights), words.used_sums(weights[words.used]), atol=1e-5)


def test_few_rows_are_enough_not_to_fail():
    rows, classes = clouds(2, 5)
    assert np.isfinite(linear.fit(rows, one_hot(classes, 3), 0).weights).all()
