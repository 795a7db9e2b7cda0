from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.decide import Policy
from pointsman.policies.expr import PoolRef, SignalRef, parse
from pointsman.policies.replay import NotKept, Replay
from pointsman.policies.types import Decision, Respond
from pointsman.policies.why import Course
from pointsman.signals.base import SignalValue
from tests.policies.trees import POOL, SHAPES, any_values, expressions, first, policy, stubs


class Kept:
    """Readings that lack some, and remember which of them were asked for."""

    def __init__(self, values, lost=frozenset()):
        self.values, self.lost, self.asked = values, lost, []

    def __getitem__(self, name):
        self.asked.append(name)
        if name in self.lost or name not in self.values:
            raise NotKept("text")
        value = self.values[name]
        return value if isinstance(value, SignalValue) else SignalValue(value)


def kept_pool(name):
    return POOL


def lost_pool(name):
    raise NotKept("state")


def replay(built: Policy, guards: Policy | None = None) -> Replay:
    return Replay(Course(guards, built), stubs())


def names(told) -> list[str | None]:
    return [decision and decision.name for decision in told.possible]


def missing(told) -> list[str]:
    return [str(ref) for ref in told.missing]


lost_names = st.frozensets(st.sampled_from(sorted(SHAPES)))
strategies = st.sampled_from(["priority", "confidence"])


@given(st.lists(expressions, max_size=5), any_values, lost_names, st.booleans(), strategies)
def test_what_was_decided_is_among_what_is_possible(trees, values, lost, pool_lost, strategy):
    built = policy(*trees, strategy=strategy)
    told = replay(built).decide(Kept(values, lost), lost_pool if pool_lost else kept_pool)
    assert first(built, values) in names(told)
    assert len(told.possible) == len(set(names(told)))
    assert bool(told.missing) == (len(told.possible) > 1)
    assert {ref.name for ref in told.missing if isinstance(ref, SignalRef)} <= lost
    assert pool_lost or not any(isinstance(ref, PoolRef) for ref in told.missing)


@given(st.lists(expressions, max_size=5), any_values, strategies)
def test_where_all_was_kept_it_is_what_the_policy_decides(trees, values, strategy):
    built = policy(*trees, strategy=strategy)
    assert names(replay(built).decide(Kept(values), kept_pool)) == [first(built, values)]


@pytest.mark.parametrize(
    ("conditions", "kept", "possible", "lacks"),
    [
        (["a or b", "true"], {"a": True}, ["d0"], []),
        (["a and b", "true"], {"a": False}, ["d1"], []),
        (["b and a", "true"], {"a": False}, ["d1"], []),
        (["a and b", "true"], {"a": True}, ["d0", "d1"], ["b"]),
        (["a and b or c", "true"], {"a": False}, ["d0", "d1"], ["c"]),
        (["not (a and b)", "true"], {"a": False}, ["d0"], []),
        (["domain.math", "domain.law", "a", "true"], {"a": True}, ["d0", "d1", "d2"], ["domain"]),
        (["size > 3"], {}, ["d0", None], ["size"]),
        (["a", "b", "c"], {"b": True}, ["d0", "d1"], ["a"]),
        (["a and b", "a and not b"], {"a": False}, [None], []),
        (["false", "true"], {}, ["d1"], []),
    ],
)
def test_three_values(conditions, kept, possible, lacks):
    told = replay(policy(*conditions)).decide(Kept(kept), kept_pool)
    assert (names(told), missing(told)) == (possible, lacks)


def test_unknown_is_a_value_and_not_a_missing_one():
    assert names(replay(policy("a", "true")).decide(Kept({"a": None}), kept_pool)) == ["d1"]
    careful = Replay(Course(None, policy("a", "true", signals=stubs(on_unknown=True))), stubs(on_unknown=True))
    assert names(careful.decide(Kept({"a": None}), kept_pool)) == ["d0"]


def test_a_pools_state_can_be_missing_too():
    told = replay(policy("pool.small.load > 0.9 and a", "true")).decide(Kept({"a": True}), lost_pool)
    assert (names(told), missing(told)) == (["d0", "d1"], ["pool.small.load"])
    assert names(replay(policy("pool.small.load > 0.4 and a", "true")).decide(Kept({"a": True}), kept_pool)) == ["d0"]


def test_dear_signals_are_not_read_where_the_cheap_ones_decide():
    kept = Kept({"a": False, "c": True}, lost={"b"})
    told = replay(policy("b or c and a", "true")).decide(kept, kept_pool)
    assert (names(told), missing(told)) == (["d0", "d1"], ["b"])
    assert "c" not in kept.asked


def guards(*conditions: str) -> Policy:
    decisions = [Decision(f"g{i}", parse(when), respond=Respond(403, "no")) for i, when in enumerate(conditions)]
    return Policy(decisions, stubs())


def test_guards_come_first():
    course = replay(policy("b", "true"), guards("a"))
    assert names(course.decide(Kept({"a": True}), kept_pool)) == ["g0"]
    assert names(course.decide(Kept({"a": False, "b": True}), kept_pool)) == ["d0"]
    told = course.decide(Kept({"b": True}), kept_pool)
    assert (names(told), missing(told)) == (["g0", "d0"], ["a"])


def test_without_a_list_only_guards_decide():
    course = Replay(Course(guards("a"), None), stubs())
    assert names(course.decide(Kept({"a": False}), kept_pool)) == [None]
    assert names(course.decide(Kept({}), kept_pool)) == ["g0", None]


def test_the_surest_wins_if_it_can_be_told_how_sure_each_is():
    built = policy("a", "b", "true", strategy="confidence", priorities=(1, 1, 0))
    sure, less = SignalValue(True, 0.9), SignalValue(True, 0.6)
    assert names(replay(built).decide(Kept({"a": less, "b": sure}), kept_pool)) == ["d1"]
    assert names(replay(built).decide(Kept({"a": less}), kept_pool)) == ["d0", "d1"]
    both = policy("a or c", "b", "true", strategy="confidence", priorities=(1, 1, 0))
    told = replay(both).decide(Kept({"a": less, "b": sure}), kept_pool)
    assert (names(told), missing(told)) == (["d0", "d1"], ["c"])
