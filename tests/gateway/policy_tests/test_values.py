from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.policy_tests.values import assume, holds, shown
from pointsman.gateway.schema.cases import Wanted
from pointsman.signals.base import Value


@pytest.mark.parametrize(
    ("wanted", "value"),
    [
        (True, True),
        (False, False),
        (None, None),
        (3, 3),
        (3, 3.0),
        (0.5, 0.5),
        ("> 8000", 8001),
        (">=8000", 8000),
        ("< -1.5", -2),
        ("!= 3", 4),
        ("== 3", 3.0),
        ("math", "math"),
        ("Team-A", "team_a"),
        ("a", ("a", "b")),
        (["b", "a"], ("a", "b")),
        (["a"], "a"),
        ([], ()),
    ],
)
def test_what_holds(wanted: Wanted, value: Value) -> None:
    assert holds(wanted, value)


@pytest.mark.parametrize(
    ("wanted", "value"),
    [
        (True, False),
        (True, None),
        (False, None),
        (None, False),
        (1, True),
        (True, 1),
        (3, 4),
        ("> 8000", 8000),
        ("> 0", True),
        ("> 0", None),
        ("> 0", "high"),
        ("math", "law"),
        ("math", ()),
        (["a"], ("a", "b")),
        (["a", "b"], "a"),
        ([], None),
    ],
)
def test_what_does_not(wanted: Wanted, value: Value) -> None:
    assert not holds(wanted, value)


LABEL = st.from_regex(r"[a-z][a-z0-9]{0,8}(_[a-z0-9]{1,8})?", fullmatch=True)


@given(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | LABEL | st.lists(LABEL))
def test_what_is_assumed_is_what_holds(value: Wanted) -> None:
    assert holds(value, assume(value).value)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "unknown"), (True, "true"), ((), "none"), (("a", "b"), "a, b"), (0.25, "0.25"), (8000, "8000"), ("a", "a")],
)
def test_how_values_are_shown(value: Value, text: str) -> None:
    assert shown(value) == text
