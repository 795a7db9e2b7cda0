from __future__ import annotations

from random import Random

import pytest
from pydantic import ValidationError

from pointsman.policies.select.context import Candidate
from pointsman.policies.select.parallel import Panel
from tests.support.select import candidates, context, fresh, selector

ABC = candidates("a", "b", "c")


def choice(models: list[Candidate] = ABC, **options):
    found = selector({"by": "parallel", "max_cost": 0.1, **options}, models)
    return found.choose(context(), fresh(found), Random(0))


def panel(models: list[Candidate] = ABC, **options) -> Panel:
    procedure = choice(models, **options).procedure
    assert isinstance(procedure, Panel)
    return procedure


def test_one_of_each_by_default_and_the_first_judges():
    found = panel()
    assert (found.members, found.later, found.judge) == (("a", "b", "c"), (), "a")


def test_the_order_of_the_models_is_what_follows_if_the_panel_fails():
    assert choice().pools == ("a", "b", "c")
    assert choice().propensity == 1


@pytest.mark.parametrize(
    ("breadth", "members"),
    [(2, "ab"), (5, "abcab"), ({"c": 2, "a": 1}, "cca")],
)
def test_breadth(breadth, members):
    assert panel(breadth=breadth).members == tuple(members)


@pytest.mark.parametrize(
    ("options", "first", "later"),
    [
        ({}, "abc", ["a"]),
        ({"breadth": 2}, "ab", ["a"]),
        ({"rounds": [4, 2, 1]}, "abca", ["ab", "a"]),
        ({"rounds": [3, 1], "breadth": {"b": 3}}, "bbb", ["a"]),
    ],
)
def test_a_synthesis_ends_with_one_answer_of_the_first(options, first, later):
    found = panel(pick="synthesize", **options)
    assert found.members == tuple(first)
    assert found.later == tuple(map(tuple, later))


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"rounds": [2, 1]}, "pick: synthesize"),
        ({"pick": "synthesize", "rounds": [3, 2]}, "must be 1"),
        ({"pick": "synthesize", "rounds": [3, 1], "breadth": 3}, "leave `breadth` out"),
        ({"pick": "synthesize", "rounds": [3, 1], "breadth": {"a": 2}}, "sum"),
        ({"pick": "synthesize", "judge": "x"}, "no judge"),
        ({"breadth": {"x": 2}}, "not in `models`"),
        ({"breadth": {"a": 16, "b": 1}}, "16 is the most"),
        ({"breadth": 1}, "nothing to pick"),
        ({"min_answers": 4}, "min_answers"),
        ({"breadth": 17}, "less than or equal to 16"),
        ({"max_cost": -1.0}, "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_advice(options, advice):
    with pytest.raises((ValueError, ValidationError), match=advice):
        choice(**options)


def test_a_cap_must_be_named():
    with pytest.raises(ValidationError, match="max_cost"):
        selector({"by": "parallel"}, ABC)


def test_a_judge_that_is_named_is_asked_beside_the_models():
    assert selector({"by": "parallel", "max_cost": 1.0, "judge": "x"}, ABC).options.asks() == {("judge",): "x"}
    assert selector({"by": "parallel", "max_cost": 1.0}, ABC).options.asks() == {}
