from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pointsman.signals.base import SignalValue
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.readings import Readings
from tests.support.encoders import LetterEncoder
from tests.support.neural import encode_for

ROWS = [("aaaa", "A kind"), ("aaae", "A kind"), ("aaee", "mixed"), ("oooo", "o_kind")]


@pytest.fixture
def data(tmp_path: Path) -> str:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS))
    return str(path)


def said(declare: Any, text: str, **options: Any) -> SignalValue:
    signal, encoder = declare(type="kb", **options), LetterEncoder()
    signal.prepare(encoder)
    facts = Facts(Route.CHAT, read_messages=lambda: (Message("user", text),))
    return encode_for(Readings({"s": signal}, facts), "s", encoder)


def test_the_nearest_exemplars_vote(declare: Any, data: str):
    assert said(declare, "aaee", data=data, k=1).value == "mixed"
    found = said(declare, "aaee", data=data, k=3)
    assert found.value == "a_kind"
    assert set(found.labels) == {"a_kind", "mixed"}
    assert sum(found.labels.values()) == pytest.approx(1)


def test_exemplars_that_are_not_similar_do_not_vote(declare: Any, data: str):
    assert set(said(declare, "oooo", data=data, k=100).labels) == {"o_kind"}
    assert said(declare, "tttt", data=data).value == ()
    assert said(declare, "aaaaee", data=data, threshold=1).value == ()


def test_without_text_it_is_unknown(declare: Any, data: str):
    assert said(declare, "", data=data).value is None


def test_the_labels_are_known_before_anything_is_encoded(declare: Any, data: str):
    assert declare(type="kb", data=data).known_labels == {"a_kind", "mixed", "o_kind"}


def test_a_file_that_is_not_there(declare: Any):
    with pytest.raises(ValueError, match=r"cannot read nowhere\.jsonl"):
        declare(type="kb", data="nowhere.jsonl")
