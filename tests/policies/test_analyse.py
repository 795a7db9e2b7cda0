from __future__ import annotations

import pytest
from hypothesis import given

from pointsman.policies.analyse import Finding, analyse, constant
from pointsman.policies.expr import parse
from pointsman.policies.types import Decision
from tests.policies.trees import any_values, expressions, holds


def decision(name: str, when: str, priority: int = 0, models=("small",)) -> Decision:
    return Decision(name, parse(when), priority, tuple(models))


def found(*decisions: Decision, signals=(), pools=()) -> list[Finding]:
    return analyse(decisions, signals, pools)


def test_a_policy_without_fault_has_no_findings():
    decisions = [decision("a", "urgent"), decision("rest", "true", models=("small", "large"))]
    assert found(*decisions, signals=["urgent"], pools=["small", "large"]) == []


def test_what_comes_after_a_condition_that_always_holds_is_never_reached():
    findings = found(decision("low", "true", 0), decision("all", "a or not false", 50), decision("top", "a", 100))
    assert [(f.severity, f.decision) for f in findings] == [("warning", "low")]
    assert "`all` comes before it and always holds" in findings[0].message


def test_a_gap_is_reported_with_what_closes_it():
    [finding] = found(decision("a", "urgent"), signals=["urgent"])
    assert finding.severity == "warning"
    assert "404" in finding.message
    assert "`when: true`" in finding.message


def test_no_decisions_at_all_are_a_gap():
    [finding] = found()
    assert "`when: true`" in finding.message


def test_a_decision_that_never_holds():
    findings = found(decision("never", "a and false"), decision("rest", "true"))
    assert [(f.decision, f.message) for f in findings] == [("never", "decision `never` never holds")]


def test_unused_signals_and_pools_that_only_a_name_reaches():
    findings = found(
        decision("a", "pool.spare.healthy and domain.math or size > 3"),
        decision("rest", "true"),
        signals=["domain", "size", "forgotten"],
        pools=["small", "spare"],
    )
    assert [(f.severity, f.signal, f.pool) for f in findings] == [
        ("warning", "forgotten", None),
        ("info", None, "spare"),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("not true", False),
        ("a", None),
        ("not a", None),
        ("a or true", True),
        ("a and false", False),
        ("a and true", None),
        ("not (a or true) or false", False),
        ("true and not false", True),
    ],
)
def test_constants(text, value):
    assert constant(parse(text)) is value


@given(expressions, any_values)
def test_a_constant_is_what_is_decided_whatever_the_signals_say(tree, values):
    value = constant(tree)
    assert value is None or holds(tree, values) is value
