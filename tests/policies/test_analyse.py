from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given

from pointsman.policies.analyse import Finding, Rates, analyse, constant
from pointsman.policies.decide import Policy
from pointsman.policies.expr import parse
from pointsman.policies.select.registry import StaticOptions, build
from pointsman.policies.types import Decision, Respond
from pointsman.signals import registry
from pointsman.signals.base import Cost, Shape
from pointsman.signals.facts import PoolLoad
from tests.policies.trees import Stub, any_values, expressions, holds
from tests.policies.worlds import world
from tests.support.select import candidates

SIGNALS = world() | {name: Stub(name, Shape.BOOL) for name in "abc"}
NEURAL = {**SIGNALS, "turns": Stub("turns", Shape.NUMBER, cost=Cost.NEURAL)}


def decision(name: str, when: str, priority: int = 0, models=("small",), respond: str | None = None) -> Decision:
    if respond is not None:
        return Decision(name, parse(when), priority, respond=Respond(403, respond))
    selector = build(StaticOptions(), candidates(*models))
    return Decision(name, parse(when), priority, tuple(models), selector)


def found(*decisions: Decision, signals=SIGNALS, pools=(), alone=(), **options) -> list[Finding]:
    named = [*pools, *(model for decision in decisions for model in decision.models)]
    return analyse(decisions, signals, dict.fromkeys(named, Rates()), alone, **options)


def messages(*decisions: Decision, **options) -> list[str]:
    return [f"{f.severity}: {f.message}" for f in found(*decisions, **options)]


REST = decision("rest", "true", -9, ("small", "large"))


def test_a_policy_without_fault_has_no_findings():
    decisions = [decision("a", "urgent"), decision("rest", "true", models=("small", "large"))]
    assert found(*decisions, alone=["urgent"]) == []


def test_what_comes_after_a_condition_that_always_holds_is_never_reached():
    findings = found(decision("low", "true", 0), decision("all", "a or not false", 50), decision("top", "a", 100))
    assert [(f.severity, f.decision) for f in findings] == [("warning", "low")]
    assert "`all` comes before it and always holds" in findings[0].message


def test_a_gap_is_reported_with_what_closes_it():
    [finding] = found(decision("a", "urgent"))
    assert finding.severity == "warning"
    assert "such as urgent = false, are answered 404" in finding.message
    assert "`when: true`" in finding.message


def test_no_decisions_at_all_are_a_gap():
    [finding] = found()
    assert "`when: true`" in finding.message


def test_a_decision_that_never_holds():
    findings = found(decision("never", "a and false"), decision("rest", "true"))
    assert [(f.decision, f.message) for f in findings] == [("never", "decision `never` never holds")]


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("turns > 8 and urgent and turns < 5", "`turns > 8` and `turns < 5` exclude each other"),
        ("turns > 1 and turns < 2", "`turns > 1` and `turns < 2` exclude each other"),  # it counts
        ("share > 1", "`share > 1` cannot be true"),
        ("pool.small.kv > 1", "`pool.small.kv > 1` cannot be true"),
        ("pool.small.queue < 0 and a", "`pool.small.queue < 0` cannot be true"),
        ("domain.math and domain.law", "`domain.math` and `domain.law` exclude each other"),
        ("effort > 1 and effort < 2", None),
        ("role.math and role.law", None),
    ],
)
def test_what_excludes_what(condition, why):
    expected = [f"warning: decision `x` never holds: {why}"] if why else []
    assert messages(decision("x", condition), REST) == expected


@pytest.mark.parametrize(
    ("options", "condition", "never"),
    [
        ({"type": "domain"}, "x.math and x.law", True),
        ({"type": "language"}, "x.zh and x.en", True),
        ({"type": "tenant"}, "x.a and x.b", True),
        ({"type": "role"}, "x.a and x.b", False),
        ({"type": "tools"}, "x.a and x.b", False),
        ({"type": "complexity"}, "not (x.easy or x.medium or x.hard)", True),
        ({"type": "tenant"}, "not (x.a or x.b)", False),
        ({"type": "context"}, "x < 0", True),
        ({"type": "structure", "count": "words"}, "x > 2 and x < 3", True),
        ({"type": "conversation", "count": "turns"}, "x == 1.5", True),
        ({"type": "parts", "count": "image"}, "x <= 0", False),
    ],
)
def test_what_the_signals_declare(options, condition, never):
    built = registry.build("x", registry.SIGNALS[options["type"]].Options.model_validate(options))
    told = messages(decision("d", condition), REST, signals={"x": built})
    assert any("never holds" in message for message in told) is never


def test_unknown_values_count():
    """All questions about an unknown value have one answer, so both of a pair can be false."""
    pair = decision("few", "turns < 3", 2), decision("many", "turns >= 3", 1)
    [gap] = found(*pair)
    assert (gap.severity, "if `turns` is unknown" in gap.message) == ("info", True)
    [gap] = found(*pair, signals=NEURAL)
    assert gap.severity == "warning"
    assert found(*pair, REST) == []
    assert found(decision("few", "turns < 3", 2), decision("many", "not turns < 3", 1)) == []
    shadowed = decision("x", "urgent")
    assert messages(*pair, shadowed, REST, signals=NEURAL) == [
        "info: decision `x` is never reached, unless `turns` is unknown: "
        "`few` and `many` come before it and together take all of its requests"
    ]
    assert messages(*pair, shadowed, REST)[0].startswith("warning: decision `x` is never reached, unless")


def test_asking_whether_a_label_is_unknown_is_no_mistake_unless_unknown_means_yes():
    asks = decision("lost", "not (domain.math or domain.law or domain.art)")
    assert messages(asks, REST) == ["info: decision `lost` never holds, unless `domain` is unknown"]
    signals = world(on_unknown=frozenset({"domain"}))
    assert messages(decision("x", "domain.math and domain.law"), REST, signals=signals) == [
        "warning: decision `x` never holds, unless `domain` is unknown"
    ]


def test_a_part_has_its_place():
    [finding] = found(decision("x", "urgent and (turns > 8 or a) and turns > 8"), REST)
    assert finding.message == "decision `x`: `turns > 8 or a` adds nothing: it follows from `turns > 8`"
    assert finding.place is not None
    assert (finding.place.line, finding.place.column) == (1, 13)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("a and a", "info: decision `x`: `a` is written twice"),
        ("turns > 4 or turns > 8", "info: decision `x`: `turns > 8` adds nothing beside `turns > 4`"),
        ("a or b and not a", "info: decision `x`: `not a` adds nothing beside `a`"),
        ("a and (b or not b)", "warning: decision `x`: `b or not b` always holds, so it can be left out"),
        ("a or share > 1", "warning: decision `x`: `share > 1` never holds, so it can be left out"),
        (
            "domain.math and (domain.law or a)",
            "warning: decision `x`: `domain.law` never holds here, where `domain.math` does",
        ),
        ("a and true or false", None),
    ],
)
def test_parts_that_decide_nothing(condition, expected):
    assert messages(decision("x", condition), REST) == ([expected] if expected else [])


def test_literals_are_written_on_purpose():
    assert found(decision("x", "a and a or true")) == []


def test_an_answer_that_is_asked_too_late():
    guard = decision("block", "a", 1, respond="no")
    assert messages(decision("fast", "urgent", 2), guard, REST) == [
        "warning: decision `block` does not answer all requests that it holds for: `fast` can take some, "
        "such as urgent = true, a = true; give `block` a higher priority"
    ]
    assert found(decision("exception", "a and role.math", 2), guard, REST) == []
    assert found(decision("fast", "urgent", 0), guard, REST) == []
    assert found(decision("first", "urgent", 2, respond="wait"), guard, REST) == []
    assert found(decision("fast", "urgent", 2), decision("otherwise", "true", respond="closed")) == []


def test_equal_priority():
    one, other = decision("one", "a"), decision("other", "b", models=("large",))
    assert messages(one, other, REST) == [
        "info: decisions `one` and `other` have the same priority and some requests in common, such as a = true, "
        "b = true: `one` takes them because it stands first in the file"
    ]
    assert found(one, decision("same", "b"), REST) == []
    assert found(one, decision("other", "b", -1, ("large",)), REST) == []
    assert found(decision("special", "a and b"), decision("general", "b", models=("large",)), REST) == []
    assert found(decision("block", "c", respond="no"), one, REST) == []


def test_the_surest_of_a_priority_can_win_wherever_it_stands():
    decisions = [decision("one", "a or b"), decision("other", "b", models=("large",)), REST]
    assert [f.decision for f in found(*decisions)] == ["other"]
    assert found(*decisions, strategy="confidence") == []
    guard = decision("block", "b and c", respond="no")
    [finding] = found(guard, decision("one", "a"), REST, strategy="confidence")
    assert (finding.severity, finding.decision) == ("warning", "block")


def test_unused_signals_and_pools_that_only_a_name_reaches():
    findings = found(
        decision("a", "pool.spare.healthy and domain.math or turns > 3"),
        decision("dead", "a and not a", models=("old",)),
        decision("rest", "true"),
        alone=["domain", "turns", "plan"],
        pools=["small", "spare", "old"],
    )[1:]
    assert [(f.severity, f.signal, f.pool) for f in findings] == [
        ("warning", "plan", None),
        ("info", None, "spare"),
        ("info", None, "old"),
    ]
    assert "only in decisions that never win (`dead`)" in findings[-1].message


DEAR, CHEAP = Rates((0.9, 0.9), 0.6), Rates((0.1, 0.3), 0.6)


@pytest.mark.parametrize(
    ("condition", "models", "pools", "expected"),
    [
        ("a", ("large", "small"), {"small": CHEAP, "large": DEAR}, "tries `large` first"),
        ("a", ("small", "large"), {"small": CHEAP, "large": DEAR}, None),
        ("a", ("large", "small"), {"small": CHEAP, "large": Rates((0.9, 0.9), 0.8)}, None),
        ("a", ("large", "small"), {"small": CHEAP, "large": Rates((0.9, 0.9))}, None),
        ("true", ("large",), {"small": CHEAP, "large": DEAR}, "sends all requests that are left over to `large`"),
        ("true", ("large",), {"small": CHEAP, "large": Rates()}, None),
        ("true", ("large",), {"large": DEAR}, None),
    ],
)
def test_costs(condition, models, pools, expected):
    others = [decision("others", "b", 1, tuple(pools)[:1]), decision("rest", "true", -1, ("small",))]
    decisions = [decision("x", condition, models=models), *others]
    told = [f.message for f in analyse(decisions, SIGNALS, pools, ()) if f.decision == "x"]
    assert [expected in message for message in told] == ([True] if expected else [])
    spelled = StaticOptions(by="static")
    meant = [Decision(d.name, d.when, d.priority, d.models, build(spelled, candidates(*d.models))) for d in decisions]
    assert [f.message for f in analyse(meant, SIGNALS, pools, ()) if f.decision == "x"] == []


def test_many_findings_of_a_kind_are_counted():
    decisions = [decision(f"d{i}", "a and not a", i) for i in range(30)]
    told = messages(*decisions, REST)
    assert len(told) == 21
    assert told[-1] == "warning: there are 10 more decisions that never hold"


def test_what_is_too_hard_is_said():
    """More pigeons than holes: a contradiction that takes clause learning exponentially long (Haken, 1985)."""
    signals = {f"s{i}": Stub(f"s{i}", Shape.BOOL) for i in range(132)}
    somewhere = [" or ".join(f"s{i * 11 + j}" for j in range(11)) for i in range(12)]
    alone = [f"not (s{i * 11 + j} and s{k * 11 + j})" for j in range(11) for i in range(12) for k in range(i)]
    full = " and ".join([*(f"({one})" for one in somewhere), *alone])
    told = messages(decision("x", full), REST, signals=signals, effort=5_000_000)
    assert told[-1].startswith("info: these conditions are too complex to be analysed completely")
    assert not any("never" in message for message in told)


def test_an_example_is_what_the_policy_decides():
    decisions = [decision("hard", "domain.math and (turns > 8 or effort >= 0.5)"), decision("fast", "urgent")]
    [gap] = [f for f in found(*decisions) if "404" in f.message]
    assert "such as domain = art, urgent = false," in gap.message
    values = {"domain": "art", "turns": 9, "effort": 1.0, "urgent": False}
    readings = {name: Stub(name, Shape.BOOL).evaluate(None)._replace(value=value) for name, value in values.items()}
    assert Policy(decisions, SIGNALS).decide(readings, lambda name: PoolLoad()).decision is None


def test_serving_does_not_load_the_solver():
    code = "import sys, pointsman.gateway.commands.serve, pointsman.gateway.config; print('pysat' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


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
