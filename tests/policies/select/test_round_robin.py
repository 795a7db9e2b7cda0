from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from tests.support.select import candidates, context, selector


def turns(*models: str):
    chooser = selector({"by": "round_robin"}, candidates(*models))
    return lambda turn=0, **given: chooser.choose(context(turn=turn, **given), None, Random(0))


def test_each_model_is_first_in_turn_and_the_others_follow_in_a_circle():
    choose = turns("a", "b", "c")
    orders = [choose(turn).pools for turn in range(4)]
    assert orders == [("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b"), ("a", "b", "c")]
    assert choose(1).reason == "turn 2 of 3"


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_propensity_is_each_models_share(count):
    models = [f"m{i}" for i in range(count)]
    choices = [turns(*models)(turn) for turn in range(count)]
    assert {c.pools[0] for c in choices} == set(models)
    assert {c.propensity for c in choices} == {1 / count}
    assert {frozenset(c.shares.items()) for c in choices} == {frozenset((m, 1 / count) for m in models)}


def test_a_session_keeps_its_model_and_sessions_spread_over_all():
    choose = turns("a", "b", "c")
    sessions = [f"session {n}" for n in range(300)]
    firsts = [choose(turn, session=session).pools[0] for turn, session in enumerate(sessions)]
    assert firsts == [choose(turn + 7, session=session).pools[0] for turn, session in enumerate(sessions)]
    assert min(Counter(firsts).values()) > 70
