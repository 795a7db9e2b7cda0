from __future__ import annotations

from typing import Any

import pytest

from pointsman.signals.base import Shape
from pointsman.signals.facts import Facts, Route


@pytest.mark.parametrize(
    ("roles", "options", "value"),
    [
        ({"premium", "Staff-EU"}, {}, ("premium", "staff_eu")),
        (set(), {}, ()),
        ({"premium"}, {"any": ["staff", "premium"]}, True),
        ({"free"}, {"any": ["staff", "premium"]}, False),
        (set(), {"any": ["premium"]}, False),
    ],
)
def test_role(ask: Any, roles: set[str], options: dict[str, Any], value: object) -> None:
    assert ask(facts=Facts(Route.CHAT, roles=frozenset(roles)), type="role", **options).value == value


def test_what_conditions_may_ask(declare: Any) -> None:
    assert [declare(type="role", **o).shape for o in ({}, {"any": ["a"]})] == [Shape.LABEL, Shape.BOOL]
