from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.policies.select.base import Rewarded, Seen
from pointsman.policies.select.context import Candidate
from pointsman.policies.select.sums import Sums, merged, total
from tests.support.select import LARGE, SMALL, context, fresh, prompt, selector

QUALITY = {"quality": 1, "cost": 0, "latency": 0}
EQUAL = tuple(Candidate(name, quality={"default": 0.6}) for name in "abc")


def elo(models: Any = EQUAL, **given: Any) -> Any:
    return selector({"by": "elo", "weights": QUALITY, "stay": 0, **given}, models)


def verdict(arm: str, quality: float, prior: float | None = None, **given: Any) -> Rewarded:
    return Rewarded(arm, Seen(prior=prior), **{"reward": quality, **given})


def preferred(arm: str, over: str, **given: Any) -> Rewarded:
    return Rewarded(arm, Seen(), **{"weight": 0.5, "reward": 0.4, "over": over, **given})


def taught(chooser: Any, outcomes: list[Rewarded]) -> Sums:
    return total((chooser.learn(outcome) for outcome in outcomes), chooser.discount)


def quality(chooser: Any, outcomes: list[Rewarded]) -> Any:
    return chooser.choose(context(), chooser.view(taught(chooser, outcomes)), None).quality


def same(one: Sums, other: Sums) -> bool:
    keys = one.arrays.keys() | other.arrays.keys()
    return all(np.allclose(one.arrays.get(key, 0.0), other.arrays.get(key, 0.0)) for key in keys)


def test_ratings_start_at_the_prior_quality():
    chooser = elo((SMALL, LARGE))
    easy = chooser.choose(context(prompt=prompt(need=0.0, difficulty=0.1)), fresh(chooser), None)
    assert quality(chooser, []) == pytest.approx({"small": 0.5, "large": 0.8})
    assert easy.quality["small"] == pytest.approx(chooser.priors.of(prompt(need=0.0, difficulty=0.1))[0], abs=0.01)


def test_who_is_preferred_rises_and_the_other_falls():
    found = quality(elo(), [preferred("a", "b")] * 30)
    assert found["c"] == pytest.approx(0.6)
    assert found["a"] > 0.65
    assert found["b"] < 0.55


def test_preferences_carry_over_to_who_was_never_compared():
    found = quality(elo(), [preferred("a", "b"), preferred("b", "c")] * 30)
    assert found["a"] > found["b"] > found["c"]


def test_verdicts_on_single_answers_lead_to_their_mean():
    assert quality(elo(), [verdict("a", 1.0)] * 300 + [verdict("a", 0.0)] * 100)["a"] == pytest.approx(0.73, abs=0.03)


def test_many_games_lead_to_their_mean_too():
    games = [verdict("a", 30_000.0, weight=50_000.0), preferred("b", "c", weight=30_000.0)]
    assert quality(elo(), games)["a"] == pytest.approx(0.6, abs=0.01)


def test_a_verdict_on_a_hard_prompt_counts_for_more():
    chooser = elo()
    usual, hard = ([verdict("a", 0.5, prior=prior)] * 100 for prior in (0.6, 0.3))
    assert quality(chooser, hard)["a"] > 0.7 > 0.55 > quality(chooser, usual)["a"]


@pytest.mark.parametrize(("k", "stated", "moved"), [(8, True, 2), (32, True, 8), (32, False, 50)])
def test_the_first_game_moves_a_new_rating_by_k_at_most(k, stated, moved):
    chooser = elo([Candidate(name, quality={"default": 0.5} if stated else {}) for name in "ab"], k=k)
    rating = float(chooser.view(taught(chooser, [verdict("a", 1.0)]))[0]) * 400 / np.log(10)
    assert moved < rating < k * (1 if stated else 9)


def test_it_tries_them_all_now_and_then():
    chooser = elo(explore=0.3)
    choice = chooser.choose(context(), chooser.view(taught(chooser, [preferred("a", "b")])), Random(0))
    assert choice.shares == pytest.approx({"a": 0.8, "b": 0.1, "c": 0.1})


_games = st.lists(
    st.one_of(
        st.builds(verdict, st.sampled_from("abc"), st.floats(0, 1), st.floats(0, 1), outcomes=st.integers(0, 1)),
        st.builds(preferred, st.sampled_from("abc"), st.sampled_from("abc"), outcomes=st.integers(0, 1)),
    ),
    max_size=10,
)


@given(_games, _games, _games)
def test_it_does_not_matter_which_replica_gathers_what(first, second, third):
    chooser = elo(discount=0.9)
    one, two, three = (taught(chooser, part) for part in (first, second, third))
    d = chooser.discount
    assert same(merged(merged(one, two, d), three, d), merged(one, merged(two, three, d), d))
    assert same(merged(merged(one, two, d), three, d), taught(chooser, first + second + third))


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 1), st.floats(0.1, 1))
def test_a_correction_gives_what_telling_it_right_at_once_would_have(first, right, weight, more):
    chooser = elo()
    wrong = verdict("a", weight * first, 0.4, weight=weight)
    fix = verdict("a", more * right - weight * first, 0.4, weight=more - weight, outcomes=0)
    assert same(taught(chooser, [wrong, fix]), taught(chooser, [verdict("a", more * right, 0.4, weight=more)]))


def test_a_preference_that_is_taken_back_leaves_no_trace():
    back = preferred("a", "b", weight=-0.5, reward=-0.4, outcomes=0)
    assert quality(elo(), [preferred("a", "b"), back]) == pytest.approx(quality(elo(), []))


@settings(max_examples=40)
@given(
    st.lists(
        st.builds(
            Rewarded,
            st.sampled_from("abcx"),
            st.just(Seen()),
            st.floats(-1e6, 1e6) | st.just(np.nan),
            st.floats(-1e6, 1e6) | st.just(np.inf),
            outcomes=st.integers(0, 1),
            output_tokens=st.none(),
            over=st.none() | st.sampled_from("abcx"),
        ),
        max_size=8,
    )
)
def test_whatever_it_is_told_qualities_stay_in_bounds(games):
    found = quality(elo(), games)
    assert all(0 <= value <= 1 for value in found.values())


def test_models_come_and_go_and_the_others_keep_their_ratings():
    sums = taught(elo(), [preferred("a", "b")] * 30)
    later = elo([EQUAL[0], Candidate("new", quality={"default": 0.6})])
    found = later.choose(context(), later.view(sums), None).quality
    assert found["new"] == pytest.approx(0.6)
    assert quality(later, [preferred("a", "b")]) == quality(later, [])
