from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.cache.worth import FORGET, REST, Worth


def counted(lookups: int, hits: int, looking: float = 0.002, saving: float = 0.2, made: int = 1) -> Worth:
    worth = Worth()
    for _ in range(made):
        worth.stored(saving)
    for number in range(lookups):
        worth.looked(looking)
        if number < hits:
            worth.hit(saving, 0.001)
    return worth


def test_it_pays_from_the_share_of_hits_at_which_a_lookup_is_earned_back() -> None:
    assert counted(2000, 100).verdict().needed == pytest.approx(0.01)
    assert counted(2000, 100).verdict().pays == "yes"
    assert counted(2000, 1).verdict().pays == "no"
    assert counted(2000, 20).verdict().pays == "unknown"


def test_a_slow_lookup_needs_more_hits() -> None:
    """The published break-even: 15 % at 30 ms of a remote search before a model that takes 200 ms."""
    assert counted(2000, 200, looking=0.030).verdict().needed == pytest.approx(0.15)
    assert counted(2000, 200, looking=0.030).verdict().pays == "no"


def test_few_lookups_say_nothing() -> None:
    assert Worth().verdict().pays == "unknown"
    assert counted(20, 0).verdict().pays == "unknown"
    assert counted(20, 0, made=0).verdict().needed is None


@given(st.integers(1, 500), st.integers(0, 500))
def test_the_rate_lies_in_its_interval(lookups: int, hits: int) -> None:
    verdict = counted(lookups, min(hits, lookups)).verdict()
    assert 0.0 <= verdict.low <= verdict.rate <= verdict.high <= 1.0


def test_what_does_not_pay_is_off_and_looked_at_again_later() -> None:
    worth = counted(2000, 0)
    assert worth.is_off(100.0)
    assert worth.is_off(99.0 + REST)
    assert not worth.is_off(100.0 + REST)
    assert worth.verdict().pays == "unknown"


def test_what_pays_stays_on() -> None:
    assert not counted(2000, 100).is_off(0.0)


def test_older_traffic_counts_less() -> None:
    worth = counted(FORGET, FORGET // 2)
    for _ in range(5 * FORGET):
        worth.looked(0.002)
    assert worth.verdict().rate < 0.05
