from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.confidence import confidence
from pointsman.policies.expr import And, Compare, Constant, Expr, Not, Or, SignalRef, parse
from pointsman.signals.base import Cost, Shape, SignalValue
from pointsman.signals.facts import PoolLoad
from tests.policies.trees import POOL, SHAPES, Readings, Stub, expressions, first, holds, policy, stubs


def sure(condition: str, values, on_unknown: bool = False) -> float:
    return confidence(parse(condition), stubs(on_unknown))(Readings(values), lambda name: POOL)


MATH = SignalValue("math", 0.7, {"math": 0.7, "law": 0.2})


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("a", {"a": SignalValue(True, 0.8)}, 0.8),
        ("a", {"a": SignalValue(False, 0.3)}, 0.3),
        ("not a", {"a": SignalValue(False, 0.25)}, 0.75),
        ("a", {"a": True}, 1.0),
        ("a", {"a": False}, 0.0),
        ("domain.math", {"domain": MATH}, 0.7),
        ("domain.law", {"domain": MATH}, 0.2),
        ("domain.math", {"domain": "math"}, 1.0),
        ("domain.math", {"domain": SignalValue("math", 0.6)}, 0.6),
        ("domain.law", {"domain": SignalValue("math", 0.6)}, 0.0),
        ("domain.law", {"domain": ("math", "law")}, 1.0),
        ("domain in [math, law]", {"domain": MATH}, 0.7),
        ("size > 8", {"size": 9}, 1.0),
        ("size > 8", {"size": 8}, 0.0),
        ("pool.small.load < 0.9", {}, 1.0),
        ("pool.small.kv < 0.9", {}, 0.0),
        ("pool.small.healthy", {}, 1.0),
        ("a and b and true", {"a": SignalValue(True, 0.8), "b": SignalValue(True, 0.6)}, 0.6),
        ("a or b", {"a": SignalValue(True, 0.8), "b": SignalValue(True, 0.9)}, 0.9),
        ("not (a and b)", {"a": SignalValue(True, 0.75), "b": SignalValue(True, 0.5)}, 0.5),
    ],
)
def test_least_greatest_and_rest(condition, values, expected):
    assert sure(condition, values) == expected


@pytest.mark.parametrize("condition", ["a", "domain.math", "size > 3"])
def test_what_is_unknown_is_as_sure_as_its_answer(condition):
    values = {"a": None, "domain": None, "size": None}
    assert (sure(condition, values), sure(condition, values, on_unknown=True)) == (0.0, 1.0)


def test_the_surest_wins_and_of_equals_the_first():
    built = policy("a", "b", "c", strategy="confidence")
    values = {"a": SignalValue(True, 0.6), "b": SignalValue(True, 0.9), "c": SignalValue(True, 0.9)}
    assert first(built, values) == "d1"
    assert first(built, {**values, "b": SignalValue(False, 0.95)}) == "d2"
    assert first(built, {**values, "b": False, "c": False}) == "d0"
    assert first(built, dict.fromkeys("abc", False)) is None
    assert first(policy("a", "b", "c"), values) == "d0"


def test_a_higher_priority_wins_however_sure_the_lower_ones_are():
    built = policy("a", "b", "c", "true", priorities=(5, 5, 1, 0), strategy="confidence")
    values = {"a": SignalValue(True, 0.1), "b": SignalValue(True, 0.2), "c": True}
    assert first(built, values) == "d1"
    assert first(built, {**values, "a": False, "b": False}) == "d2"
    assert first(built, dict.fromkeys("abc", False)) == "d3"


SIGNALS = {
    "free": Stub("free", Shape.BOOL, cost=Cost.FREE),
    "cheap": Stub("cheap", Shape.BOOL, cost=Cost.HEURISTIC),
    "dear": Stub("dear", Shape.BOOL, cost=Cost.NEURAL),
}


@pytest.mark.parametrize(
    ("conditions", "values", "asked"),
    [
        (["free", "dear"], {"free": True}, {"free"}),  # nothing is surer
        (["free", "dear"], {"free": SignalValue(True, 0.9), "dear": False}, {"free", "dear"}),
        (["cheap or dear", "free"], {"cheap": SignalValue(True, 0.9), "free": False}, {"cheap", "free"}),  # no rival
        (["not cheap", "free", "dear"], {"cheap": True, "free": True}, {"cheap", "free"}),
    ],
)
def test_what_cannot_change_the_choice_is_not_read(conditions, values, asked):
    readings = Readings(values)
    policy(*conditions, signals=SIGNALS, strategy="confidence").decide(readings, lambda name: POOL)
    assert set(readings.asked) == asked


scores = st.none() | st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
scored = st.fixed_dictionaries(
    {
        name: st.builds(SignalValue, st.none() | st.booleans(), scores)
        if shape is Shape.BOOL
        else st.sampled_from([None, 0, 2])
        if shape is Shape.NUMBER
        else st.sampled_from([SignalValue(None), MATH, SignalValue("law", 0.5), SignalValue(("law", "and"))])
        for name, shape in SHAPES.items()
    }
)


def by_definition(tree: Expr, values, on_unknown: bool) -> float:
    match tree:
        case Constant():
            return float(tree.value)
        case Not():
            return 1 - by_definition(tree.operand, values, on_unknown)
        case And():
            return min(by_definition(operand, values, on_unknown) for operand in tree.operands)
        case Or():
            return max(by_definition(operand, values, on_unknown) for operand in tree.operands)
        case SignalRef():
            read = values[tree.name]
            if read.value is not None and tree.label in read.labels:
                return read.labels[tree.label]
            if read.value is not None and read.score is not None:
                return read.score if tree.label is None or read.value == tree.label else 0.0
    return float(holds(tree, values, on_unknown=on_unknown))


tiered = st.lists(st.tuples(expressions, st.integers(0, 2)), min_size=1, max_size=6)


@given(tiered, scored, st.booleans())
def test_the_choice_is_the_one_by_definition(rules, values, on_unknown):
    trees, priorities = [tree for tree, _ in rules], [priority for _, priority in rules]
    built = policy(*trees, signals=stubs(on_unknown), priorities=priorities, strategy="confidence")
    holding = [i for i, tree in enumerate(trees) if holds(tree, values, on_unknown=on_unknown)]
    ranked = sorted(holding, key=lambda i: (-priorities[i], -by_definition(trees[i], values, on_unknown), i))
    assert first(built, values) == (f"d{ranked[0]}" if ranked else None)


@given(tiered, scored, scored)
def test_what_was_not_read_could_not_have_changed_the_choice(rules, values, others):
    priorities = [priority for _, priority in rules]
    built = policy(*(tree for tree, _ in rules), priorities=priorities, strategy="confidence")
    readings = Readings(values)
    decided = built.decide(readings, lambda name: POOL)
    changed = {name: values[name] if name in readings.asked else others[name] for name in values}
    assert built.decide(Readings(changed), lambda name: POOL) == decided


def test_a_pools_state_is_asked_of_the_pools():
    built = policy("pool.small.load > 0.5", "a", strategy="confidence")
    values = {"a": SignalValue(True, 0.9)}
    assert first(built, values, lambda name: PoolLoad(load=0.6)) == "d0"
    assert first(built, values, lambda name: PoolLoad(load=0.4)) == "d1"


def test_comparisons_of_all_kinds():
    tree = Compare(SignalRef("size"), ">", 3)
    for operator, expected in {"<": 0, "<=": 1, ">": 0, ">=": 1, "==": 1, "!=": 0}.items():
        condition = Compare(tree.reference, operator, 3)
        assert confidence(condition, stubs())(Readings({"size": 3}), lambda name: POOL) == expected
