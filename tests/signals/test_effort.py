from __future__ import annotations

import numpy as np
import pytest

from pointsman.signals.effort import AMOUNTS, LONG, SIZE, STORY, Effort, by_domain, guessed_need
from pointsman.signals.encoder.onnx import SHIPPED, tokenizer

SUM = (
    "Tom buys 3 bags of apples at $2.50 each and twice as many pears. Each bag holds 12. He gives half of them away. "
    "How many does he have left?"
)


@pytest.fixture(scope="module")
def read():
    words = tokenizer(SHIPPED)
    effort = Effort(words.get_vocab())
    return lambda text: effort.of(np.asarray(words.encode(text).ids[1:-1], np.int32), text)


def test_a_number_counts_once_however_it_is_written(read):
    assert read("1,250.75 apples")[AMOUNTS] == pytest.approx(np.log1p(1))
    assert read("7 apples and 1,250 pears")[AMOUNTS] == pytest.approx(np.log1p(2))


def test_a_sum_in_a_story_is_one_and_other_texts_are_not(read):
    assert read(SUM)[STORY] > 0.9
    for text in ("Who wrote Hamlet?", "Let $f(x) = (x^2 + 1) / (x - 2)$; find $f(3) + f(4) - 2$.", "Sort 3 lists."):
        assert read(text)[STORY] < 0.5


def test_more_text_and_more_quantities_are_more_effort(read):
    assert read(SUM)[LONG] > read("How many?")[LONG]
    assert guessed_need(read(SUM)) > guessed_need(read("How many apples are there?")) > guessed_need(read("hi"))


def test_an_empty_text_has_numbers_too(read):
    assert read("").shape == (SIZE,)
    assert np.isfinite(read("")).all()


def test_counts_go_to_the_domains_by_their_probability(read):
    effort = read(SUM)
    math, law, both = (by_domain(effort, np.array(p, np.float32)) for p in ([1, 0], [0, 1], [0.5, 0.5]))
    assert both == pytest.approx((math + law) / 2)
    assert math.reshape(-1, 2)[:, 1].any() == law.reshape(-1, 2)[:, 0].any() == False  # noqa: E712
