from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.signals.typos import Vocabulary, deletions, distance, tolerance

WORD = st.text("abc", max_size=6)


@pytest.mark.parametrize(
    ("a", "b", "edits"),
    [
        ("urgent", "urgent", 0),
        ("urgent", "ugent", 1),
        ("urgent", "urggent", 1),
        ("urgent", "urgant", 1),
        ("urgent", "ugrent", 1),
        ("immediately", "imediatly", 2),
        ("", "abc", 3),
    ],
)
def test_distance(a: str, b: str, edits: int) -> None:
    assert distance(a, b) == edits


@given(WORD, WORD)
def test_distance_is_symmetric_and_zero_only_for_the_same(a: str, b: str) -> None:
    assert distance(a, b) == distance(b, a)
    assert (distance(a, b) == 0) == (a == b)
    assert abs(len(a) - len(b)) <= distance(a, b) <= max(len(a), len(b))


@given(WORD, WORD, st.integers(0, 2))
def test_near_words_share_a_deletion(a: str, b: str, edits: int) -> None:
    if distance(a, b) <= edits:
        assert set(deletions(a, edits)) & set(deletions(b, edits))


@given(st.text("abcd", min_size=5, max_size=10), st.text("abcd", max_size=12), st.integers(0, 2))
def test_the_index_finds_what_comparing_all_finds(word: str, written: str, typos: int) -> None:
    is_near = written == word or distance(written, word) <= tolerance(word, typos)
    assert Vocabulary([word], typos).nearest(written) == (word if is_near else None)


@pytest.mark.parametrize(
    ("word", "edits"), [("code", 0), ("urgent", 1), ("password", 2), ("gpt4turbo", 0), ("x" * 40, 0)]
)
def test_short_words_and_numbers_are_exact(word: str, edits: int) -> None:
    assert tolerance(word, 2) == edits


def test_the_nearest_word_wins() -> None:
    vocabulary = Vocabulary(["contract", "contact", "contacts"], 2)
    assert [vocabulary.nearest(w) for w in ("contact", "contrcat", "contackts")] == ["contact", "contract", "contacts"]
