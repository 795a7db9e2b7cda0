from __future__ import annotations

import numpy as np

from pointsman.gateway.learning.requests import Kept, Request, Requests
from pointsman.policies.select.base import Seen
from tests.support.learning import Clock


def filled(limit: int, *names: str, clock: Clock | None = None) -> Requests:
    clock = clock or Clock()
    found = Requests(limit, 100.0, clock)
    for name in names:
        found.add(Request((None, name), "small", time=clock()))
    return found


def names(requests: Requests) -> list[str]:
    return [request.id for request in requests]


def test_the_oldest_makes_room_and_is_counted() -> None:
    it = filled(2, "a", "b", "c")
    assert names(it) == ["b", "c"]
    assert (it.dropped, it.gone) == (1, [(None, "a")])


def test_an_id_that_comes_again_is_another_request() -> None:
    it = filled(2, "a", "b", "a")
    assert names(it) == ["b", "a"]
    assert it.dropped == 0


def test_tenants_have_their_own_ids() -> None:
    it = filled(5, "a")
    it.add(Request(("team", "a"), "large"))
    assert [found.arm for key in ((None, "a"), ("team", "a")) if (found := it.get(key))] == ["small", "large"]
    assert it.get(("other", "a")) is None


def test_the_old_ones_go() -> None:
    clock = Clock()
    it = filled(5, "a", clock=clock)
    clock.now = 60.0
    it.add(Request((None, "b"), "small", time=clock()))
    clock.now = 110.0
    it.expire()
    assert names(it) == ["b"]
    assert it.dropped == 0


def test_a_lower_limit_holds_for_those_that_are_there() -> None:
    it = filled(5, "a", "b", "c")
    it.limit = 1
    it.expire()
    assert names(it) == ["c"]


def test_what_is_kept_of_a_prompt_is_small_and_close_to_it() -> None:
    vector = np.random.default_rng(0).normal(size=384)
    vector /= np.linalg.norm(vector)
    kept = Kept.of(Seen(np.arange(32.0), vector, 0.5, 7))
    assert kept.features is not None
    assert kept.vector is not None
    assert kept.features.nbytes + kept.vector.nbytes < 1000
    seen = kept.seen()
    assert seen.vector is not None
    assert float(seen.vector @ vector) > 0.999
    assert seen.prior == 0.5
