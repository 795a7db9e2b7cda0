from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pointsman.signals.base import SignalValue
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.readings import Readings
from tests.support.encoders import LetterEncoder
from tests.support.neural import encode_for, shipped

LETTERS = LetterEncoder()


def said(signal: Any, text: str, encoder: Any = LETTERS) -> SignalValue:
    signal.prepare(encoder)
    return encode_for(
        Readings({"s": signal}, Facts(Route.CHAT, read_messages=lambda: (Message("user", text),))), "s", encoder
    )


def test_a_text_like_the_examples(declare: Any):
    signal = declare(type="embedding", examples=["aaaa", "aaae"], threshold=0.8)
    assert said(signal, "aaa").value is True
    assert said(signal, "oooo").value is False
    assert said(signal, "aaa").score > 0.8 > said(signal, "oooo").score


def test_the_threshold_decides(declare: Any):
    assert said(declare(type="embedding", examples=["aaaa"], threshold=0.6), "aaee").value is True
    assert said(declare(type="embedding", examples=["aaaa"], threshold=0.8), "aaee").value is False


def test_a_text_nearer_to_the_counter_examples_is_not_meant(declare: Any):
    without = declare(type="embedding", examples=["aaaa"], threshold=0.5)
    against = declare(type="embedding", examples=["aaaa"], against=["aeee"], threshold=0.5)
    assert said(without, "aaee").value is True
    assert said(against, "aaee")[:2] == (False, 0.0)
    assert said(against, "aaaa").value is True


def test_names_make_it_a_label(declare: Any):
    signal = declare(type="embedding", examples={"a_kind": ["aaaa"], "o_kind": ["oooo"]}, threshold=0.6)
    found = said(signal, "aaao")
    assert found.value == "a_kind"
    assert found.labels["a_kind"] == found.score > found.labels["o_kind"]
    assert signal.known_labels == {"a_kind", "o_kind"}


def test_like_no_name_there_is_no_label(declare: Any):
    signal = declare(type="embedding", examples={"a_kind": ["aaaa"], "o_kind": ["oooo"]}, threshold=0.6)
    assert said(signal, "tttt").value == ()
    against = declare(type="embedding", examples={"a_kind": ["aaaa"]}, against=["aeee"], threshold=0.1)
    assert said(against, "eeee").value == ()


@pytest.mark.parametrize(("examples", "value"), [(["aaaa"], False), ({"x": ["aaaa"]}, None)])
def test_no_text(declare: Any, examples: Any, value: Any):
    assert said(declare(type="embedding", examples=examples), " \n").value is value


def test_names_are_written_as_conditions_write_them(declare: Any):
    with pytest.raises(ValidationError, match="write `code_review`"):
        declare(type="embedding", examples={"Code Review": ["x"]})
    for nothing in ([], {}, {"x": []}, [""]):
        with pytest.raises(ValidationError):
            declare(type="embedding", examples=nothing)


def test_meaning_counts_not_words(declare: Any):
    examples = {
        "refund": ["I want my money back", "how do I get a refund"],
        "delivery": ["where is my parcel", "how long does shipping take"],
    }
    signal = declare(type="embedding", examples=examples, threshold=0.4)
    assert said(signal, "please return the amount that I paid", shipped()).value == "refund"
    assert said(signal, "my package has not arrived yet", shipped()).value == "delivery"
    assert said(signal, "write a poem about the sea", shipped()).value == ()
