from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pointsman.signals import gap, linear
from pointsman.signals.encoder.heads import word_buckets
from pointsman.signals.fitted import BUCKETS
from pointsman.signals.prompt import Prompt, PromptReader
from tests.support.encoders import LetterEncoder, head

ENCODER = LetterEncoder()
EASY = [f"{'banana ' * (1 + n % 4)}{n}" for n in range(60)]
HARD = [f"{'ounce ' * (1 + n % 4)}{n}" for n in range(60)]


def read(texts: list[str], encoder: LetterEncoder = ENCODER) -> list[Prompt]:
    reader = PromptReader(encoder)
    return [reader.read(encoding, text) for encoding, text in zip(encoder.encode(texts), texts, strict=True)]


def fitted(prompts: list[Prompt], gaps: Any) -> Any:
    words = [word_buckets(prompt.encoding.words, BUCKETS) for prompt in prompts if prompt.encoding is not None]
    return gap.fit(gap.rows(prompts, linear.Words(words)), np.asarray(gaps, np.float64))


def scores(found: Any, texts: list[str]) -> Any:
    return np.array([gap.score(found, prompt) for prompt in read(texts)], np.float64)


def test_prompts_where_the_stronger_model_wins_score_higher():
    found = fitted(read([*EASY, *HARD]), [0.0] * 60 + [1.0] * 60)
    assert scores(found, HARD).min() > scores(found, EASY).max()
    assert scores(found, ["banana banana", "ounce ounce"]).round(1).tolist() == pytest.approx([0.0, 1.0], abs=0.31)


def test_the_score_is_about_how_often_it_wins():
    random = np.random.default_rng(8)
    texts = [*EASY, *HARD] * 5
    wins = random.random(len(texts)) < np.where([text in EASY for text in texts], 0.1, 0.4)
    found = fitted(read(texts), wins)
    assert scores(found, EASY).mean() == pytest.approx(wins[[text in EASY for text in texts]].mean(), abs=0.07)
    assert scores(found, HARD).mean() == pytest.approx(wins[[text in HARD for text in texts]].mean(), abs=0.07)


def test_where_it_loses_counts_as_less_than_where_both_are_the_same():
    same = [f"{'uuu ' * (1 + n % 4)}{n}" for n in range(60)]
    found = fitted(read([*EASY, *same, *HARD]), [-1.0] * 60 + [0.0] * 60 + [1.0] * 60)
    assert scores(found, EASY).mean() < scores(found, same).mean() < scores(found, HARD).mean()


def test_nothing_to_tell_apart_is_no_error():
    found = fitted(read(EASY), [0.0] * 60)
    assert scores(found, HARD).max() < 0.5


def test_prompts_that_were_read_otherwise_have_no_score():
    found = fitted(read([*EASY, *HARD]), [0.0] * 60 + [1.0] * 60)
    with_domains = read(["banana"], LetterEncoder({"domain": head(["law", "math"], ["a", "u"])}))
    assert gap.score(found, with_domains[0]) is None
    assert gap.score(found, read(["banana"])[0]._replace(encoding=None)) is None
