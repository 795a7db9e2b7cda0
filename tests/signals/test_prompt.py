from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from pointsman.signals.domain import LABELS
from pointsman.signals.encoder.encoding import EncoderError, Encoding
from pointsman.signals.encoder.onnx import OnnxEncoder
from pointsman.signals.prompt import FEATURES, Prompt, PromptReader, passage_of

EASY = ("hi", "thanks!", "What is the capital of France?")
HARD = (
    "Prove that every finite integral domain is a field, and that its multiplicative group is cyclic.",
    "A 2.0 kg block slides down a frictionless incline of 30 degrees and compresses a spring of 400 N/m by 0.12 m. "
    "From what height along the incline was it released, and what is its speed at half of the compression?",
)
SUMS = (
    "Tom has 3 apples. How many does he have after he eats 1?",
    "Tom has 3 apples and buys 4 bags of 6. He gives a quarter of all to Ann. How many does he have left?",
    "Tom has 3 apples and buys 4 bags of 6 at $2.50 each. He gives a quarter of all to Ann and twice as many to Bob, "
    "and sells each of the rest for 30% more than he paid. If he saves half of it every day for 2 weeks, how much "
    "does he have then?",
)
VERDICTS = ("Bad, bad", "Bad, fine", "Fine, bad", "Fine, fine")
JOINT = (
    "Say whether conventional ethics is violated in vignette X and in vignette Y.\nX: I keyed the referee's car.\n"
    "Y: I bought popcorn before the film.",
    "Which of the two people below behaved badly? Scenario 1 | I chased my nephew with the mask that scares him. "
    "Scenario 2 | I brought lasagna to the potluck.",
)
SEVERAL_PARTS = (
    "what's a good gift for my dad? also when is father's day",
    "Compare Slack with Teams for a team of ten",
    "I lent my bike to Sam. Sam lent it to Jo. Who has my bike now?",
    "I yelled at my coworker in a meeting. Was it wrong of me?",
)
SHOTS = "".join(f"Question: Ann has {n} pens and loses 1. How many are left?\nAnswer: {n - 1}\n\n" for n in range(2, 8))


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    return OnnxEncoder()


def read(encoder: Any, text: str) -> Prompt:
    passage = passage_of(text)
    return PromptReader(encoder).read(encoder.encode([passage])[0], passage)


def test_what_is_hard_needs_the_strong_model_more_than_small_talk(encoder: OnnxEncoder):
    easy, hard = ([read(encoder, text).need for text in texts] for texts in (EASY, HARD))
    assert max(easy) < 0.25
    assert min(hard) > 0.35


def test_of_sums_in_stories_those_with_more_steps_need_it_more(encoder: OnnxEncoder):
    needs = [read(encoder, text).need for text in SUMS]
    assert all(later > earlier for earlier, later in pairwise(needs))


def test_a_joint_verdict_needs_the_strong_model_and_a_request_of_several_parts_does_not(encoder: OnnxEncoder):
    options = "".join(f"\n{letter}. {verdict}" for letter, verdict in zip("ABCD", VERDICTS, strict=True))
    assert all(read(encoder, f"{text}{options}\nAnswer:").need > 0.4 for text in JOINT)
    assert all(read(encoder, text).need < 0.36 for text in SEVERAL_PARTS)


@pytest.mark.parametrize("text", [EASY[2], *HARD, *SUMS[1:]])
@pytest.mark.parametrize("form", ["Question: {}\nAnswer:", f"{SHOTS}Question: {{}}\nAnswer:", "{}\nLet's think."])
def test_the_form_of_a_benchmark_hardly_matters(encoder: OnnxEncoder, text: str, form: str):
    assert read(encoder, form.format(text)).need == pytest.approx(read(encoder, text).need, abs=0.13)


def test_the_features_tell_texts_apart_and_are_of_one_scale(encoder: OnnxEncoder):
    found = np.stack([read(encoder, text).features for text in (*EASY, *HARD, *SUMS)])
    assert found.shape == (8, FEATURES)
    assert 0.3 < np.abs(found).mean() < 3
    law, maths, more = (
        read(encoder, text).features
        for text in ("Is a verbal contract binding?", "Solve x^2 = 9 for x.", "Solve x^2 = 16 for x.")
    )
    assert np.linalg.norm(maths - more) < np.linalg.norm(maths - law)


def test_the_domains_are_those_of_the_signal(encoder: OnnxEncoder):
    found = read(encoder, HARD[0]).domains
    assert tuple(found) == LABELS
    assert sum(found.values()) == pytest.approx(1, abs=1e-5)
    assert max(found, key=found.__getitem__) == "math"


class Other:
    """An encoder of another kind, with these heads of the shipped one, and features of another width."""

    name, dimension, together = "other", 6, 1

    def __init__(self, shipped: OnnxEncoder, *heads: str) -> None:
        self._shipped, self._heads = shipped, heads

    def encode(self, passages: Any) -> list[Encoding]:
        vector = np.full(6, 6**-0.5, np.float32)
        found = self._shipped.encode(passages)
        return [e._replace(vector=vector) if self._heads else Encoding(vector, vector, e.words) for e in found]

    def head(self, name: str) -> Any:
        if name not in self._heads:
            raise EncoderError(name)
        return self._shipped.head(name)

    def matrix(self, name: str) -> None:
        return None


@pytest.mark.parametrize("heads", [(), ("complexity",)])
def test_other_encoders_do_with_what_they_have(encoder: OnnxEncoder, heads: tuple[str, ...]):
    other = Other(encoder, *heads)
    easy, hard = read(other, EASY[2]), read(other, HARD[1])
    assert 0 < easy.need < hard.need < 1
    assert hard.features.shape == (FEATURES,)
    assert hard.domains == {}
