from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pointsman.signals.base import Shape
from pointsman.signals.facts import Facts, Message, Route

TALK = (
    Message("system", "be kind"),
    Message("user", "weather in Oslo and Rome?"),
    Message("assistant", "", tool_calls=2),
    Message("tool", "rain"),
    Message("tool", "sun"),
)


@pytest.mark.parametrize(("kind", "count"), [("messages", 5), ("turns", 2), ("user_turns", 1), ("tool_calls", 2)])
def test_count(ask: Any, kind: str, count: int) -> None:
    assert ask(messages=TALK, type="conversation", count=kind).value == count
    assert ask(messages=TALK, type="conversation", count=kind, min=count, max=count).value is True
    assert ask(messages=TALK, type="conversation", count=kind, min=count + 1).value is False


@pytest.mark.parametrize(("role", "value"), [("tool", True), ("user", False)])
def test_last_role(ask: Any, declare: Any, role: str, value: bool) -> None:
    assert ask(messages=TALK, type="conversation", last_role=role).value is value
    assert declare(type="conversation", last_role=role).shape is Shape.BOOL


def test_no_messages(ask: Any) -> None:
    empty = Facts(Route.EMBEDDINGS)
    assert ask(facts=empty, type="conversation", count="messages").value == 0
    assert ask(facts=empty, type="conversation", last_role="user").value is False


@pytest.mark.parametrize("options", [{}, {"count": "turns", "last_role": "user"}])
def test_one_question_is_needed(declare: Any, options: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="needs `count` or `last_role`, one of them"):
        declare(type="conversation", **options)


def test_bounds_need_a_count(declare: Any) -> None:
    with pytest.raises(ValidationError, match="`min` and `max` belong to `count`"):
        declare(type="conversation", last_role="user", min=1)
