from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from pointsman.policies.select.context import Candidate
from pointsman.signals.encoder.encoding import EncoderError
from tests.support.encoders import LetterEncoder
from tests.support.past import asking, table, towards, two_kinds
from tests.support.select import LARGE, SMALL, context, selector

QUALITY = {"quality": 1, "cost": 0, "latency": 0}


def knn(data: str, models: Any = (SMALL, LARGE), **given: Any) -> Any:
    return selector({"by": "knn", "data": data, "weights": QUALITY, **given}, models)


def test_the_model_that_answered_similar_prompts_well_is_chosen(tmp_path: Path):
    chooser = knn(two_kinds(tmp_path / "past.npz"))
    for axis, best in ((0, "small"), (1, "large")):
        choice = chooser.choose(asking(towards(axis, 0.95)), None, Random(1))
        assert choice.pools[0] == best
        assert choice.quality[best] == pytest.approx(0.9, abs=0.05)
        assert choice.propensity == 1


def test_the_price_counts_where_both_are_good(tmp_path: Path):
    data = table(tmp_path / "past.npz", ["small", "large"], [towards(0)] * 40, [[0.8, 0.9]] * 40)
    asked = asking(towards(0))
    assert knn(data).choose(asked, None, None).pools[0] == "large"
    assert knn(data, weights={"quality": 1, "cost": 0.3, "latency": 0}).choose(asked, None, None).pools[0] == "small"


def test_far_from_everything_known_the_prior_counts(tmp_path: Path):
    chooser = knn(two_kinds(tmp_path / "past.npz"), k=5)
    near, far = (chooser.choose(asking(vector), None, None).quality["small"] for vector in (towards(0), -towards(0)))
    prior = SMALL.quality["default"]
    assert near == pytest.approx(0.9, abs=0.1)
    assert far == pytest.approx(prior, abs=0.1)


def test_few_neighbours_say_less_than_many(tmp_path: Path):
    found = []
    for rows in (1, 4, 64):
        data = table(tmp_path / f"{rows}.npz", ["small", "large"], [towards(0)] * rows, [[1.0, 0.0]] * rows)
        found.append(knn(data).choose(asking(towards(0)), None, None).quality["small"])
    assert SMALL.quality["default"] < found[0] < found[1] < found[2] <= 1


def test_a_score_that_is_missing_is_not_a_bad_one(tmp_path: Path):
    rows = [[0.9, np.nan]] * 30 + [[np.nan, 0.8]] * 30
    data = table(tmp_path / "past.npz", ["small", "large"], [towards(0)] * 60, rows)
    quality = knn(data).choose(asking(towards(0)), None, None).quality
    assert quality["small"] == pytest.approx(0.9, abs=0.02)
    assert quality["large"] == pytest.approx(0.8, abs=0.02)


def test_models_are_known_by_pool_or_by_the_name_that_the_pool_serves(tmp_path: Path):
    data = two_kinds(tmp_path / "past.npz", ("org/Small-7B", "large"))
    chooser = knn(data, (SMALL._replace(model="org/Small-7B"), LARGE._replace(model="org/other")))
    assert chooser.choose(asking(towards(0)), None, None).pools[0] == "small"
    with pytest.raises(ValueError, match=r"knows none of the `models`.*it has: org/Small-7B, large"):
        knn(data, (Candidate("a"), Candidate("b")))


def test_one_that_the_file_does_not_know_keeps_its_prior(tmp_path: Path):
    chooser = knn(two_kinds(tmp_path / "past.npz"), (SMALL, Candidate("new", quality={"default": 0.6})))
    quality = chooser.choose(asking(towards(1)), None, None).quality
    assert quality["small"] < 0.3
    assert quality["new"] == pytest.approx(0.6, abs=0.1)


def test_without_a_prompt_the_means_of_the_file_are_the_priors(tmp_path: Path):
    data = table(tmp_path / "past.npz", ["a", "b"], [towards(0)] * 50, [[0.3, 0.7]] * 50)
    quality = knn(data, (Candidate("a"), Candidate("b"))).choose(context(), None, None).quality
    assert quality == pytest.approx({"a": 0.3, "b": 0.7}, abs=0.01)


def test_the_prompts_of_another_encoder_are_refused(tmp_path: Path):
    chooser = knn(two_kinds(tmp_path / "past.npz"))
    chooser.prepare(LetterEncoder())

    class Other(LetterEncoder):
        name = "other"
        dimension = 4

    with pytest.raises(EncoderError, match=r"past.npz was fitted for another encoder \(`letters`, 8.*fit selector"):
        chooser.prepare(Other())


def test_a_file_that_is_missing(tmp_path: Path):
    with pytest.raises(ValueError, match=r"none.npz cannot be read \(No such file or directory\); make them with"):
        knn(str(tmp_path / "none.npz"))
