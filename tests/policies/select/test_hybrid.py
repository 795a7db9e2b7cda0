from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pointsman.policies.select.base import Rewarded, Seen
from pointsman.policies.select.context import Candidate
from pointsman.policies.select.sums import Sums, merged, total
from tests.support.encoders import LetterEncoder
from tests.support.past import asking, towards, two_kinds
from tests.support.select import LARGE, SMALL, context, fresh, prompt, selector

QUALITY = {"quality": 1, "cost": 0, "latency": 0}
THREE = tuple(Candidate(name, quality={"default": q}) for name, q in (("a", 0.6), ("b", 0.5), ("c", 0.2)))
LEARNERS = ({"by": "linucb", "share": 3}, {"by": "elo", "share": 1})


def hybrid(*parts: dict[str, Any], models: Any = THREE, **given: Any) -> Any:
    return selector({"by": "hybrid", "parts": list(parts), "weights": QUALITY, "stay": 0, **given}, models)


def told(arm: str, quality: float, **given: Any) -> Rewarded:
    return Rewarded(arm, Seen(features=prompt().features), reward=quality, **given)


def taught(chooser: Any, outcomes: list[Rewarded]) -> Sums:
    return total((chooser.learn(outcome) for outcome in outcomes), chooser.discount)


def test_each_parts_scores_count_from_its_worst_to_its_best_by_its_share():
    chooser = hybrid({"by": "elo", "share": 3}, {"by": "weighted", "share": 1, "weights": {"b": 10, "c": 90}})
    choice = chooser.choose(context(), fresh(chooser), None)
    assert choice.scores == pytest.approx({"a": 0.75, "b": 0.75 * 0.75 + 0.25 / 9, "c": 0.25})
    assert choice.pools == ("a", "b", "c")
    assert choice.quality == pytest.approx({"a": 0.6, "b": 0.5, "c": 0.2})


def test_the_larger_share_decides():
    for share, best in ((1, "a"), (9, "c")):
        chooser = hybrid({"by": "elo", "share": 3}, {"by": "weighted", "share": share, "weights": {"c": 1}})
        assert chooser.choose(context(), fresh(chooser), None).pools[0] == best


def test_a_part_that_tells_no_model_apart_says_nothing():
    alike = {"by": "weighted", "share": 50, "weights": dict.fromkeys("abc", 1)}
    chooser = hybrid({"by": "elo", "share": 1}, alike)
    assert chooser.choose(context(), fresh(chooser), None).pools == ("a", "b", "c")


def test_outcomes_teach_every_part():
    chooser = hybrid(*LEARNERS)
    view = chooser.view(taught(chooser, [told("c", 1.0), told("a", 0.0)] * 100))
    choice = chooser.choose(context(prompt=prompt()), view, None)
    assert choice.pools == ("c", "b", "a")
    for part in ("linucb", "elo"):
        alone = selector({"by": part, "weights": QUALITY, "stay": 0}, THREE)
        learned = alone.view(taught(alone, [told("c", 1.0), told("a", 0.0)] * 100))
        assert alone.choose(context(prompt=prompt()), learned, None).pools[0] == "c"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1), st.integers(0, 1)), max_size=8))
def test_each_part_forgets_as_it_would_alone(outcomes):
    parts = ({"by": "linucb", "discount": 0.9}, {"by": "elo", "discount": 0.5})
    chooser = hybrid(*({**part, "share": 1} for part in parts))
    rewarded = [told(arm, quality, outcomes=count) for arm, quality, count in outcomes]
    together = chooser.view(taught(chooser, rewarded))
    for number, part in enumerate(parts):
        alone = selector({**part, "weights": QUALITY}, THREE)
        view = alone.view(taught(alone, rewarded))
        here = context(prompt=prompt())
        assert chooser.estimate(here, together).mean is not None
        assert alone.estimate(here, together[number]).mean == pytest.approx(alone.estimate(here, view).mean)


@given(*[st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), max_size=5)] * 2)
def test_replicas_may_gather_apart(first, second):
    chooser = hybrid(*LEARNERS)
    one, two = ([told(*outcome) for outcome in part] for part in (first, second))
    apart = merged(taught(chooser, one), taught(chooser, two), chooser.discount)
    whole = taught(chooser, one + two)
    assert apart.count == whole.count
    assert all(apart.arrays[key] == pytest.approx(array) for key, array in whole.arrays.items())


def test_weights_hold_for_parts_without_their_own():
    cheap = {"quality": 0, "cost": 1, "latency": 0}
    models = (SMALL, LARGE)
    for own, best in (({}, "small"), ({"weights": QUALITY}, "large")):
        parts = ({"by": "elo", "share": 1, **own}, {"by": "linucb", "share": 1, **own})
        chooser = hybrid(*parts, models=models, weights=cheap)
        assert chooser.choose(context(prompt=prompt()), fresh(chooser), None).pools[0] == best


def test_it_explores_among_models_with_a_live_endpoint():
    chooser = hybrid(*LEARNERS, explore=0.2)
    choice = chooser.choose(context(down=["b"]), fresh(chooser), Random(0))
    assert choice.shares == pytest.approx({"a": 0.9, "b": 0.0, "c": 0.1})


def test_a_part_may_have_been_fitted(tmp_path):
    data = two_kinds(tmp_path / "past.npz")
    parts = ({"by": "knn", "data": data, "share": 5}, {"by": "elo", "share": 1})
    chooser = hybrid(*parts, models=(SMALL, LARGE))
    for axis, best in ((0, "small"), (1, "large")):
        assert chooser.choose(asking(towards(axis, 0.95)), fresh(chooser), None).pools[0] == best


def test_it_learns_only_if_a_part_does(tmp_path):
    data = two_kinds(tmp_path / "past.npz")
    parts = ({"by": "knn", "data": data, "share": 1}, {"by": "weighted", "share": 1, "weights": {"small": 1}})
    assert not hybrid(*parts, models=(SMALL, LARGE)).learns
    assert hybrid(*LEARNERS).learns


def test_every_part_is_prepared():
    other = LetterEncoder()
    other.name = "other"
    chooser = hybrid(*LEARNERS)
    chooser.prepare(LetterEncoder())
    sums = taught(chooser, [told("c", 1.0)] * 50)
    before = chooser.view(sums)[0].weights
    chooser.prepare(other)
    assert abs(before).max() > 0 == abs(chooser.view(sums)[0].weights).max()


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [{"by": "elo", "share": 1}],
        [{"by": "elo", "share": 1}, {"by": "elo", "share": 2}],
        [{"by": "elo", "share": 1}, {"by": "linucb"}],
        [{"by": "elo", "share": 1}, {"by": "linucb", "share": 0}],
        [{"by": "elo", "share": 1}, {"by": "linucb", "share": 1, "k": 3}],
        [{"by": "elo", "share": 1}, {"by": "static", "share": 1}],
        [{"by": "elo", "share": 1}, {"by": "hybrid", "share": 1, "parts": list(LEARNERS)}],
    ],
)
def test_parts_that_make_no_sense_are_refused(parts):
    with pytest.raises(ValidationError):
        hybrid(*parts)
