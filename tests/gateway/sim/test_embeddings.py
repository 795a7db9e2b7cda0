from __future__ import annotations

from array import array

import pytest

from pointsman.gateway.sim.embeddings import embed, words


def likeness(one: array[float], other: array[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_vectors_have_the_size_and_length_one() -> None:
    vector = embed(words("how do I bake bread"), 64)
    assert len(vector) == 64
    assert likeness(vector, vector) == pytest.approx(1)


def test_texts_that_share_words_are_more_alike() -> None:
    bread, loaf, tax = (
        embed(words(text), 384)
        for text in ("how do I bake bread", "How do I bake a loaf of bread", "file income taxes abroad")
    )
    assert likeness(bread, loaf) > 0.5 > likeness(bread, tax)


def test_nothing_has_a_vector_too() -> None:
    vector = embed([], 8)
    assert likeness(vector, vector) == 1
