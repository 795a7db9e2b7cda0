"""Dear signals are read only where a naive evaluation, which knows all the cheaper ones, still depends on them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.expr import And, Compare, Constant, Expr, Not, Or, SignalRef, parse, references
from pointsman.policies.plan import MAX_STAGED, in_order_of_cost, plan
from pointsman.signals.base import Cost
from tests.policies.trees import COSTS, POOL, Readings, any_values, expressions, holds, policy


def by_name(ref) -> int:
    kinds = {"f": Cost.FREE, "h": Cost.HEURISTIC, "n": Cost.NEURAL}
    return kinds[ref.name[0]]


@pytest.mark.parametrize(
    ("written", "planned"),
    [
        ("n1 and h1 and f1", "f1 and h1 and n1"),
        ("n1 and (h1 and (n2 and f1))", "f1 and h1 and n1 and n2"),
        ("(n1 or h1) and (n2 and h2)", "h2 and (h1 or n1) and n2"),  # one chain of `and`
        ("(n1 or h1) and not (n2 or h2)", "not h2 and (h1 or n1) and not (h2 or n2)"),
        ("(n1 or h1) and (n2 or n3 and h2)", "(h1 or n1) and (n2 or h2 and n3)"),  # nothing cheap decides
        ("n1 and h1 or n2 and h2 or n3", "h1 and n1 or h2 and n2 or n3"),  # nor here
        ("n1 and h1 or (n2 or h2) and f1", "f1 and h2 or h1 and n1 or f1 and (h2 or n2)"),
        ("(h1 or f1) and not (h2 or f2)", "not f2 and (f1 or h1) and not (f2 or h2)"),
        ("n1 and f1 and h1 or (n2 or f2 and h2)", "f2 and h2 or f1 and h1 and n1 or n2"),
        ("n1 or n2", "n1 or n2"),
        ("n1 and false", "false and n1"),
    ],
)
def test_what_is_asked_in_which_order(written, planned):
    assert str(plan(parse(written), by_name)) == planned


@given(expressions, any_values, st.booleans())
def test_a_planned_condition_means_the_same(tree, values, on_unknown):
    def cost(ref):
        return COSTS[ref.name] if isinstance(ref, SignalRef) else Cost.FREE

    expected = holds(tree, values, on_unknown=on_unknown)
    assert holds(plan(tree, cost), values, on_unknown=on_unknown) is expected
    assert holds(in_order_of_cost(tree, cost), values, on_unknown=on_unknown) is expected


def three_valued(tree: Expr, values, known) -> bool | None:
    """Kleene's evaluation, where only the signals in `known` have been read."""
    match tree:
        case Constant():
            return tree.value
        case Not():
            inner = three_valued(tree.operand, values, known)
            return None if inner is None else not inner
        case And() | Or():
            decisive = isinstance(tree, Or)
            found = [three_valued(operand, values, known) for operand in tree.operands]
            return decisive if decisive in found else None if None in found else not decisive
    ref = tree.reference if isinstance(tree, Compare) else tree
    if isinstance(ref, SignalRef) and ref.name not in known:
        return None
    return holds(tree, values)


def still_open(tree: Expr, values, known) -> set[str]:
    """The signals on which a condition still depends."""
    if three_valued(tree, values, known) is not None:
        return set()
    match tree:
        case Not():
            return still_open(tree.operand, values, known)
        case And() | Or():
            return set().union(*(still_open(operand, values, known) for operand in tree.operands))
    return {ref.name for ref in references(tree) if isinstance(ref, SignalRef)}


@given(st.lists(expressions, min_size=1, max_size=4), any_values)
def test_no_signal_is_read_that_cheaper_ones_make_needless(trees, values):
    readings = Readings(values)
    policy(*trees).decide(readings, lambda name: POOL)
    for name in (name for name in readings.asked if COSTS[name] > Cost.FREE):
        cheaper = {other for other, cost in COSTS.items() if cost < COSTS[name]}
        depends: set[str] = set()
        for tree in trees:
            outcome = three_valued(tree, values, cheaper)
            depends |= still_open(tree, values, cheaper)
            if outcome:
                break
        assert name in depends


def test_a_long_condition_is_ordered_but_not_repeated():
    many = " or ".join(f"(n{i} and h{i})" for i in range(MAX_STAGED))
    planned = plan(parse(many), by_name)
    assert sum(1 for _ in references(planned)) == 2 * MAX_STAGED
    assert [ref.name[0] for ref in references(planned)][:2] == ["h", "n"]
