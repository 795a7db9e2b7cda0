from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.policies.select.base import Rewarded, Seen
from pointsman.policies.select.context import Candidate, Previous
from pointsman.policies.select.sums import NOTHING, Sums, merged, total
from pointsman.signals.prompt import FEATURES
from tests.support.encoders import LetterEncoder
from tests.support.select import LARGE, SMALL, candidates, context, fresh, prompt, selector

QUALITY = {"quality": 1, "cost": 0, "latency": 0}
MATHS, TALK = (2.0, 0.0), (0.0, 2.0)


def linucb(models: Any = (SMALL, LARGE), **given: Any) -> Any:
    return selector({"by": "linucb", "weights": QUALITY, "stay": 0, **given}, models)


def seen(features: Sequence[float] = (), prior: float | None = None) -> Seen:
    return Seen(features=prompt(features=features).features, prior=prior)


def told(arm: str, quality: float, features: Sequence[float] = (), **given: Any) -> Rewarded:
    return Rewarded(arm, seen(features), **{"reward": quality, **given})


def taught(chooser: Any, outcomes: Sequence[Rewarded]) -> Sums:
    return total((chooser.learn(outcome) for outcome in outcomes), chooser.discount)


def quality(chooser: Any, sums: Sums, features: Sequence[float] = ()) -> Any:
    """Without features, of the usual prompt."""
    here = context(prompt=prompt(features=features)) if features else context()
    return chooser.choose(here, chooser.view(sums), None).quality


def same(one: Sums, other: Sums) -> bool:
    return all(
        np.allclose(one.arrays.get(key, 0.0), other.arrays.get(key, 0.0))
        for key in one.arrays.keys() | other.arrays.keys()
    )


def test_without_outcomes_it_chooses_by_the_prior_quality():
    chooser = linucb(explore=0, alpha=0)
    for here in (context(), context(prompt=prompt(need=0.9, features=MATHS))):
        choice = chooser.choose(here, fresh(chooser), Random(0))
        assert choice.pools == ("large", "small")
        assert list(choice.quality.values()) == pytest.approx(chooser.priors.of(here.prompt))


def test_it_learns_which_prompts_a_model_is_good_at():
    chooser = linucb()
    lessons = [
        (MATHS, {"small": 0.1, "large": 0.9}),
        (TALK, {"small": 0.9, "large": 0.3}),
    ]
    sums = taught(chooser, [told(arm, q, kind) for kind, of in lessons for arm, q in of.items()] * 60)
    for kind, best in ((MATHS, "large"), (TALK, "small")):
        assert chooser.choose(context(prompt=prompt(features=kind)), chooser.view(sums), None).pools[0] == best


def test_a_prompt_that_could_not_be_read_is_judged_by_how_the_models_do_in_general():
    chooser = linucb()
    sums = taught(chooser, [told("small", 0.9), told("large", 0.2)] * 40)
    choice = chooser.choose(context(), chooser.view(sums), None)
    assert choice.pools[0] == "small"
    assert choice.quality["small"] > 0.7
    assert choice.quality["large"] < 0.4


def test_it_tries_the_model_of_which_it_knows_less():
    twins = [Candidate(name, quality={"default": 0.6}) for name in ("known", "unknown")]
    chooser = linucb(twins, explore=0, alpha=1)
    view = chooser.view(taught(chooser, [told("known", 0.61)] * 50))
    choice = chooser.choose(context(prompt=prompt()), view, Random(0))
    assert choice.pools[0] == "unknown"
    assert choice.reason == "unknown is tried to learn more of it"
    assert chooser.choose(context(prompt=prompt()), view, None).pools[0] == "known"


def test_every_model_with_a_live_endpoint_keeps_a_known_chance():
    chooser = linucb(candidates("a", "b", "c"), explore=0.03)
    choice = chooser.choose(context(down=["b"]), fresh(chooser), Random(0))
    assert choice.shares["b"] == 0
    assert sorted(choice.shares.values()) == pytest.approx([0, 0.015, 0.985])


def test_nothing_is_tried_while_a_tool_is_used():
    chooser = linucb(explore=0.5, stay=1)
    previous = Previous("small", tool_loop=True)
    for seed in range(10):
        choice = chooser.choose(context(prompt=prompt(), previous=previous), fresh(chooser), Random(seed))
        assert (choice.pools[0], choice.propensity) == ("small", 1.0)


def test_prompts_that_one_model_finds_hard_are_expected_to_be_hard_for_one_that_was_never_asked():
    models = candidates("asked", "new")
    outcomes = [told("asked", 0.1, MATHS), told("asked", 0.7, TALK)] * 100
    apart, together = linucb(models, common=0), linucb(models)
    before = quality(apart, NOTHING, MATHS)["new"]
    assert quality(apart, taught(apart, outcomes), MATHS)["new"] == pytest.approx(before)
    assert quality(together, taught(together, outcomes), MATHS)["new"] < before - 0.05


def test_it_follows_a_model_that_has_got_worse():
    chooser = linucb()
    before = [told("large", 0.9), told("small", 0.6)] * 1500
    after = [told("large", 0.1), told("small", 0.6)] * 100
    assert quality(chooser, taught(chooser, before))["large"] == pytest.approx(0.9, abs=0.03)
    found = quality(chooser, taught(chooser, before + after))
    assert found["large"] < found["small"] == pytest.approx(0.6, abs=0.05)


def test_an_answer_to_a_hard_prompt_is_held_against_what_was_expected_of_it():
    chooser = linucb()
    hard = [Rewarded("small", seen(prior=0.3), reward=0.3)] * 50
    assert quality(chooser, taught(chooser, hard))["small"] == pytest.approx(0.5, abs=0.02)


_outcomes = st.lists(
    st.builds(
        told,
        st.sampled_from(["small", "large"]),
        st.floats(0, 1),
        st.lists(st.floats(-3, 3), max_size=3),
        weight=st.floats(0, 1),
        outcomes=st.integers(0, 1),
    ),
    max_size=12,
)


@given(_outcomes, _outcomes, _outcomes)
def test_it_does_not_matter_which_replica_gathers_what(first, second, third):
    chooser = linucb(discount=0.9)
    one, two, three = (taught(chooser, part) for part in (first, second, third))
    d = chooser.discount
    assert same(merged(merged(one, two, d), three, d), merged(one, merged(two, three, d), d))
    assert same(merged(merged(one, two, d), three, d), taught(chooser, first + second + third))


@given(_outcomes, _outcomes)
def test_without_forgetting_replicas_learn_the_same_in_any_order(mine, others):
    chooser = linucb()
    assert same(
        merged(taught(chooser, mine), taught(chooser, others)), merged(taught(chooser, others), taught(chooser, mine))
    )


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 1), st.floats(0.1, 1))
def test_a_correction_gives_what_telling_it_right_at_once_would_have(first, right, weight, more):
    chooser = linucb()
    wrong = told("small", weight * first, MATHS, weight=weight)
    fix = told("small", more * right - weight * first, MATHS, weight=more - weight, outcomes=0)
    assert same(taught(chooser, [wrong, fix]), taught(chooser, [told("small", more * right, MATHS, weight=more)]))


@settings(max_examples=30)
@given(
    st.lists(
        st.builds(
            told,
            st.sampled_from(["small", "large", "gone"]),
            st.floats(-5, 5) | st.sampled_from([np.nan, np.inf]),
            st.lists(st.floats(width=32), max_size=FEATURES),
            weight=st.floats(-5, 5) | st.just(np.inf),
        ),
        max_size=6,
    ),
    st.lists(st.floats(width=32), max_size=3),
)
def test_whatever_it_is_told_its_shares_stay_probabilities(outcomes, features):
    chooser = linucb(explore=0.1)
    view = chooser.view(taught(chooser, outcomes))
    choice = chooser.choose(context(prompt=prompt(features=features)), view, Random(0))
    assert sum(choice.shares.values()) == pytest.approx(1)
    assert all(share > 0.04 for share in choice.shares.values())
    assert np.isfinite(list(choice.scores.values())).all()


def test_taking_back_what_is_half_forgotten_leaves_it_sane():
    chooser = linucb(discount=0.9)
    gone = [told("small", 1.0, MATHS)] + [told("large", 0.8, MATHS)] * 30
    back = [told("small", -1.0, MATHS, weight=-1.0, outcomes=0)]
    assert quality(chooser, taught(chooser, gone + back), MATHS)["small"] == pytest.approx(0.5, abs=0.2)
    assert (chooser.view(taught(chooser, gone + back * 50)).deviation(np.ones((2, FEATURES + 2))) >= 0).all()


def test_models_come_and_go_and_the_others_keep_what_they_learned():
    sums = taught(linucb(), [told("small", 0.9)] * 50)
    later = linucb([SMALL, Candidate("other", quality={"default": 0.7})])
    assert quality(later, sums)["small"] > 0.8
    assert quality(later, sums)["other"] == pytest.approx(0.7, abs=0.1)


def test_features_of_another_encoder_start_anew():
    one, other = LetterEncoder(), LetterEncoder()
    other.name = "other"
    chooser, later = linucb(), linucb()
    chooser.prepare(one)
    sums = taught(chooser, [told("small", 0.9)] * 50)
    later.prepare(other)
    assert quality(later, sums)["small"] == pytest.approx(0.5)
    later.prepare(one)
    assert quality(later, sums)["small"] > 0.8
