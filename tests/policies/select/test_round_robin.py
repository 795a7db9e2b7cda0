from __future__ import annotations

from random import Random

import pytest

from pointsman.policies.select.round_robin import RoundRobin, RoundRobinOptions
from pointsman.signals.facts import PoolLoad


def selector(*models: str) -> RoundRobin:
    return RoundRobin(RoundRobinOptions(by="round_robin"), models)


def idle(name: str) -> PoolLoad:
    return PoolLoad()


def test_each_model_is_first_in_turn_and_the_others_follow_in_a_circle():
    turns = selector("a", "b", "c")
    orders = [turns.choose(idle, Random(0)).pools for _ in range(4)]
    assert orders == [("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b"), ("a", "b", "c")]


def test_greedy_names_the_next_turn_without_taking_it():
    turns = selector("a", "b")
    turns.choose(idle, Random(0))
    looked = [turns.greedy(idle) for _ in range(3)]
    assert looked == [turns.choose(idle, Random(0))] * 3
    assert looked[0].pools[0] == "b"
    assert looked[0].reason == "turn 2 of 2"


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_propensity_is_each_models_share(count):
    turns = selector(*(f"m{i}" for i in range(count)))
    choices = [turns.choose(idle, Random(0)) for _ in range(count)]
    assert {c.pools[0] for c in choices} == set(turns.models)
    assert {c.propensity for c in choices} == {1 / count}


def test_selectors_do_not_share_their_turn():
    one, other = selector("a", "b"), selector("a", "b")
    one.choose(idle, Random(0))
    assert other.choose(idle, Random(0)).pools[0] == "a"
