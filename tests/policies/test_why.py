"""Trees of what held and what was read, the runner-up, and why signals were skipped."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.decide import Policy
from pointsman.policies.expr import parse
from pointsman.policies.types import Decision, Respond
from pointsman.policies.why import Course, Scene, judge, skipped_because, why
from pointsman.signals.base import Shape, SignalOptions, SignalValue
from pointsman.signals.derived import Derived, Input
from tests.policies.trees import POOL, Readings, Stub, any_values, expressions, holds, policy, stubs

BOOL = {name: Stub(name, Shape.BOOL) for name in "abcd"}


def pools(name):
    return POOL


def told(part):
    """Text and answer of each part, from the top."""
    return [(str(part.expr), part.holds), *(line for inner in part.parts for line in told(inner))]


def scene(values, signals=BOOL):
    return Scene(
        signals, {name: v if isinstance(v, SignalValue) else SignalValue(v) for name, v in values.items()}, pools
    )


@given(expressions, any_values, st.booleans())
def test_the_top_of_a_tree_is_what_the_deciding_core_says(tree, values, on_unknown):
    whole = scene(values, stubs(on_unknown))
    found = judge(tree, whole.signals, whole.values, pools)
    assert found.holds is holds(tree, values, on_unknown=on_unknown)


@given(st.lists(expressions, min_size=1, max_size=5), any_values, st.sampled_from(["priority", "confidence"]))
def test_what_was_read_is_enough_to_say_who_won(trees, values, strategy):
    built, readings = policy(*trees, strategy=strategy), Readings(values)
    winner = built.decide(readings, pools).decision
    found = why(Course(None, built), scene(values, stubs()), set(readings.asked))
    answers = {judged.decision.name: judged.tree.holds for judged in found.decisions if judged.asked}
    assert found.winner is winner
    if strategy == "priority":
        assert set(answers.values()) <= {False, True}
        assert [name for name, answer in answers.items() if answer] == ([winner.name] if winner else [])
    elif winner:
        assert answers[winner.name] is True
    rest = [decision for decision in built.decisions if decision is not winner]
    second = Policy(rest, stubs(), strategy).decide(Readings(values), pools).decision
    assert found.runner_up is (second if winner else None)


def test_a_tree_says_what_each_part_is_and_what_was_not_read():
    built = policy("not a and (b or c)", "d", "true", signals=BOOL)
    found = why(Course(None, built), scene({"a": True, "b": False, "c": False, "d": True}), {"a", "d"})
    assert [(j.decision.name, j.asked) for j in found.decisions] == [("d0", True), ("d1", True), ("d2", False)]
    assert told(found.decisions[0].tree) == [
        ("not a and (b or c)", False),
        ("not a", False),
        ("a", True),
        ("b or c", None),
        ("b", None),
        ("c", None),
    ]
    assert (found.winner.name, found.runner_up.name) == ("d1", "d2")


def test_without_the_winner_nothing_may_match():
    found = why(Course(None, policy("a", "b", signals=BOOL)), scene({"a": True, "b": False}), {"a"})
    assert (found.winner.name, found.runner_up) == ("d0", None)


def test_the_runner_up_by_confidence_is_the_next_surest():
    values = {"a": SignalValue(True, 0.6), "b": SignalValue(True, 0.9), "c": SignalValue(True, 0.7)}
    built = policy("a", "b", "c", "d", signals=BOOL, strategy="confidence")
    found = why(Course(None, built), scene({**values, "d": False}), set("abcd"))
    assert (found.winner.name, found.runner_up.name) == ("d1", "d2")
    assert [judged.confidence for judged in found.decisions] == [0.6, 0.9, 0.7, None]


GUARDS = [
    Decision("trusted", parse("a"), 9),
    Decision("guard", parse("b"), 5, respond=Respond(403, "No.")),
    Decision("rest", parse("true")),
]


def guarded(policy, **values):
    found = why(Course(Policy(GUARDS, BOOL).guards(), policy), scene(values), set(values))
    names = [(judged.decision.name, judged.guard, judged.tree.holds) for judged in found.decisions]
    return names, found.winner and found.winner.name, found.runner_up and found.runner_up.name


def test_guards_are_asked_first_and_only_their_own_answers_count():
    own = policy("c", "true", signals=BOOL)
    trusted, guard = ("trusted", True, True), ("guard", True, True)
    assert guarded(own, a=True, b=True, c=True)[0] == [trusted, ("d0", False, True), ("d1", False, True)]
    assert guarded(own, a=False, b=True, c=True) == (
        [("trusted", True, False), guard, ("d0", False, True)],
        "guard",
        "d0",
    )
    assert guarded(None, a=False, b=True) == ([("trusted", True, False), guard], "guard", None)
    assert guarded(None, a=True, b=True) == ([trusted], None, None)


class Same(Derived[SignalOptions]):
    Options = SignalOptions
    inputs = (Input("c", None, ()),)
    shape = Shape.BOOL

    def combine(self, ask):
        return ask("c")


def test_each_skipped_signal_has_its_reason():
    signals = {**BOOL, "same": Same("same", SignalOptions(type="same"))}
    built = policy("a and b", "true", "d", "same", signals=signals)
    course = Course(None, built)
    found = why(course, scene({"a": False, "b": True, "c": True, "d": True, "same": True}, signals), {"a"})
    assert skipped_because(course, found, ["b", "c", "d"], signals) == {
        "b": "`d0` was decided without it",
        "c": "`same` is made of it and was not needed",
        "d": "`d1` won before `d2` was asked",
    }
    alone = Course(None, policy("a", signals=signals))
    found = why(alone, scene({"a": True}, signals), {"a"})
    assert skipped_because(alone, found, ["d"], signals) == {"d": "no decision asks for it"}
    assert skipped_because(Course(None, None), found, ["d"], signals) == {"d": "the request names its pool"}
