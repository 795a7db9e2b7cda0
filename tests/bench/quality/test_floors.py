from __future__ import annotations

import numpy as np
import pytest

from pointsman.bench.quality import floors
from pointsman.bench.quality.floors import LENGTH, MAJORITY, WORDS, of_classes

TEXTS = ["red apple", "green apple", "a long sentence about nothing at all", "another long sentence about nothing"] * 5
CLASSES = np.array([0, 0, 1, 2] * 5)


def of_words(asked: list[str], truth: list[int]) -> floors.Floors:
    return of_classes(TEXTS, CLASSES, asked, lambda found: float((found == np.array(truth)).mean()))


def test_majority_and_length_read_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floors, "have_words", lambda: False)
    assert of_words(["wet stone", "something else that is quite long"], [0, 2]) == {MAJORITY: 0.5, LENGTH: 1.0}


def test_words() -> None:
    pytest.importorskip("sklearn")
    assert of_words(["my apple", "another sentence about nothing"], [0, 2])[WORDS] == 1.0
    score = floors.word_scorer(TEXTS, [True, True, False, False] * 5)
    assert score(["my apple"])[0] > score(["my sentence"])[0]
    values = floors.word_values(TEXTS, np.array([0.0, 0.0, 1.0, 1.0] * 5), ["apple", "about nothing"])
    assert values[0] < values[1]
    assert floors.character_similarity(["apples"], TEXTS[:3])[0].argmax() in (0, 1)


def test_words_of_a_single_class() -> None:
    pytest.importorskip("sklearn")
    floor = of_classes(["red apple"] * 3, np.ones(3, int), ["pear"], lambda found: float(found[0]))
    assert floor[WORDS] == 1.0
