"""Worlds whose truth is known: how often a served answer is wrong there."""

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.cache.calibrated import STRAIGHT, Calibration
from pointsman.cache.interval import interval
from pointsman.cache.pooled import UNKNOWN, fit
from pointsman.cache.verify import ENTRIES, EXPLORED, OWN, Verifier

ENTRIES_OF_WORLD = 300
LOOKUPS = 6000
ERROR = 0.02

Truth = Callable[[int, float, float], float]
"""Entry, similarity and how far the world has gone, 0 to 1 → the chance that the entry's answer is right."""


class Run(NamedTuple):
    hits: int
    wrong: int
    late: float  # share of hits in the second half
    verifier: Verifier

    @property
    def rate(self) -> float:
        return self.wrong / max(self.hits, 1)

    def slack(self) -> float:
        """Two and a half standard deviations of as many hits that keep the bound exactly."""
        return 2.5 * sqrt(ERROR * (1 - ERROR) / max(self.hits, 1))


def logistic(odds: float) -> float:
    return 1 / (1 + np.exp(-odds))


def run(truth: Truth, seed: int = 1, error: float = ERROR, delay: int = 0, grows: bool = False) -> Run:
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(1, ENTRIES_OF_WORLD + 1) ** 0.9
    entries = random.choice(ENTRIES_OF_WORLD, LOOKUPS, p=weights / weights.sum())
    if grows:
        reach = np.arange(1, LOOKUPS + 1) / LOOKUPS * ENTRIES_OF_WORLD
        entries = (random.random(LOOKUPS) * reach).astype(int)
    similarities = np.clip(1 - np.abs(random.normal(0, 0.1, LOOKUPS)), 0.7, 1)
    lots, draws = random.random(LOOKUPS), random.random(LOOKUPS)
    verifier, hits, wrong, late, waiting = Verifier(error), 0, 0, 0, []
    for step in range(LOOKUPS):
        entry, similarity = int(entries[step]), float(similarities[step])
        correct = bool(lots[step] < truth(entry, similarity, step / LOOKUPS))
        found = verifier.consider(str(entry), similarity, float(draws[step]))
        if found.serve:
            hits += 1
            wrong += not correct
            late += step >= LOOKUPS // 2
        else:
            waiting.append((found, correct))
        if len(waiting) > delay:
            verifier.learn(*waiting.pop(0))
    return Run(hits, wrong, late / (LOOKUPS / 2), verifier)


def spread(seed: int = 7) -> np.ndarray:
    """A threshold for each entry."""
    return np.random.default_rng(seed).normal(0.85, 0.05, ENTRIES_OF_WORLD)


def one_curve(entry: int, similarity: float, gone: float) -> float:
    return logistic(40 * (similarity - 0.85))


def own_curves(entry: int, similarity: float, gone: float) -> float:
    return logistic(60 * (similarity - spread_of[entry]))


def nearly_all(entry: int, similarity: float, gone: float) -> float:
    return 0.995


def two_kinds(entry: int, similarity: float, gone: float) -> float:
    return 0.3 if entry % 3 == 0 else 0.998


def chance(entry: int, similarity: float, gone: float) -> float:
    return 0.5


def by_entry(entry: int, similarity: float, gone: float) -> float:
    return odd_of[entry]


def backwards(entry: int, similarity: float, gone: float) -> float:
    return logistic(-40 * (similarity - 0.9))


def worse(entry: int, similarity: float, gone: float) -> float:
    return logistic(60 * (similarity - spread_of[entry] - (0.06 if gone > 0.5 else 0.0)))


spread_of = spread()
odd_of = np.random.default_rng(8).beta(0.5, 0.5, ENTRIES_OF_WORLD)


@pytest.mark.parametrize("truth", [one_curve, own_curves, nearly_all, two_kinds])
def test_the_bound_holds_and_there_are_hits(truth):
    found = run(truth)
    assert found.rate <= ERROR + found.slack()
    assert found.late > 0.4


@pytest.mark.parametrize("truth", [chance, by_entry, backwards])
def test_where_similarity_says_nothing_hardly_anything_is_served(truth):
    found = run(truth)
    assert found.wrong / LOOKUPS <= 0.005
    assert found.wrong <= 3 + found.hits * (ERROR + found.slack())


def test_a_world_that_gets_worse_costs_little():
    found = run(worse)
    assert found.rate <= 2 * ERROR
    assert found.late > 0.1


def test_entries_that_come_later_need_no_observations_of_their_own():
    found = run(own_curves, grows=True)
    assert found.rate <= ERROR + found.slack()
    assert found.late > 0.5


def test_labels_may_come_late():
    found = run(own_curves, delay=200)
    assert found.rate <= ERROR + found.slack()
    assert found.late > 0.4


def test_a_looser_bound_has_more_hits():
    tight, loose = run(own_curves, error=0.005), run(own_curves, error=0.05)
    assert tight.hits < loose.hits
    assert tight.rate < loose.rate <= 0.05


def test_the_estimate_holds_the_truth():
    found = run(one_curve)
    estimate = found.verifier.estimate()
    assert estimate.labels > 50
    assert estimate.low <= found.rate <= estimate.high
    assert estimate.high - estimate.low < 0.1


def test_nothing_is_served_before_anything_is_known():
    verifier = Verifier(0.1)
    found = verifier.consider("a", 1.0, 0.999)
    assert (found.serve, found.hit, found.explore) == (False, False, 1.0)
    assert verifier.estimate() == (None, 0.0, 1.0, 0)


def test_some_hits_are_explored_for_ever():
    verifier = run(nearly_all).verifier
    found = verifier.consider("1", 0.95, EXPLORED / 2)
    assert (found.hit, found.serve) == (True, False)
    assert found.explore >= EXPLORED
    assert verifier.consider("1", 0.95, 0.9).serve


def test_it_stops_when_hits_turn_out_wrong_and_goes_on_when_that_is_over():
    verifier = run(nearly_all).verifier
    stopped = False
    for step in range(40):  # labels against which the curve has no time to be fitted
        found = verifier.consider(f"new {step}", 0.95, 0.0)
        verifier._fit_at = verifier.observed + 10
        verifier.learn(found, False)
        stopped = stopped or verifier.stopped
    assert stopped
    assert not verifier.consider("2", 0.99, 0.999).serve


def test_what_somebody_says_of_an_entry_counts_for_it():
    verifier = run(own_curves).verifier
    fresh = verifier.consider("new", 0.95, 0.9)
    for _ in range(4):
        verifier.learn(fresh, False)
    assert verifier.consider("new", 0.95, 0.9).wrong > 3 * fresh.wrong
    other = verifier.consider("other", 0.95, 0.9)
    assert other.wrong < verifier.consider("new", 0.95, 0.9).wrong


def test_what_is_kept_is_bounded():
    verifier = Verifier(ERROR)
    verifier._fit_at = 10**9
    for step in range(ENTRIES + 10):
        verifier.observe(str(step), 0.9, True)
    for _ in range(OWN + 10):
        verifier.observe("same", 0.9, True)
    assert len(verifier._entries) == ENTRIES
    assert len(verifier._entries["same"].seen) == OWN


observations = st.lists(st.tuples(st.floats(-1, 1), st.booleans(), st.integers(0, 5)), max_size=40)


@settings(max_examples=50)
@given(observations, st.floats(-1, 1), st.floats(-1, 1))
def test_curves_are_curves_whatever_was_observed(seen, near, far):
    similarity = np.array([one[0] for one in seen], float)
    correct = np.array([one[1] for one in seen], bool)
    entry = np.array([one[2] for one in seen], np.intp)
    curve = fit(similarity, correct, entry, 6) if seen else UNKNOWN
    own = curve.own([one[:2] for one in seen])
    assert own.variance > 0
    assert 0 <= curve.wrong(near, own) <= 1


def test_all_right_and_all_wrong_are_told_apart_and_never_certain():
    similarity, entry = np.linspace(0.8, 1, 20), np.arange(20, dtype=np.intp) % 4
    right, wrong = (fit(similarity, np.full(20, truth), entry, 4) for truth in (True, False))
    assert 0 < right.wrong(0.95, right.own(())) < 0.3
    assert 0.7 < wrong.wrong(0.95, wrong.own(())) < 1


def test_chances_are_set_right_by_what_came_of_them():
    random = np.random.default_rng(3)
    guesses = [(0.01, bool(happened)) for happened in random.random(800) < 0.06]
    set_right = Calibration.of(guesses)
    assert 0.03 < set_right.right(0.01) < 0.09
    assert set_right.right(0.001) < set_right.right(0.01) < set_right.right(0.1)
    assert STRAIGHT.right(0.2) == pytest.approx(0.2)
    assert Calibration.of([]) == STRAIGHT


@given(st.floats(0, 1), st.integers(1, 10_000))
def test_intervals_hold_their_rate(rate, of):
    low, high = interval(rate, of)
    assert 0 <= low <= rate
    assert rate <= high <= 1
