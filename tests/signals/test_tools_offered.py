from __future__ import annotations

from typing import Any

import pytest

from pointsman.signals.facts import Facts, Route


@pytest.mark.parametrize(
    ("tools", "options", "value"),
    [
        ((), {}, False),
        (("search",), {}, True),
        (("search", "open"), {"any": ["open", "close"]}, True),
        (("search",), {"any": ["open"]}, False),
        (("a", "b"), {"min": 2}, True),
        (("a", "b"), {"min": 3}, False),
        (("a", "b"), {"any": ["a"], "min": 2}, False),
        ((), {"max": 0}, True),
    ],
)
def test_tools(ask: Any, tools: tuple[str, ...], options: dict[str, Any], value: bool) -> None:
    facts = Facts(Route.CHAT, read_tools=lambda: tools)
    assert ask(facts=facts, type="tools_offered", **options).value is value
