from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.signals.prototypes import MOST, Prototypes, distinct, vectors
from tests.support.encoders import LetterEncoder


def test_near_duplicates_become_one_prototype():
    found = distinct(vectors(LetterEncoder(), ["aaaa", "aaaa!", "aaaaa", "oooo"]))
    assert len(found) == 2


def test_of_many_different_examples_a_bounded_number_is_kept():
    examples = np.random.default_rng(0).normal(size=(400, 40)).astype(np.float32)
    examples /= np.linalg.norm(examples, axis=1, keepdims=True)
    assert len(distinct(examples)) == MOST


def test_an_example_is_wholly_similar_and_another_group_is_not():
    encoder = LetterEncoder()
    first, second = Prototypes(encoder, [["aaaa"], ["oooo", "uuuu", "tttt"]]).similarities(
        vectors(encoder, ["aaaa"])[0]
    )
    assert first == pytest.approx(1, abs=0.01)
    assert second < 0.1


def test_a_second_example_that_is_like_the_text_counts_a_little():
    encoder = LetterEncoder()
    text = vectors(encoder, ["aaae"])[0]
    alone, supported, lonely = Prototypes(encoder, [["aaaa"], ["aaaa", "aaee"], ["aaaa", "nnnn"]]).similarities(text)
    assert 1 > alone > supported > lonely > 0.8


def test_many_texts_are_encoded_a_few_at_a_time():
    encoder = LetterEncoder()
    assert vectors(encoder, ["a" * n for n in range(600)]).shape == (600, 8)
    assert max(map(len, encoder.asked)) <= 256


@given(st.lists(st.lists(st.text("aeiou", max_size=6), min_size=1, max_size=5), min_size=1, max_size=4), st.text())
def test_similarities_are_between_0_and_1(groups: list[list[str]], text: str):
    encoder = LetterEncoder()
    found = Prototypes(encoder, groups).similarities(vectors(encoder, [text])[0])
    assert found.shape == (len(groups),)
    assert ((found >= 0) & (found <= 1)).all()
