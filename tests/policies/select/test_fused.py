"""Model and endpoint in one choice."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.policies.select.context import Candidate, Context, Fleet, Previous
from pointsman.policies.types import Choice
from pointsman.signals.facts import Facts, Message, PoolLoad, Route
from tests.support.select import LARGE, SMALL, context, prompt, selector


class Place(NamedTuple):
    pool: int
    ttft: float = 0.2
    tpot: float = 0.01
    inflight: float = 0.0
    used: float = 0.0


def fleet(*places: Place) -> Fleet:
    def column(name: str) -> Any:
        return np.array([getattr(place, name) for place in places], np.float64)

    pools = np.array([place.pool for place in places], np.int64)
    names = [f"e{number}" for number in range(len(places))]
    return Fleet(pools, names, column("inflight"), column("used"), column("ttft"), column("tpot"))


def told(*places: Place, **given: Any) -> Context:
    return context(fleet=lambda models, tokens: fleet(*places), **given)


def choose(asked: Context, models: Sequence[Candidate] = (SMALL, LARGE), **options: Any) -> Choice:
    return selector({"by": "fused", **options}, models).choose(asked, None, None)


ONLY_TIME = {"quality": 0, "cost": 0, "latency": 1, "load": 0}


def test_the_better_model_is_chosen_until_requests_wait_there():
    weights = {"quality": 1, "cost": 0.1, "latency": 0.2, "load": 0.1}
    idle = choose(told(Place(0), Place(1, tpot=0.02)), weights=weights)
    busy = choose(told(Place(0), Place(1, ttft=20, tpot=0.02)), weights=weights)
    assert (idle.pools, busy.pools) == (("large", "small"), ("small", "large"))
    assert (idle.endpoint, busy.endpoint) == ("e1", "e0")


def test_a_model_is_as_good_as_its_best_endpoint():
    choice = choose(told(Place(0, ttft=3), Place(1, ttft=9), Place(1, ttft=1)), weights=ONLY_TIME)
    assert (choice.pools[0], choice.endpoint) == ("large", "e2")
    assert choice.scores["large"] > choice.scores["small"]


def test_time_is_that_of_the_whole_answer():
    asked = told(Place(0, ttft=1.0, tpot=0.01), Place(1, ttft=0.1, tpot=0.02))
    assert choose(asked, weights=ONLY_TIME).pools[0] == "small"  # 256 tokens
    few = asked._replace(facts=Facts(Route.CHAT, max_tokens=10))
    assert choose(few, weights=ONLY_TIME).pools[0] == "large"


def test_of_equal_endpoints_the_one_with_the_fewest_requests():
    places = (Place(0, inflight=3), Place(0, inflight=1), Place(0, inflight=2))
    assert choose(told(*places), [SMALL]).endpoint == "e1"


def test_endpoints_that_are_all_alike_share_the_requests():
    chooser = selector({"by": "fused"}, [SMALL])
    asked, random = told(Place(0), Place(0), Place(0)), Random(1)
    assert {chooser.choose(asked, None, random).endpoint for _ in range(40)} == {"e0", "e1", "e2"}


def test_an_endpoint_of_which_nothing_is_known_is_tried_but_not_by_all():
    unknown = Place(1, ttft=np.nan, tpot=np.nan)
    quick, slow = Place(0, ttft=1, inflight=4), Place(0, ttft=4)
    cheaper = [LARGE._replace(name="a"), SMALL._replace(name="b")]
    weights = {"quality": 0, "cost": 0.01, "latency": 1, "load": 0}
    assert choose(told(quick, slow, unknown), cheaper, weights=weights).pools[0] == "b"
    assert choose(told(quick, slow, unknown._replace(inflight=2)), cheaper, weights=weights).pools[0] == "a"


def test_one_that_is_stuck_does_not_make_the_others_look_alike():
    fast, slow, stuck = Place(0, ttft=0.5), Place(1, ttft=4), Place(1, ttft=10_000)
    weights = {"quality": 0.1, "cost": 0, "latency": 0.2, "load": 0}
    assert choose(told(fast, slow, stuck), weights=weights).pools[0] == "small"


@pytest.mark.parametrize("used", [0.9, 3.0])
def test_the_fuller_endpoint_is_spared(used):
    weights = {"quality": 0, "cost": 0, "latency": 0, "load": 1}
    assert choose(told(Place(0, used=used), Place(1, used=0.4)), weights=weights).pools[0] == "large"


def test_the_load_that_a_test_assumes_counts_too():
    asked = told(Place(0), Place(1))._replace(pools=lambda name: PoolLoad(load=0.9 if name == "small" else 0.0))
    weights = {"quality": 0, "cost": 0, "latency": 0, "load": 1}
    assert choose(asked, weights=weights).pools[0] == "large"


CHEAP = {"quality": 0, "cost": 1, "latency": 0, "load": 0}
"""The small model, if nothing is asked for."""


class TestLimits:
    def test_a_model_that_would_miss_the_objective_is_passed_over(self):
        asked = told(Place(0, ttft=2.0), Place(1), first_token=1.0)
        choice = choose(asked, weights=CHEAP)
        assert choice.pools == ("large", "small")
        assert "limits" in choice.reason
        assert choose(told(Place(0, tpot=0.1), Place(1), per_token=0.05), weights=CHEAP).pools[0] == "large"

    def test_what_is_not_known_misses_nothing(self):
        asked = told(Place(0, ttft=np.nan, tpot=np.nan), Place(1), first_token=1.0, per_token=0.05)
        assert choose(asked, weights=CHEAP).pools[0] == "small"

    def test_a_model_that_costs_too_much_is_passed_over(self):
        good = {"quality": 1, "cost": 0, "latency": 0, "load": 0}
        assert choose(told(Place(0), Place(1)), weights=good).pools[0] == "large"
        assert choose(told(Place(0), Place(1), budget=0.0005), weights=good).pools[0] == "small"

    def test_a_model_that_is_not_good_enough_is_passed_over(self):
        assert choose(told(Place(0), Place(1)), weights=CHEAP, min_quality=0.7).pools[0] == "large"

    def test_the_first_token_is_given_up_before_the_budget_and_the_budget_before_quality(self):
        slow = (Place(0), Place(1, ttft=2.0))
        asked = told(*slow, first_token=1.0)
        assert choose(asked, weights=CHEAP, min_quality=0.7).pools[0] == "large"
        poor = told(*slow, budget=0.0005)
        assert choose(poor, weights=CHEAP, min_quality=0.7).pools[0] == "large"
        good = {"quality": 1, "cost": 0, "latency": 0, "load": 0}
        late = told(Place(0, ttft=2.0), Place(1), first_token=1.0, budget=0.0005)
        assert choose(late, weights=good).pools[0] == "small"

    def test_nobody_is_refused(self):
        asked = told(Place(0, ttft=9), Place(1, ttft=9), first_token=1.0, per_token=0.001, budget=1e-9)
        assert choose(asked, weights=CHEAP, min_quality=1.0).pools[0] == "small"

    def test_a_context_that_is_too_small_counts_most(self):
        tight = SMALL._replace(context=100)
        asked = told(Place(0), Place(1), budget=1e-9)
        long = asked._replace(facts=Facts(Route.CHAT, max_tokens=200))
        assert choose(long, [tight, LARGE], weights=CHEAP).pools[0] == "large"


def test_a_model_without_a_live_endpoint_comes_last():
    assert choose(told(Place(0), Place(1), down=["small"]), weights=ONLY_TIME).pools == ("large", "small")
    gone = choose(told(Place(1)))
    assert (gone.pools, gone.endpoint) == (("large", "small"), "e0")


def test_where_nothing_is_known_of_endpoints_the_model_is_chosen_alone():
    choice = choose(context(prompt=prompt(need=0.9)), weights={"quality": 1, "cost": 0.1})
    assert (choice.pools[0], choice.endpoint) == ("large", None)


def test_a_conversation_stays_unless_it_gains():
    weights = {"quality": 0, "cost": 0, "latency": 0.2, "load": 0}
    there = Previous("large", turns=6, tokens=8000)
    slightly = told(Place(0, ttft=1.0), Place(1, ttft=1.2), previous=there)
    stayed = choose(slightly, weights=weights)
    assert (stayed.pools[0], stayed.stayed) == ("large", True)
    assert "stays" in stayed.reason
    assert choose(slightly, weights=weights, stay=0).pools[0] == "small"
    far = told(Place(0, ttft=0.1), Place(1, ttft=30.0), previous=there)
    assert choose(far, weights=weights).pools[0] == "small"


def test_without_a_weight_on_quality_no_prompt_is_read():
    assert selector({"by": "fused"}).reads_prompt
    assert not selector({"by": "fused", "weights": {"quality": 0}}).reads_prompt


times = st.floats(0.01, 50)
places = st.lists(
    st.builds(Place, st.integers(0, 2), times, st.floats(0.001, 0.2), st.integers(0, 9), st.floats(0, 2)),
    min_size=1, max_size=9,
)  # fmt: skip
MIDDLE = Candidate("middle", 0.4, 1.0, {"default": 0.65})


@given(st.lists(places, min_size=1, max_size=6), st.floats(0, 1), st.floats(0, 2), st.floats(0, 2))
def test_a_larger_weight_of_quality_never_sends_fewer_requests_to_the_better_model(fleets, need, lower, more):
    def best(weight: float) -> int:
        chooser = selector({"by": "fused", "weights": {"quality": weight}}, [SMALL, MIDDLE, LARGE])
        asked = [told(*found, prompt=prompt(need=need)) for found in fleets]
        return sum(chooser.choose(one, None, None).pools[0] == "large" for one in asked)

    assert best(lower + more) >= best(lower)


@given(places, st.sampled_from([None, "small", "large"]), st.none() | times, st.none() | st.floats(1e-6, 1e-2))
def test_every_model_is_named_once_and_the_endpoint_is_the_firsts(found, previous, first_token, budget):
    held = None if previous is None else Previous(previous)
    asked = told(*found, previous=held, first_token=first_token, budget=budget)
    choice = choose(asked, [SMALL, MIDDLE, LARGE])
    assert sorted(choice.pools) == ["large", "middle", "small"]
    assert choice.endpoint is not None
    place = found[int(choice.endpoint[1:])]
    assert ["small", "middle", "large"][place.pool] == choice.pools[0]
    assert set(choice.scores) == set(choice.quality) == set(choice.pools)


def test_a_prompt_is_counted_only_once_for_all(monkeypatch):
    asked: list[int] = []
    facts = Facts(Route.CHAT, read_messages=lambda: [Message("user", "one two three four")])

    def look(models: Sequence[str], tokens: int) -> Fleet:
        asked.append(tokens)
        return fleet(Place(0), Place(1))

    choose(context(fleet=look)._replace(facts=facts))
    assert asked == [facts.prompt_tokens]
