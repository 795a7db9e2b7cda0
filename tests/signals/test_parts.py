from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pointsman.signals.facts import Facts, Message, Route

TALK = (
    Message("user", "what is this?", parts=("image", "image")),
    Message("assistant", "a cat"),
    Message("user", " ", parts=("audio",)),
)


@pytest.mark.parametrize(
    ("kinds", "value"), [(["image"], True), (["file", "audio"], True), (["file"], False), (["text"], True)]
)
def test_any(ask: Any, kinds: list[str], value: bool) -> None:
    assert ask(messages=TALK, type="parts", any=kinds).value is value


@pytest.mark.parametrize(("kind", "count"), [("image", 2), ("audio", 1), ("file", 0), ("text", 2)])
def test_count(ask: Any, kind: str, count: int) -> None:
    assert ask(messages=TALK, type="parts", count=kind).value == count
    assert ask(messages=TALK, type="parts", count=kind, max=1).value is (count <= 1)


def test_no_messages(ask: Any) -> None:
    assert ask(facts=Facts(Route.CHAT), type="parts", any=["text", "image"]).value is False


@pytest.mark.parametrize("options", [{}, {"any": ["image"], "count": "image"}])
def test_one_question_is_needed(declare: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="needs `any` or `count`, one of them"):
        declare(type="parts", **options)


def test_bounds_need_a_count(declare: Any) -> None:
    with pytest.raises(ValidationError, match="`min` and `max` belong to `count`"):
        declare(type="parts", any=["image"], min=1)
