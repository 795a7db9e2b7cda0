from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.bench.quality.metrics import (
    Counts,
    Extent,
    accuracy,
    auroc,
    calibration_error,
    count_spans,
    encode_labels,
    interval,
    macro_f1,
    span_f1,
    spearman,
    threshold_at,
)
from pointsman.bench.quality.pii import joined

numbers = st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=40).map(np.array)
classes = st.lists(st.integers(0, 4), min_size=1, max_size=40).map(np.array)


def test_macro_f1_weighs_classes_alike() -> None:
    truth, found = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    assert macro_f1(truth, found) == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert macro_f1(np.array([0, 0, 0, 1]), np.zeros(4, int)) == pytest.approx((6 / 7 + 0) / 2)


def test_a_class_that_does_not_occur_is_only_a_wrong_answer() -> None:
    assert macro_f1(np.array([0, 0]), np.array([0, 7])) == pytest.approx(2 / 3)


def test_no_answer_is_a_wrong_one() -> None:
    found = encode_labels(["math", "poetry", ""], ("law", "math"))
    assert found.tolist() == [1, -1, -1]
    assert accuracy(np.array([1, 0, 1]), found) == pytest.approx(1 / 3)
    assert macro_f1(np.array([1, 0, 1]), found) == pytest.approx((2 / 3 + 0) / 2)


@given(classes)
def test_the_truth_is_right(truth: np.ndarray) -> None:
    assert accuracy(truth, truth) == 1
    assert macro_f1(truth, truth) == 1


def test_calibration() -> None:
    right = np.array([True, False, True, False])
    assert calibration_error(np.full(4, 0.5), right) == 0
    assert calibration_error(np.ones(4), right) == 0.5
    assert calibration_error(np.array([1.0, 0.0, 1.0, 0.0]), right) == 0


def test_auroc() -> None:
    positive = np.array([True, True, False, False])
    assert auroc(positive, np.array([0.9, 0.4, 0.5, 0.1])) == 0.75
    assert auroc(positive, np.full(4, 0.3)) == 0.5
    assert isnan(auroc(np.ones(4, bool), np.arange(4.0)))


@given(numbers, st.data())
def test_auroc_knows_only_the_order(scores: np.ndarray, data: st.DataObject) -> None:
    positive = np.array(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))))
    value = auroc(positive, scores)
    if not isnan(value):
        assert auroc(positive, np.exp(scores / 50)) == pytest.approx(value)
        assert auroc(positive, -scores) == pytest.approx(1 - value)


def test_spearman() -> None:
    assert spearman(np.array([1.0, 2, 3]), np.array([1.0, 100, 101])) == pytest.approx(1)
    assert spearman(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])) == pytest.approx(0.8)
    assert spearman(np.array([1.0, 1, 1]), np.array([1.0, 2, 3])) == 0


@given(numbers)
def test_spearman_knows_only_the_order(values: np.ndarray) -> None:
    other = np.roll(values, 1)
    assert spearman(values, other) == pytest.approx(spearman(other, values))
    assert spearman(values**3, other) == pytest.approx(spearman(values, other))


@given(numbers, st.sampled_from((0.01, 0.1, 0.5)))
def test_the_threshold_is_the_lowest_that_keeps_the_share(benign: np.ndarray, share: float) -> None:
    threshold = threshold_at(share, benign)
    assert (benign >= threshold).mean() <= share
    assert (benign >= np.nextafter(threshold, -np.inf)).mean() > share


def test_spans() -> None:
    truth: list[Extent] = [(0, 5, "PERSON"), (10, 20, "EMAIL")]
    found: list[Extent] = [(0, 4, "PERSON"), (10, 20, "EMAIL"), (12, 14, "EMAIL")]
    assert count_spans(truth, found, strict=True) == Counts(1, 2, 1)
    assert count_spans(truth, found, strict=False) == Counts(2, 1, 0)
    assert count_spans(truth, [(0, 5, "ADDRESS"), (5, 10, "PERSON")], strict=False) == Counts(0, 2, 2)


def test_span_f1() -> None:
    assert span_f1(np.array([Counts(1, 1, 0), Counts(1, 0, 1)])) == pytest.approx(4 / 6)
    assert isnan(span_f1(np.array([Counts(0, 0, 0)])))


def test_the_interval_is_that_of_the_mean() -> None:
    values = np.random.default_rng(1).normal(3, 2, 400)

    def mean(rows: np.ndarray) -> float:
        return float(values[rows].mean())

    low, high = interval(mean, 400, 1000)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * 2 / 20, rel=0.15)
    assert interval(mean, 400, 1000) == (low, high)


def test_rows_of_a_group_are_chosen_together() -> None:
    values = np.repeat([0.0, 1.0] * 10, 20)

    def mean(rows: np.ndarray) -> float:
        return float(values[rows].mean())

    alone, together = (interval(mean, 400, 500, groups) for groups in (None, [row // 20 for row in range(400)]))
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])


def test_resamples_that_say_nothing_are_left_out() -> None:
    assert all(isnan(limit) for limit in interval(lambda rows: float("nan"), 3, 20))
    positive = np.array([True, False])
    low, high = interval(lambda rows: auroc(positive[rows], np.array([1.0, 0.0])[rows]), 2, 50)
    assert (low, high) == (1, 1)


def test_parts_of_one_address_are_joined_if_a_street_is_among_them() -> None:
    text = "Ann lives at 846 31 High Street, Springfield, not in Paris"
    spans = [[0, 3, "PERSON"], [13, 16, "STREET_ADDRESS"], [17, 31, "STREET_ADDRESS"], [33, 44, "GPE"], [53, 58, "GPE"]]
    assert joined({"text": text, "spans": spans}) == [(0, 3, "PERSON"), (13, 44, "ADDRESS")]
