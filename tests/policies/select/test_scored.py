from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.select.context import Previous
from pointsman.policies.select.scored import Estimates, Scored, ScoredOptions, draw, mixed
from pointsman.policies.select.utility import Weights
from tests.support.select import LARGE, SMALL, context, prompt

QUALITY = Weights(quality=1, cost=0, latency=0)


class FixedOptions(ScoredOptions):
    by: Literal["fixed"] = "fixed"


class Fixed(Scored[FixedOptions]):
    Options = FixedOptions
    explore = 0.0

    def estimate(self, context: Any, view: Any) -> Estimates:
        return Estimates(np.array(view))

    def shares(self, utility: Any, estimates: Estimates) -> Any:
        return mixed(super().shares(utility, estimates), self.explore, np.ones(len(utility)))


def choose(*quality: float, random: Random | None = None, weights: Weights = QUALITY, stay: float = 1.0, **asked: Any):
    return Fixed(FixedOptions(weights=weights, stay=stay), [SMALL, LARGE]).choose(context(**asked), quality, random)


def test_the_highest_utility_is_asked_first():
    choice = choose(0.4, 0.9)
    assert choice.pools == ("large", "small")
    assert choice.scores == pytest.approx({"small": 0.4, "large": 0.9})
    assert choice.quality == choice.scores
    assert choice.reason == "large has the highest utility, 0.900 (quality 0.90)"
    assert choose(0.4, 0.9, weights=Weights(quality=1, cost=1, latency=0)).pools == ("small", "large")


def test_how_much_the_prompt_needs_the_strong_model_is_told():
    assert choose(0.4, 0.9, prompt=prompt(need=0.7)).strong == 0.7
    assert choose(0.4, 0.9).strong is None


def test_who_is_down_is_asked_last():
    choice = choose(0.4, 0.9, down=["large"])
    assert choice.pools == ("small", "large")
    assert choose(0.4, 0.9, down=["large", "small"]).pools == ("large", "small")


def test_a_conversation_stays_unless_the_gain_is_worth_it():
    before = Previous("small", turns=6, tokens=6000)
    stayed = choose(0.80, 0.85, previous=before)
    assert (stayed.pools[0], stayed.stayed) == ("small", True)
    assert stayed.reason == "the conversation stays with small: a switch would cost more than it gains"
    moved = choose(0.5, 0.85, previous=before)
    assert (moved.pools[0], moved.stayed) == ("large", False)
    assert choose(0.80, 0.85, previous=before, stay=0.0).pools[0] == "large"
    assert choose(0.1, 0.85, previous=before._replace(tool_loop=True)).pools[0] == "small"
    assert choose(0.1, 0.85, previous=before._replace(tool_loop=True), down=["small"]).pools[0] == "large"


def test_what_is_drawn_to_learn_says_so_and_with_which_probability():
    Fixed.explore = 0.5
    try:
        drawn = [choose(0.4, 0.9, random=Random(seed)) for seed in range(400)]
        assert choose(0.4, 0.9).propensity == 0.75
    finally:
        Fixed.explore = 0.0
    assert Counter(c.pools[0] for c in drawn)["small"] == pytest.approx(100, abs=30)
    tried = next(c for c in drawn if c.pools[0] == "small")
    assert tried.propensity == 0.25
    assert tried.reason == "small is tried to learn more of it"


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=6), st.floats(0, 0.999))
def test_each_is_drawn_with_its_share(weights, point):
    shares = np.array(weights) / sum(weights)

    class Fixed(Random):
        def random(self) -> float:
            return point

    place = draw(shares, Fixed())
    before = shares[:place].sum()
    assert before - 1e-9 <= point <= before + shares[place] + 1e-9
