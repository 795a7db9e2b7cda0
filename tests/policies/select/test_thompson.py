from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.select.base import Rewarded, Seen
from pointsman.policies.select.context import Candidate
from pointsman.policies.select.sums import Sums, total
from pointsman.policies.select.thompson import best_shares
from tests.support.select import LARGE, SMALL, candidates, context, fresh, prompt, selector

QUALITY = {"quality": 1, "cost": 0, "latency": 0}
MATHS, TALK = (2.0, 0.0), (0.0, 2.0)


def thompson(models: Any = (SMALL, LARGE), **given: Any) -> Any:
    return selector({"by": "thompson", "weights": QUALITY, "stay": 0, "explore": 0, **given}, models)


def told(arm: str, quality: float, features: tuple[float, ...] = ()) -> Rewarded:
    return Rewarded(arm, Seen(features=prompt(features=features).features), reward=quality)


def taught(chooser: Any, outcomes: list[Rewarded]) -> Sums:
    return total((chooser.learn(outcome) for outcome in outcomes), chooser.discount)


def test_the_shares_are_those_of_drawing_a_quality_of_each_and_taking_the_best():
    mean, deviation = np.array([0.6, 0.55, 0.3, 0.58]), np.array([0.05, 0.1, 0.2, 0.01])
    drawn = np.random.default_rng(0).normal(mean, deviation, (200_000, 4)).argmax(1)
    assert best_shares(mean, deviation) == pytest.approx(np.bincount(drawn) / len(drawn), abs=0.006)


@given(st.lists(st.tuples(st.floats(-1100, 2), st.sampled_from([0.0, 1e-9, 0.01, 0.3, 5.0])), min_size=1, max_size=16))
def test_shares_are_probabilities_whatever_is_known(models):
    mean, deviation = np.array(models).T
    shares = best_shares(mean, deviation)
    assert shares.sum() == pytest.approx(1)
    assert ((shares >= 0) & (shares <= 1)).all()


def test_models_that_look_alike_are_chosen_alike():
    assert best_shares(np.full(4, 0.5), np.full(4, 0.1)) == pytest.approx(np.full(4, 0.25))
    assert best_shares(np.array([0.5, 0.5]), np.zeros(2)) == pytest.approx([0.5, 0.5])


def test_it_draws_with_the_propensities_that_it_tells():
    chooser = thompson(candidates("a", "b", "c"), explore=0.1, spread=1)
    view, random, here = fresh(chooser), Random(3), context(prompt=prompt())
    choices = [chooser.choose(here, view, random) for _ in range(1500)]
    drawn = Counter(choice.pools[0] for choice in choices)
    for model, share in choices[0].shares.items():
        assert drawn[model] / 1500 == pytest.approx(share, abs=0.04)
    assert all(choice.propensity == choice.shares[choice.pools[0]] for choice in choices)


def test_what_it_learns_narrows_what_it_tries():
    twins = [Candidate(name, quality={"default": 0.6}) for name in ("good", "bad")]
    chooser = thompson(twins)
    before = chooser.choose(context(), fresh(chooser), None).shares
    outcomes = [told("good", 0.7), told("bad", 0.5)]
    after = [chooser.choose(context(), chooser.view(taught(chooser, outcomes * n)), None).shares for n in (10, 300)]
    assert before["good"] == pytest.approx(0.5)
    assert 0.5 < after[0]["good"] < after[1]["good"]
    assert after[1]["bad"] < 0.01


def test_less_spread_tries_less():
    shares = [thompson(spread=spread).choose(context(), fresh(thompson()), None).shares for spread in (0.5, 2)]
    assert shares[0]["small"] < shares[1]["small"]


@pytest.mark.parametrize(("contextual", "best"), [(True, ("small", "large")), (False, ("small", "small"))])
def test_it_may_learn_of_prompts_or_of_models_only(contextual, best):
    chooser = thompson(contextual=contextual)
    outcomes = [
        told("small", 0.9, TALK),
        told("small", 0.7, MATHS),
        told("large", 0.3, TALK),
        told("large", 0.9, MATHS),
    ]
    view = chooser.view(taught(chooser, outcomes * 200))
    for kind, model in zip((TALK, MATHS), best, strict=True):
        assert chooser.choose(context(prompt=prompt(features=kind)), view, None).pools[0] == model


def test_a_model_without_a_live_endpoint_has_no_share():
    chooser = thompson(explore=0.02)
    choice = chooser.choose(context(down=["large"]), fresh(chooser), Random(0))
    assert choice.pools[0] == "small"
    assert choice.shares == pytest.approx({"small": 1.0, "large": 0.0})
