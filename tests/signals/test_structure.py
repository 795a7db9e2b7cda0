from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from pointsman.signals.base import Shape
from pointsman.signals.facts import Message
from pointsman.signals.structure import Kind


@pytest.mark.parametrize(
    ("kind", "text", "count"),
    [
        ("characters", "你好👍", 3),
        ("code_blocks", "a\n```py\nx\n```\nb\n~~~\ny\n~~~", 2),
        ("code_blocks", "```\nnot closed", 1),
        ("code_blocks", "inline `code` only", 0),
        ("json_fields", '{"a": 1, "b c" : [2]}', 2),
        ("json_fields", 'he said "no": and left', 1),
        ("lines", "", 0),
        ("lines", "a\nb\n", 3),
        ("list_items", "- a\n* b\n 1. c\n2) d\n• e\n3、f\n-g\nx - y", 6),
        ("numbers", "3 apples, 1,000 pears, 2.5 kg, 第7章, gpt4 and v1.2", 4),
        ("questions", "Why? Really?? 为什么？你好吗？！ لماذا؟", 5),
        ("questions", "http://x.y/?a=b&c?d a?b:c", 0),
        ("table_rows", "| a | b |\n|---|---|\n| 1 | 2 |\nx | y", 3),
        ("urls", "see http://a.b and HTTPS://c.d/e?f, not ftp://g", 2),
        ("words", "One two, three. 四五", 5),
    ],
)
def test_count(ask: Any, kind: str, text: str, count: int) -> None:
    assert ask(text, type="structure", count=kind).value == count


@pytest.mark.parametrize(("bounds", "value"), [({"min": 2}, True), ({"min": 3}, False), ({"max": 1}, False)])
def test_bounds_make_it_a_boolean(ask: Any, declare: Any, bounds: dict[str, int], value: bool) -> None:
    assert ask("Who? What?", type="structure", count="questions", **bounds).value is value
    assert declare(type="structure", count="questions", **bounds).shape is Shape.BOOL
    assert declare(type="structure", count="questions").shape is Shape.NUMBER


def test_scope(ask: Any) -> None:
    talk = (Message("user", "Why?"), Message("assistant", "Because."), Message("user", "Who?"))
    assert ask(messages=talk, type="structure", count="questions", **{"in": "all"}).value == 2


KINDS = [
    "characters",
    "code_blocks",
    "json_fields",
    "lines",
    "list_items",
    "numbers",
    "questions",
    "table_rows",
    "urls",
    "words",
]


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("piece", ["", "\x00\ud800\u0301", " ", "?", '"', "|", "1,", "```", "\n- ", "https://"])
def test_any_text_in_linear_time(ask: Any, kind: str, piece: str) -> None:
    assert ask(piece * 20_000, type="structure", count=kind).value >= 0


def test_bounds_in_the_wrong_order_are_refused(declare: Any) -> None:
    with pytest.raises(ValidationError, match="min 3 is above max 2"):
        declare(type="structure", count="words", min=3, max=2)
