from __future__ import annotations

import pytest
from hypothesis import given

from pointsman.policies.conditions import MAX_DEPTH, MAX_REFERENCES, cycle, written_out
from pointsman.policies.expr import ExprError, Not, Place, SignalRef, parse, references
from tests.policies.trees import expressions


def parsed(**texts: str):
    return {name: parse(text) for name, text in texts.items()}


def test_names_are_replaced_by_what_they_mean():
    conditions = parsed(risky="a or domain.math", large="size > 3")
    tree = written_out(parse("b and not risky and large"), conditions)
    assert tree == parse("b and not (a or domain.math) and size > 3")


def test_what_is_put_in_has_the_place_of_the_name():
    tree = written_out(parse("b and\n  risky"), parsed(risky="a or not size > 3"))
    assert [ref.place for ref in references(tree)] == [Place(1, 1), Place(2, 3), Place(2, 3)]
    assert tree.operands[1].operands[1].place == Place(2, 3)


@given(expressions)
def test_without_conditions_nothing_changes(tree):
    assert written_out(tree, {}) is tree or written_out(tree, {}) == tree
    assert written_out(Not(SignalRef("it")), {"it": tree}) == Not(tree)


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        ({"x": "a", "y": "x and x", "z": "x or y"}, []),
        ({"x": "a or x"}, ["x"]),
        ({"x": "y", "y": "a and z", "z": "not x"}, ["y", "z", "x"]),
        ({"w": "x", "x": "y", "y": "x"}, ["y", "x"]),
    ],
)
def test_circles(texts, names):
    assert [ref.name for ref in cycle(parsed(**texts))] == names


def test_long_chains_have_no_circle():
    chain = {f"c{n}": SignalRef(f"c{n + 1}") for n in range(5_000)} | {"c5000": SignalRef("a")}
    assert cycle(chain) == []


def test_conditions_that_expand_to_billions_are_refused():
    conditions = parsed(c0="a and b")
    with pytest.raises(ExprError, match=f"references once its conditions are written out; at most {MAX_REFERENCES}"):
        for level in range(1, 40):
            conditions[f"c{level}"] = written_out(parse(f"c{level - 1} or c{level - 1}"), conditions)


def test_depth_is_bounded():
    conditions = parsed(c0="a")
    with pytest.raises(ExprError, match="nested too deeply once its conditions are written out"):
        for level in range(1, 2 * MAX_DEPTH):
            conditions[f"c{level}"] = written_out(parse(f"not (b and c{level - 1})"), conditions)
