from __future__ import annotations

from random import Random

from pointsman.gateway.pools.balance.scorers import occupancy
from pointsman.gateway.pools.balance.two_choices import TwoChoices
from pointsman.gateway.pools.endpoint import Endpoint


class Constant(TwoChoices):
    scorers = ((2.0, occupancy), (0.5, lambda endpoint, now: now))


def test_scores_are_added_with_their_weights() -> None:
    assert Constant(Random(7)).cost(Endpoint("http://a:1"), 10.0) == 2.0 * 1 + 0.5 * 10


def test_every_pair_is_drawn() -> None:
    endpoints = [Endpoint(f"http://{name}:1") for name in "abcd"]
    for busy, made in enumerate(endpoints):
        made.inflight = busy
    seen = {Constant(Random(seed)).pick(endpoints, 0.0, None).name[0] for seed in range(100)}
    assert seen == {"a", "b", "c"}
