from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pointsman.cache.scope import NoScope, Parts, ScopeKey, owner_of

KEY = ScopeKey(b"k" * 32)
PARTS = Parts(owner=("tenant", "a"), category="general", candidates=["small", "large"], route="chat", epoch="1")

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
names = st.text(max_size=4)
parts = st.builds(
    Parts,
    owner=st.lists(names, max_size=3).map(tuple),
    category=names,
    candidates=st.lists(names, max_size=3),
    route=names,
    epoch=names,
    system=json,
    turns=st.lists(json, max_size=3),
    tools=json,
    response_format=json,
    sampling=st.dictionaries(names, json, max_size=3),
    max_tokens=st.none() | st.integers(0, 10),
)


def scope(of: Parts) -> bytes:
    return KEY.scoped(of, "hello").scope


def same(left: Any, right: Any) -> bool:
    """As JSON sees it: True is not 1, and keys have no order."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and repr(left) == repr(right)


@given(parts, parts)
def test_any_other_part_is_another_scope(left: Parts, right: Parts) -> None:
    fields = Parts.__slots__
    alike = all(same(getattr(left, name), getattr(right, name)) for name in fields)
    assert (scope(left) == scope(right)) == alike


@given(parts, json, st.sampled_from(["system", "tools", "response_format"]))
def test_one_part_that_changes_changes_the_scope(of: Parts, value: Any, name: str) -> None:
    assume(not same(getattr(of, name), value))
    assert scope(replace(of, **{name: value})) != scope(of)


@given(parts, st.text(max_size=5), st.text(max_size=5))
def test_another_text_is_another_exact_one_of_the_same_scope(of: Parts, left: str, right: str) -> None:
    one, other = KEY.scoped(of, left), KEY.scoped(of, right)
    assert one.scope == other.scope
    assert (one.exact == other.exact) == (left == right)
    assert KEY.exact(one.scope, left) == one.exact


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"system": "ab", "route": "chat"}, {"system": "a", "route": "bchat"}),
        ({"turns": ["a", "b"]}, {"turns": ["ab"]}),
        ({"turns": ['a","b']}, {"turns": ["a", "b"]}),
        ({"system": None}, {"system": "null"}),
        ({"tools": [], "system": None}, {"tools": None, "system": []}),
        ({"sampling": {"temperature": 0}}, {"sampling": {}}),
        ({"candidates": ["small", "large"]}, {"candidates": ["large", "small"]}),
    ],
)
def test_parts_do_not_run_into_each_other(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert scope(replace(PARTS, **left)) != scope(replace(PARTS, **right))


def test_the_order_of_keys_is_no_difference() -> None:
    one, other = {"temperature": 0, "top_p": 1}, {"top_p": 1, "temperature": 0}
    assert scope(replace(PARTS, sampling=one)) == scope(replace(PARTS, sampling=other))


def test_what_json_can_say_and_orjson_cannot_has_a_scope_too() -> None:
    values = ["\ud800", 2**70, 2**70 + 1]
    assert len({scope(replace(PARTS, system=value)) for value in values}) == len(values)
    assert KEY.scoped(PARTS, "\ud800").exact != KEY.scoped(PARTS, "\ud801").exact


def test_what_is_no_json_has_none() -> None:
    with pytest.raises(NoScope):
        scope(replace(PARTS, system=object()))


def test_another_key_makes_other_hashes_and_the_same_key_the_same() -> None:
    assert ScopeKey().scoped(PARTS, "hello") != ScopeKey().scoped(PARTS, "hello")
    assert ScopeKey(b"k" * 32).scoped(PARTS, "hello") == KEY.scoped(PARTS, "hello")
    assert KEY.asker("ann") == KEY.asker("ann") != ScopeKey().asker("ann")
    assert "ann" not in KEY.asker("ann")


GROUPS = [["a", "b"], ["c", "d"]]


def test_tenants_share_only_within_their_group() -> None:
    owners = {name: owner_of(name, GROUPS) for name in ("a", "b", "c", "d", "e")}
    assert owners["a"] == owners["b"] != owners["c"] == owners["d"]
    assert owners["e"] not in (owners["a"], owners["c"])


def test_nobody_is_nobodys_tenant_and_no_tenant_is_a_group() -> None:
    owners = {owner_of(None, GROUPS), owner_of("nobody", GROUPS), owner_of("group"), owner_of("a", GROUPS)}
    assert len(owners) == 4


def test_a_group_that_changes_starts_afresh() -> None:
    assert owner_of("a", [["a", "b"]]) != owner_of("a", [["a", "b", "c"]])
    assert owner_of("a", [["b", "a"]]) == owner_of("a", [["a", "b"]])
