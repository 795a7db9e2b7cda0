from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from pointsman.signals.base import Cost, Shape
from pointsman.signals.facts import Facts, Route

FACTS = Facts(Route.CHAT, headers={"x-plan": " Gold Plan ", "x-empty": ""})


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({"name": "X-Plan"}, "gold_plan"),
        ({"name": "x-none"}, None),
        ({"name": "x-empty"}, None),
        ({"name": "x-plan", "any": ["silver", "GOLD plan"]}, True),
        ({"name": "x-plan", "any": ["gold"]}, False),
        ({"name": "x-none", "any": [""]}, False),
        ({"name": "x-empty", "present": True}, True),
        ({"name": "x-none", "present": True}, False),
    ],
)
def test_header(ask: Any, options: dict[str, Any], value: object) -> None:
    assert ask(facts=FACTS, type="header", **options).value == value


def test_long_values_make_short_labels(ask: Any) -> None:
    facts = Facts(Route.CHAT, headers={"x-plan": "ß" * 100_000})
    assert len(ask(facts=facts, type="header", name="x-plan").value) == 64


def test_what_conditions_may_ask(declare: Any) -> None:
    shapes = [declare(type="header", name="x", **o).shape for o in ({}, {"any": ["a"]}, {"present": True})]
    assert shapes == [Shape.LABEL, Shape.BOOL, Shape.BOOL]
    assert declare(type="header", name="x").cost is Cost.FREE


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "Cookie"])
def test_credentials_are_not_read(declare: Any, name: str) -> None:
    with pytest.raises(ValidationError, match="carries credentials"):
        declare(type="header", name=name, any=["x"])


def test_two_questions_are_refused(declare: Any) -> None:
    with pytest.raises(ValidationError, match="use two signals"):
        declare(type="header", name="x", any=["a"], present=True)
