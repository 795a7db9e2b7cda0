from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pointsman.gateway.pools.claim import Claim
from pointsman.gateway.pools.lease import Lease, Result
from pointsman.gateway.pools.pool import Pool
from pointsman.policies.select.context import Measure

MakePool = Callable[..., Pool]


def serve(
    pool: Pool, clock: Any, tokens: int = 100, *, ttft: float = 0.5, tpot: float = 0.01, stream: bool = True
) -> None:
    lease = pool.try_lease(Claim(tokens=50))
    assert isinstance(lease, Lease)
    clock.now += ttft
    if stream:
        lease.first_token()
    clock.now += tpot * (tokens - 1)
    if not stream:
        lease.first_byte()
    lease.spoke(tokens)
    lease.release(Result.OK)


def test_a_pool_learns_how_long_its_answers_are_and_take(make_pool: MakePool, clock: Any) -> None:
    pool = make_pool("a", "b")
    assert pool.forecast() == (None, None, None, pool.forecast().quantile)
    for _ in range(30):
        serve(pool, clock)
    assert pool.forecast()[:3] == pytest.approx((100, 0.5, 0.01))


def test_what_is_stated_is_believed_until_answers_show_it(make_pool: MakePool, clock: Any) -> None:
    pool = make_pool("a", speed={"ttft": "200ms", "tpot": "20ms"})
    assert pool.forecast()[:3] == (None, 0.2, 0.02)
    serve(pool, clock)
    assert pool.forecast()[:3] == pytest.approx((100, 0.5, 0.01))


def test_answers_in_one_piece_count_the_wait_with_their_tokens(make_pool: MakePool, clock: Any) -> None:
    pool = make_pool("a")
    serve(pool, clock, 101, ttft=1.01, tpot=0.0, stream=False)
    found = pool.forecast()
    assert (found.ttft, found.tpot) == (0.0, pytest.approx(0.01))


def test_short_answers_say_nothing_of_the_time_for_a_token(make_pool: MakePool, clock: Any) -> None:
    pool = make_pool("a")
    serve(pool, clock, 2, tpot=5.0)
    assert (pool.forecast().output_tokens, pool.forecast().tpot) == (2, None)


def test_quantiles_of_the_last_answers(make_pool: MakePool, clock: Any) -> None:
    pool = make_pool("a")
    for number in range(40):
        assert (pool.forecast().quantile(Measure.TTFT, 0.5) is None) == (number < 20)
        serve(pool, clock, ttft=1.0 if number % 4 else 3.0)
    quantile = pool.forecast().quantile
    assert quantile(Measure.TTFT, 0.5) == pytest.approx(1.0)
    assert quantile(Measure.TTFT, 0.95) == pytest.approx(3.0)
    assert quantile(Measure.TPOT, 0.5) == pytest.approx(0.01)
    assert quantile(Measure.TOTAL, 0.95) == pytest.approx(3.99)


def test_it_follows_when_answers_get_longer(make_pool: MakePool, clock: Any) -> None:
    pool = make_pool("a")
    for tokens in [100] * 100 + [400] * 100:
        serve(pool, clock, tokens)
    assert pool.forecast().output_tokens == pytest.approx(400, rel=0.15)


def test_a_reload_changes_what_is_stated_and_keeps_what_was_learned(
    make_pool: MakePool, make_config: Any, clock: Any
) -> None:
    pool = make_pool("a")
    pool.forecast()
    pool.reconfigure(make_config("a", speed={"tpot": "30ms"}))
    assert pool.forecast().tpot == 0.03
    serve(pool, clock)
    pool.reconfigure(make_config("a", speed={"tpot": "50ms"}))
    assert pool.forecast().tpot == pytest.approx(0.01)
