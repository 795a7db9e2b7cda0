from __future__ import annotations

from typing import Any

import pytest

from pointsman.signals.base import SignalValue
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.readings import Readings
from tests.support.neural import encode_for, shipped


def said(declare: Any, *turns: str, **options: Any) -> SignalValue:
    signal = declare(type="reask", **options)
    signal.prepare(shipped())
    messages = [Message(role, text) for text in turns for role, text in (("assistant", "Well."), ("user", text))]
    return encode_for(Readings({"s": signal}, Facts(Route.CHAT, read_messages=lambda: messages)), "s")


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("how do I cancel my subscription", "I want to know how to cancel my subscription"),
        ("what are the side effects of ibuprofen", "ibuprofen side effects?"),
        ("why does my python loop never end", "that didn't help. why is my python loop infinite"),
    ],
)
def test_a_question_that_is_asked_again(declare: Any, before: str, now: str):
    found = said(declare, before, now)
    assert found.value is True
    assert found.score is not None
    assert 0.6 <= found.score <= 1


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("how do I cancel my subscription", "write a poem about the sea"),
        ("convert 5 miles to km", "convert 8 miles to km"),
        ("how do I enable dark mode in Outlook", "how do I disable dark mode in Outlook"),
        ("", "how do I cancel my subscription"),
        ("how do I cancel my subscription", ""),
    ],
)
def test_another_question(declare: Any, before: str, now: str):
    assert said(declare, before, now).value is False


def test_without_an_earlier_turn(declare: Any):
    assert said(declare, "how do I cancel my subscription") == SignalValue(False, 0.0)


def test_how_far_it_looks_back(declare: Any):
    turns = ("how do I cancel my subscription", "write a poem about the sea", "so how can I cancel my subscription?")
    assert said(declare, *turns).value is False
    assert said(declare, *turns, turns=2).value is True


def test_the_threshold_decides(declare: Any):
    turns = ("how do I cancel my subscription", "subscription cancellation please")
    assert said(declare, *turns, threshold=0.3).value is True
    assert said(declare, *turns, threshold=0.99).value is False
