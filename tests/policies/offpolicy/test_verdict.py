from __future__ import annotations

import numpy as np
import pytest

from pointsman.policies.offpolicy.estimate import Chances, measure
from pointsman.policies.offpolicy.logged import Outcomes, overlap
from pointsman.policies.offpolicy.verdict import Answer, Verdict, judge
from pointsman.policies.select.context import Doubles
from tests.policies.offpolicy.worlds import World, shares, world


@pytest.fixture(scope="module")
def made() -> World:
    return world(np.random.default_rng(0), 2000)


def verdict(made: World, values: Doubles | None = None, less_is_better: bool = False) -> Verdict:
    outcomes = Outcomes(made.rewards if values is None else values, less_is_better)
    chances = Chances.of(np.random.default_rng(1), len(made.rewards), 100)
    found = measure(made.logged, made.target, outcomes, chances)
    return judge(overlap(made.logged, made.target), found, less_is_better)


def always(made: World, arm: int) -> World:
    target = np.zeros_like(made.target)
    target[:, arm] = 1.0
    return made._replace(target=target)


def test_better_worse_or_the_same(made: World) -> None:
    assert verdict(made) == (Answer.BETTER, "")
    assert verdict(made, less_is_better=True).answer is Answer.WORSE
    assert verdict(made, -made.rewards).answer is Answer.WORSE
    assert verdict(made._replace(target=made.logged.shares)).answer is Answer.SAME


def test_it_cannot_tell_without_outcomes(made: World) -> None:
    assert verdict(made, np.full(2000, np.nan)) == (Answer.CANNOT_TELL, "no outcomes are known")


def test_it_cannot_tell_without_propensities(made: World) -> None:
    blind = made._replace(logged=made.logged._replace(propensity=np.full(2000, np.nan)))
    assert verdict(blind) == (Answer.CANNOT_TELL, "the log has no propensities")
    few = np.where(np.arange(2000) < 1200, np.nan, made.logged.propensity)
    assert verdict(made._replace(logged=made.logged._replace(propensity=few))).why == "most requests have no propensity"


def test_it_cannot_tell_what_a_log_without_chance_never_tried(made: World) -> None:
    logged = made.logged
    certain = logged._replace(propensity=np.ones(2000), shares=np.full((2000, 3), np.nan))
    missed = float((1 - made.target[np.arange(2000), logged.action]).mean())
    assert verdict(made._replace(logged=certain)) == (
        Answer.CANNOT_TELL, f"the log left nothing to chance, and {missed:.0%} of its choices were never tried",
    )  # fmt: skip
    same = np.zeros_like(made.target)
    same[np.arange(2000), logged.action] = 1.0
    assert verdict(made._replace(logged=certain, target=same)).answer is Answer.SAME


def test_it_cannot_tell_of_a_model_that_is_never_chosen(made: World) -> None:
    others = made.logged.action != 2
    logged = made.logged._replace(shares=np.full((2000, 3), np.nan)).only(others)
    without = always(World(logged, made.target[others], made.rewards[others], 0.0, 0.0), 2)
    assert verdict(without).why == "100% of its choices were never or hardly tried"


def test_it_cannot_tell_from_a_few_heavy_samples() -> None:
    rare = world(np.random.default_rng(0), 2000, explore=0.003)
    assert verdict(rare).why.startswith("too few effective samples: ")


def test_it_cannot_tell_from_propensities_that_are_wrong(made: World) -> None:
    wrong = made.logged._replace(propensity=made.logged.propensity * 0.6)
    assert verdict(made._replace(logged=wrong)).why.startswith("the propensities do not add up: weights are 1.")


def test_what_is_known_of_the_overlap(made: World) -> None:
    found = overlap(made.logged, made.target)
    assert (found.choices, found.unknown, found.deterministic, found.outside) == (2000, 0, False, 0.0)
    assert found.mean == pytest.approx(1.0, abs=4 * found.error)
    assert found.most == pytest.approx(
        float((made.target / made.logged.shares)[np.arange(2000), made.logged.action].max())
    )
    hardly = made.logged._replace(shares=shares(made.target, 0.00003))
    assert overlap(hardly, made.target).outside > 0.04
