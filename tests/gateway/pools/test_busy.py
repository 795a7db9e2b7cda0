from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.pools.busy import FREE, LONGEST, Busy, refused, took


def test_what_the_endpoint_says_counts_up_to_a_bound() -> None:
    assert refused(FREE, 100.0, 7.0).until == 107
    assert refused(FREE, 100.0, 0.2).until == 100.2
    assert refused(FREE, 100.0, 3600.0).until == 100 + LONGEST


def test_without_a_word_it_is_a_second_and_doubles_until_it_takes_one() -> None:
    busy, now, pauses = FREE, 0.0, []
    for _ in range(8):
        busy = refused(busy, now, None)
        pauses.append(busy.until - now)
        now = busy.until
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert refused(took(busy, now), now, None).until == now + 1


def test_zero_is_no_word() -> None:
    assert refused(FREE, 5.0, 0.0) == refused(FREE, 5.0, None)


def test_refusals_of_requests_sent_together_count_once() -> None:
    first = refused(FREE, 0.0, None)
    assert refused(first, 0.9, None) == first


def test_a_later_word_may_lengthen_the_pause_never_shorten_it() -> None:
    first = refused(FREE, 0.0, 5.0)
    assert refused(first, 1.0, 1.0).until == 5
    assert refused(first, 1.0, 9.0).until == 10


def test_a_good_answer_within_the_pause_does_not_end_it() -> None:
    busy = refused(FREE, 0.0, 5.0)
    assert took(busy, 4.9) == busy
    assert took(busy, 5.0) == FREE


@given(st.lists(st.tuples(st.floats(0, 40), st.none() | st.floats(-10, 1e9), st.booleans())))
def test_it_always_ends(events: list[tuple[float, float | None, bool]]) -> None:
    busy, now = FREE, 0.0
    for wait, retry_after, good in events:
        now += wait
        busy: Busy = took(busy, now) if good else refused(busy, now, retry_after)
        assert busy.until <= now + LONGEST
