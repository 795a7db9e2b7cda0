from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pointsman.signals import fitted, outcomes
from pointsman.signals.encoder.encoding import EncoderError
from pointsman.signals.encoder.heads import Head
from tests.support.encoders import DIMENSION, LetterEncoder


def directions(rows: int, seed: int = 1) -> Any:
    vectors = np.random.default_rng(seed).normal(size=(rows, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def gathered(rows: int = 100) -> outcomes.Outcomes:
    scores = np.random.default_rng(2).random((rows, 2)).astype(np.float32)
    scores[::3, 1] = np.nan
    return outcomes.gather(["a", "b"], directions(rows), scores)


def test_what_was_saved_is_loaded(tmp_path: Path):
    given, path = gathered(), tmp_path / "past.npz"
    outcomes.save(path, given, LetterEncoder())
    table = outcomes.load(path)
    assert table.outcomes.models == ("a", "b")
    assert np.allclose(table.outcomes.vectors, given.vectors, atol=1e-3)
    for name in ("scores", "centres", "evidence", "totals"):
        assert np.array_equal(getattr(table.outcomes, name), getattr(given, name), equal_nan=True)
    assert table.outcomes.fingerprint == given.fingerprint
    table.check(LetterEncoder())


@pytest.mark.parametrize("told", [0, 3])
def test_the_same_file_may_hold_a_head(tmp_path: Path, told: int):
    path, words = tmp_path / "past.npz", np.zeros((fitted.BUCKETS, 1), np.float16)
    need = Head(("need",), np.ones((1, DIMENSION + told), np.float32), np.zeros(1, np.float32), words)
    outcomes.save(path, gathered(), LetterEncoder(), need)
    found = fitted.load(path)
    assert found.head.labels == ("need",)
    assert np.array_equal(found.head.weights, need.weights)
    assert outcomes.load(path).outcomes.models == ("a", "b")


def test_another_encoder_is_noticed(tmp_path: Path):
    outcomes.save(tmp_path / "past.npz", gathered(), LetterEncoder())
    other = LetterEncoder()
    other.dimension = 16
    with pytest.raises(EncoderError, match="was fitted for another encoder"):
        outcomes.load(tmp_path / "past.npz").check(other)


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (lambda arrays: arrays.pop("centres"), "it is no such file"),
        (lambda arrays: arrays.update(scores=arrays["scores"][:5]), "are damaged"),
        (lambda arrays: arrays.update(totals=arrays["totals"] * np.nan), "are damaged"),
        (lambda arrays: arrays.update(vectors=arrays["vectors"][:0], scores=arrays["scores"][:0]), "are damaged"),
    ],
)
def test_a_file_that_is_not_sound_is_refused(tmp_path: Path, break_it: Any, expected: str):
    path = tmp_path / "past.npz"
    outcomes.save(path, gathered(), LetterEncoder())
    with np.load(path) as file:
        arrays = dict(file)
    break_it(arrays)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=f"past.npz.*{expected}.*pointsman fit selector"):
        outcomes.load(path)


def test_what_is_no_archive_is_refused(tmp_path: Path):
    path = tmp_path / "past.npz"
    path.write_text("hello")
    with pytest.raises(ValueError, match="cannot be read"):
        outcomes.load(path)


def test_more_rows_than_are_kept_still_count_in_the_clusters(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outcomes, "MAX_ROWS", 50)
    found = gathered(300)
    assert found.vectors.shape == (50, DIMENSION)
    assert found.scores.shape == (50, 2)
    assert found.evidence.sum(0).tolist() == [300, 200]


def test_the_means_are_of_what_is_known():
    scores = np.array([[0.2, np.nan, np.nan], [0.4, 1.0, np.nan]], np.float32)
    means = outcomes.gather(["a", "b", "c"], directions(2), scores).means
    assert means[:2] == pytest.approx([0.3, 1.0])
    assert np.isnan(means[2])
