from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.policies.offpolicy.estimate import Chances, Estimate, Measured, measure
from pointsman.policies.offpolicy.logged import Logged, Outcomes
from pointsman.policies.select.context import Doubles
from tests.policies.offpolicy.worlds import ARMS, World, world

Counts = st.lists(st.integers(1, 20), min_size=3, max_size=3)
Unit = st.floats(0, 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def measured(made: World, outcomes: Doubles | None = None, resamples: int = 50, clip: float | None = None) -> Measured:
    values = made.rewards if outcomes is None else outcomes
    chances = Chances.of(rng(), len(values), resamples)
    found = measure(made.logged, made.target, Outcomes(values), chances, clip)
    assert found is not None
    return found


def even(counts: list[int], qualities: list[float]) -> tuple[Logged, Doubles]:
    """Requests without differences, each arm chosen as often as its probability says."""
    action = np.repeat(np.arange(len(counts)), counts)
    shares = np.tile(np.array(counts) / sum(counts), (len(action), 1))
    logged = Logged(ARMS, action, shares[0][action], shares, np.zeros((len(action), 1)))
    return logged, np.array(qualities)[action]


@settings(deadline=None, max_examples=50)
@given(Counts, st.lists(Unit, min_size=3, max_size=3), st.lists(st.floats(0.01, 1), min_size=3, max_size=3))
def test_each_arm_counts_as_often_as_the_target_would_choose_it(
    counts: list[int], qualities: list[float], target: list[float]
) -> None:
    logged, rewards = even(counts, qualities)
    wanted = np.array(target) / sum(target)
    found = measure(logged, np.tile(wanted, (len(rewards), 1)), Outcomes(rewards), Chances.of(rng(), len(rewards), 2))
    assert found is not None
    truth = pytest.approx(float(wanted @ qualities), abs=1e-9)
    assert found.ips.value == truth
    assert found.snips.value == truth
    assert found.outside == 0


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.floats(0.1, 10), st.floats(-5, 5))
def test_units_do_not_matter(seed: int, factor: float, shift: float) -> None:
    made = world(rng(seed), 80)
    found, other = measured(made), measured(made, factor * made.rewards + shift)
    assert other.dr.value == pytest.approx(factor * found.dr.value + shift)
    assert other.snips.value == pytest.approx(factor * found.snips.value + shift)
    assert other.difference.value == pytest.approx(factor * found.difference.value, abs=1e-9)
    assert other.effective == pytest.approx(found.effective)


def test_the_same_policy_makes_no_difference() -> None:
    made = world(rng(), 500)
    found = measured(made._replace(target=made.logged.shares))
    assert found.ips.value == found.snips.value == found.logged.value == pytest.approx(float(made.rewards.mean()))
    assert found.effective == pytest.approx(500)
    assert found.difference.low < 0 < found.difference.high
    certain = made.logged._replace(propensity=np.ones(500), shares=np.full((500, 3), np.nan))
    rewards = np.where(rng().random(500) < 0.3, made.rewards, np.nan)
    target = np.eye(3)[made.logged.action]
    assert measured(World(certain, target, rewards, 0, 0)).difference == pytest.approx((0, 0, 0), abs=1e-12)


def told(estimate: Estimate, truth: float) -> tuple[float, bool]:
    return estimate.value - truth, estimate.low <= truth <= estimate.high


def test_estimates_are_right_on_average_and_intervals_about_as_often_as_they_say() -> None:
    errors: dict[str, list[float]] = {}
    covered: dict[str, list[bool]] = {}
    for seed in range(80):
        made = world(rng(seed), 400)
        found = measured(made, resamples=150)
        truths = {"logged": made.worth, "ips": made.truth, "snips": made.truth, "dr": made.truth}
        for name, truth in {**truths, "difference": made.truth - made.worth}.items():
            error, inside = told(getattr(found, name), truth)
            errors.setdefault(name, []).append(error)
            covered.setdefault(name, []).append(inside)
    for name, each in errors.items():
        assert abs(np.mean(each)) < 3 * np.std(each) / np.sqrt(len(each)), name
        assert 0.86 <= np.mean(covered[name]) <= 1, name
    assert np.std(errors["dr"]) < 0.5 * np.std(errors["ips"])  # a model that fits takes the noise of the weights


def test_outcomes_that_are_missing_are_not_zero_though_one_arm_has_more_of_them() -> None:
    found = []
    for seed in range(40):
        made = world(rng(seed), 600)
        coverage = np.array([0.9, 0.5, 0.2])[made.logged.action]
        rewards = np.where(rng(seed + 1000).random(600) < coverage, made.rewards, np.nan)
        seen = measured(made, rewards, resamples=2)
        found.append([seen.logged.value - made.worth, seen.snips.value - made.truth, seen.dr.value - made.truth])
        assert seen.known == np.isfinite(rewards).sum()
    errors = np.array(found)
    assert (np.abs(errors.mean(axis=0)) < 3 * errors.std(axis=0) / np.sqrt(len(errors)) + 0.005).all()


def test_without_outcomes_there_is_nothing_to_measure() -> None:
    made = world(rng(), 50)
    chances = Chances.of(rng(), 50, 2)
    assert measure(made.logged, made.target, Outcomes(np.full(50, np.nan)), chances) is None
    unknown = made.logged._replace(propensity=np.full(50, np.nan))
    assert measure(unknown, made.target, Outcomes(made.rewards), chances) is None


def test_an_arm_whose_outcomes_are_never_known_is_out_of_sight() -> None:
    made = world(rng(), 300)
    large = ARMS.index("large")
    rewards = np.where(made.logged.action == large, np.nan, made.rewards)
    assert measured(made, rewards).outside == pytest.approx(float(made.target[:, large].mean()))


def test_a_bound_on_the_weights_leaves_less_noise() -> None:
    made = world(rng(), 500, explore=0.03)
    free, bound = measured(made), measured(made, clip=5)
    assert bound.ips.high - bound.ips.low < free.ips.high - free.ips.low
    assert bound.ips.value < free.ips.value + 1e-9
    assert bound.effective == free.effective


def test_the_same_seed_says_the_same() -> None:
    made = world(rng(), 100)
    assert measured(made) == measured(made)
