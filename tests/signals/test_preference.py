from __future__ import annotations

from typing import Any

import pytest

from pointsman.signals.base import SignalValue
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.readings import Readings
from tests.support.encoders import LetterEncoder
from tests.support.neural import encode_for

EXAMPLES = {"a_kind": ["aaaa"], "o_kind": ["oooo"]}


def said(declare: Any, *turns: str, **options: Any) -> SignalValue:
    signal, encoder = declare(type="preference", examples=EXAMPLES, threshold=0.6, **options), LetterEncoder()
    signal.prepare(encoder)
    messages = [Message(role, text) for text in turns for role, text in (("user", text), ("assistant", "uuuu"))]
    return encode_for(Readings({"s": signal}, Facts(Route.CHAT, read_messages=lambda: messages)), "s", encoder)


def test_the_last_turn_tells(declare: Any):
    assert said(declare, "oooo", "aaaa").value == "a_kind"
    assert said(declare, "aaaa", "tttt").value == ()


def test_a_turn_that_says_nothing_leaves_the_earlier_ones(declare: Any):
    assert said(declare, "oooo", "aaaa", "tttt", turns=2).value == "a_kind"
    assert said(declare, "aaaa", "tttt", "tttt", turns=2).value == ()


def test_of_two_turns_the_later_counts_more(declare: Any):
    found = said(declare, "oooo", "aaaa", turns=2)
    assert found.value == "a_kind"
    assert found.labels["o_kind"] == pytest.approx(0.9 * found.labels["a_kind"], abs=0.02)


@pytest.mark.parametrize("turns", [(), ("",), (" ",)])
def test_without_text_it_is_unknown(declare: Any, turns: tuple[str, ...]):
    assert said(declare, *turns, turns=3).value is None
