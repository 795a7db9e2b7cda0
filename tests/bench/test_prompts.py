from __future__ import annotations

import pytest

from pointsman.bench.prompts import DENSE, WORDS, Prompts
from pointsman.signals.encoder.onnx import SHIPPED, tokenizer


@pytest.mark.parametrize("tokens", [2, 3, 8, 64, 256])
def test_a_prompt_has_as_many_tokens_as_it_should(tokens: int) -> None:
    shipped = tokenizer(SHIPPED)
    assert all(len(shipped.encode(word).ids) == 3 for word in WORDS)
    assert len(shipped.encode(Prompts(1).of_tokens(tokens)).ids) == tokens


def test_no_two_are_alike_and_the_same_seed_gives_the_same() -> None:
    first, second = Prompts(1), Prompts(1)
    made = [first.of_tokens(10) for _ in range(1000)]
    assert len(set(made)) == 1000
    assert made == [second.of_tokens(10) for _ in range(1000)]


def test_long_ones_have_their_length_and_sentences_that_need_a_closer_look() -> None:
    sparse, dense = Prompts(1).of_words(3000), Prompts(1).of_words(3000, DENSE)
    assert 3000 <= len(sparse.split()) < len(dense.split()) <= 3200
    assert 1 <= sparse.count("\n\n") <= 3
    assert 10 <= dense.count("\n\n") <= 20
    assert [len(Prompts(1).of_characters(length)) for length in (10, 1000, 100_000)] == [10, 1000, 100_000]
