from __future__ import annotations

from typing import Any

import pytest

from pointsman.signals.base import Shape
from pointsman.signals.facts import Facts, Message, Route

PARAGRAPH = "The quick brown fox jumps over the lazy dog near the river bank. " * 20


def tokens(ask: Any, *messages: Message, tools: str = "") -> int:
    facts = Facts(Route.CHAT, read_messages=lambda: messages, read_tool_text=lambda: tools)
    value = ask(facts=facts, type="context").value
    assert isinstance(value, int)
    return value


def test_the_whole_request_counts(ask: Any) -> None:
    user, system, tool = Message("user", PARAGRAPH), Message("system", PARAGRAPH), Message("tool", PARAGRAPH)
    one = tokens(ask, user)
    assert tokens(ask, system, user, tool) == pytest.approx(3 * one, rel=0.05)
    assert tokens(ask, user, tools=PARAGRAPH) == pytest.approx(2 * one, rel=0.05)
    assert tokens(ask) == 0


@pytest.mark.parametrize(("bounds", "value"), [({"min": 100}, True), ({"min": 100, "max": 200}, False)])
def test_bounds_make_it_a_boolean(ask: Any, declare: Any, bounds: dict[str, int], value: bool) -> None:
    assert ask(PARAGRAPH, type="context", **bounds).value is value
    assert declare(type="context", **bounds).shape is Shape.BOOL
    assert declare(type="context").shape is Shape.NUMBER
