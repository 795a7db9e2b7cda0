from __future__ import annotations

from typing import Any

import pytest

from pointsman.signals.base import Shape
from pointsman.signals.facts import Facts, Route


@pytest.mark.parametrize(
    ("tenant", "options", "value"),
    [
        ("Team-A", {}, "team_a"),
        (None, {}, None),
        ("team-a", {"any": ["team-a", "team-b"]}, True),
        ("team-c", {"any": ["team-a", "team-b"]}, False),
        (None, {"any": ["team-a"]}, False),
    ],
)
def test_tenant(ask: Any, tenant: str | None, options: dict[str, Any], value: object) -> None:
    assert ask(facts=Facts(Route.CHAT, tenant=tenant), type="tenant", **options).value == value


def test_what_conditions_may_ask(declare: Any) -> None:
    assert [declare(type="tenant", **o).shape for o in ({}, {"any": ["a"]})] == [Shape.LABEL, Shape.BOOL]
