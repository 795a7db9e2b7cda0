from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.select.base import Rewarded, Seen
from pointsman.policies.select.sums import NOTHING, Sums, merged, total
from tests.support.past import asking, table, towards, two_kinds
from tests.support.select import LARGE, SMALL, context, fresh, selector

QUALITY = {"quality": 1, "cost": 0, "latency": 0}


def clusters(data: str, models: Any = (SMALL, LARGE), **given: Any) -> Any:
    return selector({"by": "clusters", "data": data, "weights": QUALITY, **given}, models)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return two_kinds(tmp_path_factory.mktemp("past") / "past.npz")


def told(arm: str, quality: float, axis: int, times: int = 1) -> Rewarded:
    return Rewarded(arm, Seen(vector=towards(axis).astype(np.float64)), float(times), quality * times, times)


def quality(chooser: Any, sums: Sums, axis: int) -> Any:
    return chooser.choose(asking(towards(axis)), chooser.view(sums), None).quality


def test_each_kind_of_prompt_has_its_model(data: str):
    chooser = clusters(data)
    for axis, best in ((0, "small"), (1, "large")):
        choice = chooser.choose(asking(towards(axis, 0.95)), fresh(chooser), None)
        assert choice.pools[0] == best
        assert choice.quality[best] == pytest.approx(0.9, abs=0.1)


def test_outcomes_of_a_kind_change_what_is_chosen_for_it(data: str):
    chooser = clusters(data)
    worse = merged(chooser.learn(told("small", 0.0, 0, 60)), chooser.learn(told("small", 0.2, 1, 60)))
    assert quality(chooser, worse, 0)["small"] < 0.3
    assert chooser.choose(asking(towards(0)), chooser.view(worse), None).pools[0] == "large"


def test_a_model_that_has_got_worse_in_one_kind_is_mistrusted_in_all(data: str):
    chooser = clusters(data)
    before, after = NOTHING, chooser.learn(told("large", 0.0, 1, 80))
    assert quality(chooser, after, 0)["large"] < quality(chooser, before, 0)["large"] - 0.05
    assert quality(chooser, after, 0)["small"] == pytest.approx(quality(chooser, before, 0)["small"])


def test_outcomes_as_expected_change_hardly_anything(data: str):
    chooser = clusters(data)
    before = [quality(chooser, NOTHING, axis) for axis in (0, 1)]
    small, large = before[0]["small"], before[1]["large"]
    same = merged(chooser.learn(told("small", small, 0, 500)), chooser.learn(told("large", large, 1, 500)))
    for axis in (0, 1):
        assert quality(chooser, same, axis) == pytest.approx(before[axis], abs=0.05)


def test_less_trust_in_the_file_learns_faster(data: str):
    found = []
    for trust in (0.0, 10.0, 100.0):
        chooser = clusters(data, trust=trust)
        found.append(quality(chooser, chooser.learn(told("small", 0.0, 0, 10)), 0)["small"])
    assert found[0] < found[1] < found[2]


rewards = st.lists(
    st.tuples(st.sampled_from(["small", "large"]), st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=12
)


@given(rewards, st.integers(0, 12))
def test_two_replicas_learn_what_one_would(data: str, rows: Any, cut: int):
    chooser = clusters(data, discount=0.9)
    deltas = [chooser.learn(told(*row)) for row in rows]
    apart = merged(total(deltas[:cut], 0.9), total(deltas[cut:], 0.9), 0.9)
    assert quality(chooser, apart, 0) == pytest.approx(quality(chooser, total(deltas, 0.9), 0))


@given(rewards, st.floats(0, 1), st.floats(0, 1))
def test_a_correction_is_as_if_it_had_been_said_at_once(data: str, rows: Any, first: float, later: float):
    chooser = clusters(data)
    before = total(chooser.learn(told(*row)) for row in rows)
    correction = told("small", 0.0, 0)._replace(weight=0.0, reward=later - first, outcomes=0)
    corrected = total([before, chooser.learn(told("small", first, 0)), chooser.learn(correction)])
    at_once = merged(before, chooser.learn(told("small", later, 0)))
    assert quality(chooser, corrected, 0) == pytest.approx(quality(chooser, at_once, 0))
    assert corrected.count == at_once.count


def test_what_it_tries_is_a_share_of_the_requests(data: str):
    chooser = clusters(data, explore=0.2)
    view, random = fresh(chooser), Random(5)
    choices = [chooser.choose(asking(towards(0)), view, random) for _ in range(400)]
    tried = [choice for choice in choices if choice.pools[0] == "large"]
    assert 20 < len(tried) < 70
    assert tried[0].propensity == pytest.approx(0.1)
    assert all(c.propensity == pytest.approx(0.9) for c in choices if c.pools[0] == "small")
    assert chooser.choose(asking(towards(0)), view, None).pools[0] == "small"


def test_outcomes_without_a_prompt_or_of_others_teach_nothing(data: str):
    chooser = clusters(data)
    assert chooser.learn(Rewarded("small", Seen(), 1.0, 1.0)) == NOTHING
    assert chooser.learn(told("stranger", 1.0, 0)) == NOTHING
    assert chooser.learn(told("small", float("nan"), 0)) == NOTHING


def test_what_was_learned_of_other_clusters_is_forgotten(data: str, tmp_path: Path):
    learned = clusters(data).learn(told("small", 0.0, 0, 50))
    other = table(
        tmp_path / "other.npz", ["small", "large"], [towards(0, 0.9), towards(1, 0.9)] * 60, [[0.9, 0.2]] * 120
    )
    chooser = clusters(other)
    assert quality(chooser, learned, 0) == quality(chooser, NOTHING, 0)


def test_without_a_prompt_it_goes_by_the_whole(data: str):
    chooser = clusters(data)
    found = chooser.choose(context(), fresh(chooser), None).quality
    assert all(0.4 < value < 0.7 for value in found.values())
