from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.decide import Policy, in_order
from pointsman.policies.expr import And, Compare, Constant, Expr, Not, Or, PoolRef, SignalRef, parse
from pointsman.policies.types import Decision, Respond
from pointsman.signals.base import Cost, Shape
from pointsman.signals.facts import PoolLoad
from tests.policies.trees import (
    LABELS,
    POOL,
    SHAPES,
    Readings,
    Stub,
    any_values,
    expressions,
    first,
    holds,
    known_values,
    policy,
    stubs,
)


def by_python(tree: Expr, values) -> bool:
    """Python's own evaluation of the same text."""

    def namespace(value):
        labels = value if isinstance(value, tuple) else (value,)
        return SimpleNamespace(**{f"{label}_": label in labels for label in LABELS})

    names = {n: namespace(v) if SHAPES[n] is Shape.LABEL else v for n, v in values.items()}
    pool = SimpleNamespace(small=POOL)
    text = str(tree)
    for name in (n for n, shape in SHAPES.items() if shape is Shape.LABEL):
        for label in LABELS:  # `and` is a label too, which Python would not read
            text = text.replace(f"{name}.{label}", f"{name}.{label}_")
    return bool(eval(text, {"true": True, "false": False, "pool": pool, **names}))


@given(expressions, known_values)
def test_conditions_mean_what_python_says(tree, values):
    assert holds(tree, values) == by_python(tree, values)


@given(st.lists(expressions, max_size=6), known_values)
def test_the_first_condition_that_holds_decides(trees, values):
    expected = next((f"d{i}" for i, tree in enumerate(trees) if by_python(tree, values)), None)
    assert first(policy(*trees), values) == expected


@given(expressions, expressions, expressions, any_values, st.booleans())
def test_boolean_algebra(x, y, z, values, on_unknown):
    def same(left, right):
        return holds(left, values, on_unknown=on_unknown) == holds(right, values, on_unknown=on_unknown)

    assert same(Not(And((x, y))), Or((Not(x), Not(y))))
    assert same(Not(Or((x, y))), And((Not(x), Not(y))))
    assert same(And((x, Or((y, z)))), Or((And((x, y)), And((x, z)))))
    assert same(Or((x, y, z)), Or((z, y, x)))
    assert same(Not(Not(x)), x)
    assert not holds(And((x, Not(x))), values, on_unknown=on_unknown)
    assert same(And((x, Constant(True))), x)
    assert same(Or((x, Constant(False))), x)


def known(tree: Expr, values, on_unknown: bool) -> Expr:
    """The tree with each question about something unknown replaced by its answer."""

    def unknown(ref) -> bool:
        return isinstance(ref, SignalRef) and values[ref.name] is None

    match tree:
        case SignalRef() if unknown(tree):
            return Constant(on_unknown)
        case Compare() if unknown(tree.reference):
            return Constant(on_unknown)
        case Not():
            return Not(known(tree.operand, values, on_unknown))
        case And() | Or():
            return type(tree)(tuple(known(o, values, on_unknown) for o in tree.operands))
    return tree


@given(expressions, any_values, st.booleans())
def test_unknown_answers_every_question_as_on_unknown_says(tree, values, on_unknown):
    expected = by_python(known(tree, values, on_unknown), values)
    assert holds(tree, values, on_unknown=on_unknown) == expected


@pytest.mark.parametrize(
    "condition",
    ["a", "domain.math", "size > 0", "size < 0", "size == 0", "size != 0", "size <= 0", "size >= 0"],
)
@pytest.mark.parametrize("on_unknown", [False, True])
def test_unknown_signals(condition, on_unknown):
    values = {"a": None, "domain": None, "size": None}
    assert holds(condition, values, on_unknown=on_unknown) is on_unknown
    assert holds(f"not {condition}", values, on_unknown=on_unknown) is not on_unknown


@pytest.mark.parametrize(
    ("condition", "load", "expected"),
    [
        ("pool.small.load > 0.9", PoolLoad(load=0.95), True),
        ("pool.small.load > 0.9", PoolLoad(load=0.5), False),
        ("pool.small.load > 0.9", PoolLoad(load=None), False),
        ("pool.small.load <= 0.9", PoolLoad(load=None), False),
        ("pool.small.queue == 0", PoolLoad(queue=0), True),
        ("pool.small.inflight >= 3", PoolLoad(inflight=3), True),
        ("pool.small.kv < 0.5", PoolLoad(kv=0.4), True),
        ("pool.small.healthy", PoolLoad(healthy=True), True),
        ("not pool.small.healthy", PoolLoad(healthy=False), True),
    ],
)
def test_pool_state(condition, load, expected):
    assert holds(condition, {}, pools={"small": load}.__getitem__) is expected


def test_a_value_of_several_labels_has_each_of_them():
    values = {"domain": ("math", "law"), "lang": ()}
    assert holds("domain.math and domain.law and not domain.and", values)
    assert not holds("lang.math", values)


def test_a_label_is_compared_whole():
    assert not holds("domain.math", {"domain": "mathematics"})


def test_higher_priority_first_then_the_order_of_the_file():
    built = policy("a", "true", "b", "true", priorities=(0, -5, 100, 0))
    assert [d.name for d in built.decisions] == ["d2", "d0", "d3", "d1"]
    assert first(built, {"a": True, "b": True}) == "d2"
    assert first(built, {"a": True, "b": False}) == "d0"
    assert first(built, {"a": False, "b": False}) == "d3"


def test_in_order_is_stable():
    decisions = [Decision(str(i), Constant(True), priority=p) for i, p in enumerate((1, 2, 1, 2))]
    assert [d.name for d in in_order(decisions)] == ["1", "3", "0", "2"]


def test_nothing_matches():
    assert policy("a", "false").decide(Readings({"a": False}), lambda name: POOL).decision is None
    assert Policy([], {}).decide(Readings({}), lambda name: POOL).decision is None


COSTS = {
    "free": Stub("free", Shape.BOOL, cost=Cost.FREE),
    "cheap": Stub("cheap", Shape.BOOL, cost=Cost.HEURISTIC),
    "dear": Stub("dear", Shape.BOOL, cost=Cost.NEURAL),
    "dear2": Stub("dear2", Shape.BOOL, cost=Cost.NEURAL),
}


@pytest.mark.parametrize(
    ("conditions", "values", "asked"),
    [
        (["dear and cheap and free"], {"free": False}, ["free"]),
        (["dear and cheap and free"], {"free": True, "cheap": False}, ["free", "cheap"]),
        (["dear or cheap or free"], {"free": True}, ["free"]),
        (["(dear or free) and cheap"], {"cheap": False}, ["cheap"]),
        (["(dear or free) and cheap"], {"cheap": True, "free": True}, ["cheap", "free"]),
        (["not dear or not free"], {"free": False}, ["free"]),
        (["dear and false"], {}, []),
        (["dear or true"], {}, []),
        (["dear and pool.small.load > 0.9"], {}, []),
        (["free", "dear"], {"free": True}, ["free"]),
        (
            ["dear and free", "dear or cheap"],
            {"free": True, "dear": False, "cheap": True},
            ["free", "dear", "cheap"],
        ),
        (["cheap and free", "cheap or free"], {"free": True, "cheap": False}, ["free", "cheap"]),
        (["true", "dear"], {}, []),
        (["(dear or cheap) and (dear2 and free)"], {"free": False}, ["free"]),
        (["(dear or free) and (dear2 and cheap)"], {"free": True, "cheap": False}, ["cheap"]),
        (["dear and free or (dear2 or cheap)"], {"cheap": True}, ["cheap"]),
        (["cheap", "(dear or not cheap) and dear2"], {"cheap": False, "dear2": True}, ["cheap", "dear2"]),
    ],
)
def test_cheap_signals_are_read_first_needless_ones_never_and_none_twice(conditions, values, asked):
    readings = Readings(values)
    policy(*conditions, signals=COSTS).decide(readings, lambda name: POOL)
    assert readings.asked == asked


@given(st.lists(expressions, min_size=1, max_size=4), any_values, any_values)
def test_signals_that_were_not_read_could_not_have_changed_the_decision(trees, values, others):
    built, readings = policy(*trees), Readings(values)
    decided = built.decide(readings, lambda name: POOL)
    changed = {name: values[name] if name in readings.asked else others[name] for name in values}
    assert built.decide(Readings(changed), lambda name: POOL) == decided


@given(st.lists(expressions, min_size=1, max_size=4), any_values)
def test_no_signal_is_read_twice(trees, values):
    readings = Readings(values)
    policy(*trees).decide(readings, lambda name: POOL)
    assert len(readings.asked) == len(set(readings.asked))


def test_a_pool_is_asked_only_when_a_condition_needs_it():
    asked = []

    def pools(name):
        asked.append(name)
        return POOL

    built = policy("pool.small.kv > 0 and pool.large.healthy", "pool.small.load > 0.4 and 0.6 > pool.small.load")
    assert first(built, {}, pools) == "d1"
    assert asked == ["small", "small"]  # kv and load


def test_requests_do_not_share_values():
    built = policy("a")
    assert first(built, {"a": True}) == "d0"
    assert first(built, {"a": False}) is None


def test_text_of_the_policy_is_never_run():
    hostile = "x'); raise SystemExit #"
    signals = {hostile: Stub(hostile, Shape.LABEL), "import os": Stub("import os", Shape.BOOL)}
    built = policy(SignalRef(hostile, "__import__('os')"), SignalRef("import os"), signals=signals)
    assert first(built, {hostile: "a", "import os": True}) == "d1"
    assert first(built, {hostile: "__import__('os')", "import os": True}) == "d0"


def test_deep_and_large_policies_can_be_built():
    deep = "b"
    for _ in range(15):
        deep = f"not (a or {deep})"
    built = policy(*[deep] * 100, " and ".join(["not a"] * 2000))
    assert first(built, {"a": False, "b": True}) == "d100"


def test_pool_fields_are_attributes_of_a_pools_load():
    for field in ("load", "queue", "inflight", "kv"):
        tree = Compare(PoolRef("small", field), ">", 1)
        assert holds(tree, {}, pools=lambda name, field=field: PoolLoad(**{field: 2}))


def test_only_what_answers_itself_guards():
    no = Respond(403, "No.")
    decisions = [
        Decision("block", parse("a"), respond=no),
        Decision("route", parse("b"), models=("small",)),
        Decision("stop", parse("c"), respond=no),
        Decision("everything", Constant(True), models=("small",)),
    ]
    guards = Policy(decisions, stubs()).guards()
    assert guards is not None
    assert [decision.name for decision in guards.decisions] == ["block", "route", "stop"]
    assert first(guards, {"a": False, "b": False, "c": True}) == "stop"
    assert first(guards, {"a": False, "b": True}) == "route"
    assert Policy([decisions[1], decisions[3]], stubs()).guards() is None
