from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.pools.outlier import Recent, Results, pace


class TestResults:
    def test_are_those_of_the_window(self) -> None:
        recent = Recent(10.0)
        for second in range(100):
            recent.ended(second, failed=second % 2 == 0)
        assert recent.results(99) == Results(10, 5)
        assert recent.results(104) == Results(5, 2)
        assert recent.results(200) == Results(0, 0)

    @given(st.floats(1, 3600), st.lists(st.tuples(st.floats(0, 900), st.booleans()), max_size=60))
    def test_lie_between_a_window_less_a_tenth_and_a_window(
        self, window: float, events: list[tuple[float, bool]]
    ) -> None:
        recent, now, all_of_them = Recent(window), 0.0, []
        for wait, failed in events:
            now += wait
            recent.ended(now, failed=failed)
            all_of_them.append((now, failed))
            found = recent.results(now)
            surely = [f for at, f in all_of_them if at > now - 0.899 * window]
            maybe = [f for at, f in all_of_them if at > now - 1.001 * window]
            assert len(surely) <= found.requests <= len(maybe)
            assert sum(surely) <= found.failed <= sum(maybe)

    def test_of_none_the_rate_is_zero(self) -> None:
        assert Results().rate == 0
        assert Results(4, 1).rate == 0.25


class TestFirstTokens:
    def test_the_median_counts(self) -> None:
        recent = Recent(30.0)
        for second, seconds in enumerate((0.1, 9.0, 0.2, 0.3, 0.2)):
            recent.began(2.0 * second, seconds)
        assert recent.first_token(8.0) == 0.2

    def test_a_few_tell_nothing(self) -> None:
        recent = Recent(30.0)
        for second in range(4):
            recent.began(2.0 * second, 1.0)
        assert recent.first_token(6.0) is None

    def test_old_ones_do_not_count(self) -> None:
        recent = Recent(30.0)
        for second in range(5):
            recent.began(2.0 * second, 1.0)
        assert recent.first_token(29.0) == 1.0
        assert recent.first_token(31.0) is None

    def test_a_hiccup_in_heavy_traffic_is_not_the_usual(self) -> None:
        recent = Recent(30.0)
        for tick in range(3000):
            recent.began(tick / 100, 5.0 if 2700 <= tick < 3000 else 0.1)  # the last 3 s of 30
        assert recent.first_token(30.0) == 0.1


def test_memory_is_bounded_whatever_comes() -> None:
    recent = Recent(30.0)
    for tick in range(200):
        recent.ended(tick * 0.7, failed=True)
        recent.began(tick * 0.7, 0.5)
    size = len(pickle.dumps(recent))
    for tick in range(200, 20_000):
        recent.ended(tick * 0.7, failed=True)
        recent.began(tick * 0.7, 0.5)
    assert len(pickle.dumps(recent)) < 1.1 * size


def test_what_is_forgotten_is_gone() -> None:
    recent = Recent(30.0)
    for second in range(9):
        recent.ended(second, failed=True)
        recent.began(2.0 * second, 1.0)
    recent.forget()
    assert (recent.results(18.0), recent.first_token(18.0)) == (Results(), None)


@pytest.mark.parametrize(
    ("firsts", "ratio", "limit"),
    [
        ([0.4, 0.5, 0.6], 5.0, 2.5),
        ([0.4, 0.5, 60.0], 5.0, 2.5),  # the outlier does not move the median
        ([0.001, 0.001, 0.005], 5.0, 0.501),  # what nobody would notice is no trouble
        ([0.4, 60.0], 5.0, None),  # of two nobody knows which
        ([0.4, 0.5, 60.0], 0.0, None),
        ([], 5.0, None),
    ],
)
def test_from_when_on_a_first_token_is_far_above_the_usual(
    firsts: list[float], ratio: float, limit: float | None
) -> None:
    found = pace(firsts, ratio)
    assert (found and found.limit) == (None if limit is None else pytest.approx(limit))
