"""The smallest changes with which a request would have met another decision, against all that could be tried."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.alternatives import atoms, whole
from pointsman.policies.counterfactual import MAX_CHANGES, nearest
from pointsman.policies.decide import Policy
from pointsman.policies.expr import SignalRef, parse
from pointsman.policies.types import Decision, Respond
from pointsman.policies.why import Course, Scene, answer, reference
from pointsman.signals.base import COUNT, Cost, LabelCount, Shape, SignalOptions, SignalValue
from pointsman.signals.derived import Derived, Input, strength
from pointsman.signals.facts import PoolLoad
from tests.policies import worlds
from tests.policies.trees import Readings, Stub

ROLES = [roles for size in range(4) for roles in combinations(worlds.LABELS, size)]
VALUES = {**worlds.VALUES, "role": [*ROLES, None]}


def load(values) -> PoolLoad:
    return PoolLoad(kv=values.get("pool.small.kv"), healthy=values.get("pool.small.healthy", True))


def outcome(course, case, scores):
    values = {name: SignalValue(value, scores.get(name)) for name, value in case.items()}
    decision = course.decide(Readings(values), lambda name: load(case))
    return decision.name if decision else None


def others(name, old, decisions):
    """Known values that conditions tell apart from the present one."""
    asked = [a for d in decisions for a in atoms(d.when) if str(whole(reference(a))) == name]

    def answers(value):
        return [answer(atom, value, False) for atom in asked]

    return [v for v in VALUES[name] if v is not None and (old is None or answers(v) != answers(old))]


def smallest(course, case, scores, decisions):
    """By outcome: how many values must be others."""
    found: dict[str | None, int] = {}
    names = list(case)
    for size in range(MAX_CHANGES + 1):
        for changed in combinations(names, size):
            todo = [dict(case)]
            for name in changed:
                todo = [{**each, name: v} for each in todo for v in others(name, case[name], decisions)]
            for each in todo:
                sure = {name: score for name, score in scores.items() if name not in changed}
                found.setdefault(outcome(course, each, sure), size)
    return found


def case_of(draw, decisions):
    text = " ".join(str(decision.when) for decision in decisions)
    return {name: draw(st.sampled_from(VALUES[name])) for name in VALUES if name in text}


def applied(case, found):
    return {**case, **{str(change.variable): change.new for change in found.changes}}


@given(worlds.policies(), st.data(), st.sampled_from(["priority", "confidence"]), st.booleans())
def test_the_changes_do_it_and_no_smaller_set_would(drawn, data, strategy, guarded):
    decisions, signals = drawn
    case = case_of(data.draw, decisions)
    scores = {n: data.draw(st.sampled_from([None, 0.25, 0.5, 0.75])) for n in case if not n.startswith("pool.")}
    half = len(decisions) // 2 if guarded else 0
    guards = Policy(decisions[:half], signals, strategy).guards()
    course = Course(guards, Policy(decisions[half:], signals, strategy))
    values = {name: SignalValue(value, scores.get(name)) for name, value in case.items()}
    scene = Scene(signals, values, lambda name: load(case))
    now, expected = outcome(course, case, scores), smallest(course, case, scores, decisions)
    assert expected.pop(now) == 0
    for to in [None, *(decision.name for decision in course.policy.decisions)]:
        found = nearest(course, scene, to)
        if to is not None and to == now:
            assert not found.changes
            continue
        wanted = expected if to is None else {to: expected[to]} if to in expected else {}
        assert len(found.changes) == min(wanted.values(), default=0)
        assert found.complete
        if found.changes:
            assert found.decision in wanted
            changed = {str(change.variable) for change in found.changes}
            sure = {name: score for name, score in scores.items() if name not in changed}
            assert outcome(course, applied(case, found), sure) == found.decision


BOOL = {name: Stub(name, Shape.BOOL) for name in "abcdefg"}


def look(conditions, values, to=None, signals=BOOL, load=PoolLoad()):
    decisions = [Decision(name, parse(text)) for name, text in conditions.items()]
    read = {name: SignalValue(value) for name, value in values.items()}
    return nearest(Course(None, Policy(decisions, signals)), Scene(signals, read, lambda name: load), to)


def told(found):
    return found.decision, {str(change.variable): change.text for change in found.changes}


def test_the_fewest_signals_then_the_order_of_the_file():
    conditions = {"x": "g and f", "y": "c", "z": "b or d", "rest": "true"}
    values = dict.fromkeys("abcdefg", False)
    assert told(look(conditions, values)) == ("z", {"b": "true"})
    assert told(look(conditions, values, "y")) == ("y", {"c": "true"})
    assert told(look(conditions, values, "x")) == ("x", {"f": "true", "g": "true"})


def test_what_comes_before_must_not_hold():
    conditions = {"x": "a", "y": "b or c", "z": "d"}
    values = dict.fromkeys("abcdefg", False) | {"b": True, "c": True}
    assert told(look(conditions, values)) == ("x", {"a": "true"})
    assert told(look(conditions, values, "z")) == ("z", {"b": "false", "c": "false", "d": "true"})


def test_what_needs_too_many_changes_or_cannot_be_is_not_found():
    conditions = {"x": "a and b and c and d", "y": "e and false", "z": "true"}
    values = dict.fromkeys("abcdefg", False)
    for to in (None, "x", "y"):
        found = look(conditions, values, to)
        assert (found.decision, found.changes, found.complete) == (None, (), True)


def test_a_search_that_would_take_too_long_says_so(monkeypatch):
    monkeypatch.setattr("pointsman.policies.counterfactual.MAX_TRIED", 3)
    found = look({"x": "a and b", "y": "c and d", "z": "true"}, dict.fromkeys("abcdefg", False))
    assert (found.changes, found.complete) == ((), False)


def numeric(conditions, value, to=None, **declared):
    size = Stub("size", Shape.NUMBER)
    vars(size).update(declared)
    return told(look(conditions, {"size": value}, to, {"size": size}))


def test_numbers_are_told_as_ranges():
    conditions = {"huge": "size > 8000", "large": "size > 4000", "exact": "size == 7", "rest": "true"}
    assert numeric(conditions, 3100, "large") == ("large", {"size": "> 4000 and <= 8000"})
    assert numeric(conditions, 3100, "huge") == ("huge", {"size": "> 8000"})
    assert numeric(conditions, 3100, "exact") == ("exact", {"size": "7"})
    assert numeric(conditions, 9000, "rest") == ("rest", {"size": "> 7 and <= 4000"})
    assert numeric(conditions, None, "huge") == ("huge", {"size": "> 8000"})


def test_numbers_that_cannot_be_are_not_proposed():
    assert numeric({"x": "size < 0", "y": "size > 2.5 and size < 2.9", "z": "true"}, 5, numbers=COUNT) == (None, {})
    assert numeric({"x": "size >= 2.5", "z": "true"}, 1, numbers=COUNT) == ("x", {"size": "> 2.5"})


def test_ranges_hold_whatever_number_of_the_other_range_is_taken():
    signals = {name: Stub(name, Shape.NUMBER) for name in ("s", "t")}
    conditions = {"no": "s > 2 and t > 2", "yes": "s > 1 and t > 1", "rest": "true"}
    found = told(look(conditions, {"s": 0, "t": 0}, "yes", signals))
    assert found in (
        ("yes", {"s": "> 1 and <= 2", "t": "> 1"}),
        ("yes", {"s": "> 1", "t": "> 1 and <= 2"}),
    )


def test_the_load_of_a_pool():
    conditions = {"over": "pool.small.load > 0.9", "rest": "true"}
    found = look(conditions, {}, load=PoolLoad(load=0.5))
    assert told(found) == ("over", {"pool.small.load": "> 0.9"})
    assert (found.changes[0].old, found.changes[0].new > 0.9) == (0.5, True)


def labelled(count, known):
    stub = Stub("domain", Shape.LABEL, known)
    stub.label_count = count
    return {"domain": stub}


@pytest.mark.parametrize(
    ("count", "known", "expected"),
    [
        (LabelCount.ONE, frozenset({"math", "law", "art"}), {"domain": "not math"}),
        (LabelCount.ONE, frozenset({"math"}), {}),
        (LabelCount.AT_MOST_ONE, frozenset({"math"}), {"domain": "not math"}),
        (LabelCount.AT_MOST_ONE, None, {"domain": "not math"}),
        (LabelCount.ANY, frozenset({"math"}), {"domain": "none"}),
    ],
)
def test_a_label_that_is_gone(count, known, expected):
    value = ("math",) if count is LabelCount.ANY else "math"
    conditions = {"x": "domain.math", "rest": "true"}
    assert told(look(conditions, {"domain": value}, None, labelled(count, known)))[1] == expected


def test_labels_exclude_each_other_unless_there_may_be_several():
    conditions = {"both": "domain.math and domain.law", "rest": "true"}
    known = frozenset({"math", "law"})
    assert told(look(conditions, {"domain": "math"}, None, labelled(LabelCount.ONE, known))) == (None, {})
    several = look(conditions, {"domain": ("math",)}, None, labelled(LabelCount.ANY, known))
    assert told(several) == ("both", {"domain": "math and law"})


class Sum(Derived[SignalOptions]):
    """The sum of `a` and `b`."""

    Options = SignalOptions
    cost = Cost.FREE
    inputs = (Input("a", None, ()), Input("b", None, ()))
    shape = Shape.NUMBER

    def combine(self, ask):
        return SignalValue(sum(strength(ask(found.name), None) or 0.0 for found in self.inputs))


def test_what_is_made_of_a_changed_signal_changes_with_it():
    signals = {**BOOL, "sum": Sum("sum", SignalOptions(type="sum"))}
    values = {"a": False, "b": True, "c": False, "sum": 1.0}
    conditions = {"x": "a and sum > 1.5", "y": "sum < 0.5 and c", "rest": "not a and not b", "last": "true"}
    found = look(conditions, values, "x", signals)
    assert told(found) == ("x", {"a": "true"})


def test_a_request_that_names_its_pool_is_only_held_against_the_guards():
    decisions = [
        Decision("trusted", parse("b"), 9),
        Decision("guard", parse("a"), 5, respond=Respond(403, "No.")),
        Decision("rest", parse("true")),
    ]
    course = Course(Policy(decisions, BOOL).guards(), None)

    def seen(to=None, **values):
        read = {name: SignalValue(value) for name, value in values.items()}
        return told(nearest(course, Scene(BOOL, read, lambda name: PoolLoad()), to))

    assert seen(a=False, b=False) == ("guard", {"a": "true"})
    assert seen(a=True, b=False) == ("explicit", {"a": "false"})
    assert seen(a=True, b=True) == ("guard", {"b": "false"})
    assert seen("rest", a=False, b=False) == (None, {})


def test_a_policy_of_two_hundred_decisions_is_searched_within_the_bound():
    names = [f"s{n}" for n in range(60)]
    signals = {name: Stub(name, Shape.BOOL) for name in names}
    conditions = {f"d{n}": " and ".join(names[(n * 7 + k * 11) % 60] for k in range(5)) for n in range(200)}
    values = dict.fromkeys(names, False) | {"s0": True, "s11": True}
    found = look({**conditions, "rest": "true"}, values, None, signals)
    assert found.complete
    assert (found.decision, {str(c.variable) for c in found.changes}) == ("d0", {"s22", "s33", "s44"})
    assert all(c.variable == SignalRef(str(c.variable)) and c.new is True for c in found.changes)
