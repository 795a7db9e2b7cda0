from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.select.context import Candidate, Previous
from pointsman.policies.select.sums import NOTHING, Sums, merged
from pointsman.policies.select.threshold import BINS
from pointsman.signals import fitted
from pointsman.signals.encoder.encoding import Encoding
from pointsman.signals.encoder.heads import Head
from tests.support.select import LARGE, SMALL, context, fresh, prompt, selector

MIDDLE = Candidate("middle", 0.5, 1.0, {"default": 0.6})


def threshold(models: Any = (SMALL, LARGE), **given: Any) -> Any:
    return selector({"by": "threshold", **given}, models)


def served(chooser: Any, needs: Any) -> tuple[Sums, list[str]]:
    """What was learned of prompts of these needs, and where each went."""
    sums, pools = NOTHING, []
    for need in needs:
        asked = context(prompt=prompt(need=need))
        choice = chooser.choose(asked, chooser.view(sums), None)
        sums = merged(sums, chooser.observe(asked, choice), chooser.discount)
        pools.append(choice.pools[0])
    return sums, pools


def test_the_prompts_that_need_it_most_go_to_the_strong_model():
    chooser = threshold(threshold=0.55)
    for need, pool in ((0.54, "small"), (0.56, "large")):
        choice = chooser.choose(context(prompt=prompt(need=need)), fresh(chooser), None)
        assert choice.pools[0] == pool
        assert choice.strong == need
        assert choice.scores[pool] == max(choice.scores.values())


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("mean", [0.2, 0.6])
def test_the_share_is_kept_whatever_the_traffic_is(share: float, mean: float):
    chooser = threshold(strong_share=share)
    needs = np.clip(np.random.default_rng(1).normal(mean, 0.07, 3000), 0, 1)
    _, pools = served(chooser, needs)
    assert np.mean([pool == "large" for pool in pools[1000:]]) == pytest.approx(share, abs=0.04)


def test_before_any_request_the_share_is_that_of_usual_traffic():
    least, half, most = (fresh(threshold(strong_share=share)) for share in (0.1, 0.5, 0.9))
    assert 0 < least < 1
    assert least > half > most


@pytest.mark.parametrize(("share", "pool"), [(0.0, "small"), (1.0, "large")])
def test_none_and_all(share: float, pool: str):
    chooser = threshold(strong_share=share)
    assert set(served(chooser, [0.0, 0.3, 1.0])[1]) == {pool}


def test_it_follows_traffic_that_changes():
    chooser = threshold(strong_share=0.5, discount=0.99)
    before, _ = served(chooser, [0.2, 0.22] * 300)
    sums = before
    for need in [0.8, 0.82] * 300:
        asked = context(prompt=prompt(need=need))
        sums = merged(sums, chooser.observe(asked, chooser.choose(asked, chooser.view(sums), None)), 0.99)
    assert chooser.view(before) < 0.4
    assert chooser.view(sums) > 0.7


@pytest.mark.parametrize("cost", ["40%", 0.4])
def test_the_cost_is_kept(cost: Any):
    chooser = threshold(cost=cost)
    random = np.random.default_rng(2)
    sums, spent, at_strong = NOTHING, [], []
    for need in random.uniform(0, 1, 1500):
        asked = context("word " * int(20 + 400 * need), prompt=prompt(need=need))  # what needs more is longer
        choice = chooser.choose(asked, chooser.view(sums), None)
        counted = chooser.observe(asked, choice)
        sums = merged(sums, counted, chooser.discount)
        weak, strong = counted.arrays["scores"][1:].sum(1)
        spent.append(strong if choice.pools[0] == "large" else weak)
        at_strong.append(strong)
    wanted = 0.4 * np.mean(at_strong[500:]) if cost == "40%" else 0.4 / 1000
    assert np.mean(spent[500:]) == pytest.approx(wanted, rel=0.1)


needs = st.lists(st.floats(0, 1), max_size=12)


@given(needs, needs)
def test_two_replicas_learn_what_one_would(first: Any, second: Any):
    chooser = threshold(strong_share=0.3, discount=0.9)

    def told(found: Any) -> Sums:
        sums = NOTHING
        for need in found:
            asked = context(prompt=prompt(need=need))
            sums = merged(sums, chooser.observe(asked, chooser.choose(asked, 0.5, None)), chooser.discount)
        return sums

    joined = merged(told(first), told(second), chooser.discount)
    assert chooser.view(joined) == pytest.approx(chooser.view(told([*first, *second])))


@given(needs, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_never_raises_the_threshold(found: Any, one: float, other: float):
    views = []
    for share in sorted((one, other)):
        chooser = threshold(strong_share=share)
        views.append(chooser.view(served(chooser, found)[0]))
    assert views[0] >= views[1]


def test_of_several_models_the_best_and_the_cheapest_are_meant():
    chooser = threshold((MIDDLE, LARGE, SMALL), threshold=0.5)
    assert chooser.choose(context(prompt=prompt(need=0.6)), 0.5, None).pools == ("large", "small", "middle")
    assert chooser.choose(context(prompt=prompt(need=0.4)), 0.5, None).pools == ("small", "large", "middle")


def test_a_model_without_endpoints_comes_last():
    chooser = threshold((MIDDLE, LARGE, SMALL), threshold=0.5)
    choice = chooser.choose(context(prompt=prompt(need=0.9), down=["large"]), 0.5, None)
    assert choice.pools == ("small", "middle", "large")
    assert "no live endpoint" in choice.reason


def test_of_a_prompt_that_nobody_could_read_the_cheap_model_is_asked():
    chooser = threshold(strong_share=0.9)
    choice = chooser.choose(context(), fresh(chooser), None)
    assert choice.pools[0] == "small"
    assert choice.strong is None
    assert chooser.observe(context(), choice) == NOTHING


def test_a_conversation_stays_where_the_score_is_near_the_threshold():
    chooser, previous = threshold(threshold=0.5), Previous("large", turns=6, tokens=9000)
    near = chooser.choose(context(prompt=prompt(need=0.47), previous=previous), 0.5, None)
    assert near.pools[0] == "large"
    assert near.stayed
    far = chooser.choose(context(prompt=prompt(need=0.1), previous=previous), 0.5, None)
    assert far.pools[0] == "small"
    free = threshold(threshold=0.5, stay=0.0)
    assert free.choose(context(prompt=prompt(need=0.47), previous=previous), 0.5, None).pools[0] == "small"


class Known:
    """Only what a file of a fitted score asks of an encoder."""

    name, dimension, together = "known", 4, 1

    def encode(self, passages: Any) -> list[Encoding]:
        vector = np.array([1, 0, 0, 0], np.float32)
        return [Encoding(vector, vector, np.zeros(0, np.int32)) for _ in passages]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "need.npz"
    head = Head(("need",), np.array([[0, 4, -4, 0]], np.float32), np.zeros(1), np.zeros((8, 1), np.float16))
    fitted.save(path, head, Known())  # type: ignore[arg-type]
    return path


def test_a_fitted_score_replaces_the_shipped_one(file: Path):
    chooser = threshold(data=str(file), strong_share=0.5)
    chooser.prepare(Known())
    for axis, pool in ((1, "large"), (2, "small")):
        vector = np.eye(4, dtype=np.float32)[axis]
        encoding = Encoding(vector, np.zeros(9, np.float32), np.zeros(0, np.int32))
        read = prompt(need=0.99)._replace(vector=vector, encoding=encoding)
        choice = chooser.choose(context(prompt=read), fresh(chooser), None)
        assert choice.pools[0] == pool
        assert choice.strong != 0.99


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "one of"),
        ({"strong_share": 0.3, "threshold": 0.5}, "one of"),
        ({"strong_share": 1.5}, "less than or equal to 1"),
        ({"cost": "much"}, "cost"),
        ({"data": "/nowhere.npz", "strong_share": 0.3}, "cannot be read"),
    ],
)
def test_options_that_do_not_fit(given: Any, told: str):
    with pytest.raises(ValueError, match=told):
        threshold(**given)


def test_one_model_is_no_choice():
    with pytest.raises(ValueError, match="list both"):
        threshold((SMALL,), threshold=0.5)


def test_a_cost_without_prices_cannot_be_kept():
    with pytest.raises(ValueError, match="needs prices"):
        threshold((Candidate("a"), Candidate("b")), cost="40%")


def test_what_is_kept_is_bounded():
    chooser = threshold(strong_share=0.5)
    sums, _ = served(chooser, np.linspace(0, 1, 200))
    assert {key: array.shape for key, array in sums.arrays.items()} == {"scores": (3, BINS)}
