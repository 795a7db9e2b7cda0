"""What becomes of a pool's endpoints when their requests end in one way or another."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from pointsman.gateway.errors import PoolUnavailable
from pointsman.gateway.pools.endpoint import Endpoint, State
from pointsman.gateway.pools.health import LONGEST, Check, Reason, Result
from pointsman.gateway.pools.lease import Lease
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.schema.pools import PoolConfig

MakePool = Callable[..., Pool]
EJECT = {"failures": 100, "requests": 10, "for": "10s"}
"""Of those in a row there are never enough."""


def make(make_pool: MakePool, *names: str, **eject: Any) -> Pool:
    return make_pool(*names, balance="round_robin", health={"eject": EJECT | eject})


def send(pool: Pool, endpoint: Endpoint | None = None) -> Lease:
    others = [] if endpoint is None else [e for e in pool.endpoints if e is not endpoint]
    lease = pool.try_lease(exclude=others)
    assert lease is not None
    return lease


def stream(pool: Pool, endpoint: Endpoint, clock: Any, seconds: float) -> Lease:
    """One whose first token comes after `seconds`."""
    lease = send(pool, endpoint)
    clock.now += seconds
    lease.first_token()
    return lease


def streams(pool: Pool, clock: Any, *seconds: float, rounds: int = 6) -> None:
    """To each endpoint in turn; `seconds` to the first token of each."""
    for _ in range(rounds):
        clock.now += 2.0
        sent = [(wait, send(pool, e)) for e, wait in zip(pool.endpoints, seconds, strict=True) if e.up]
        for _, lease in sorted(sent, key=lambda one: one[0]):
            lease.taken = clock.now - seconds[pool.endpoints.index(lease.endpoint)]
            lease.first_token()
            lease.release(Result.OK)


def states(pool: Pool) -> list[State]:
    pool.snapshot()
    return [e.state for e in pool.endpoints]


def asked(pool: Pool, times: int = 12) -> Collection[str]:
    """Names of the endpoints that get requests, each ended before the next."""
    found = set()
    for _ in range(times):
        lease = send(pool)
        found.add(lease.endpoint.name[0])
        lease.release(Result.CANCELLED)
    return found


class TestErrorRate:
    def test_half_of_many_requests_failing_ejects(self, make_pool: MakePool) -> None:
        pool = make(make_pool, "a", "b")
        first = pool.endpoints[0]
        with capture_logs() as logs:
            for number in range(11):
                send(pool, first).release(Result.FAILED if number % 2 == 0 else Result.OK)
        assert states(pool) == [State.EJECTED, State.UP]
        assert first.ejections == {Reason.FAILURES: 0, Reason.ERROR_RATE: 1, Reason.SLOW: 0}
        assert [(log["endpoint"], log["state"], log["reason"]) for log in logs] == [
            ("a:8000", "ejected", "error rate 55% of 11 requests")
        ]

    def test_old_failures_are_forgotten(self, make_pool: MakePool, clock: Any) -> None:
        pool = make(make_pool, "a", "b")
        for _ in range(12):
            send(pool, pool.endpoints[0]).release(Result.FAILED)
            send(pool, pool.endpoints[0]).release(Result.OK)
            send(pool, pool.endpoints[0]).release(Result.OK)
            clock.now += 4
        assert states(pool) == [State.UP, State.UP]

    def test_after_its_return_it_starts_anew(self, make_pool: MakePool, clock: Any) -> None:
        pool = make(make_pool, "a", "b")
        first = pool.endpoints[0]
        for _ in range(10):
            send(pool, first).release(Result.FAILED)
        clock.now += 10
        assert states(pool) == [State.HALF_OPEN, State.UP]
        send(pool, first).release(Result.OK)
        send(pool, first).release(Result.FAILED)
        assert states(pool) == [State.UP, State.UP]

    def test_requests_from_before_say_nothing_after_its_return(self, make_pool: MakePool, clock: Any) -> None:
        pool = make(make_pool, "a", "b", failures=3)
        first = pool.endpoints[0]
        old = [send(pool, first) for _ in range(9)]
        for lease in old[:3]:
            lease.release(Result.FAILED)
        clock.now += 10
        send(pool, first).release(Result.OK)
        for lease in old[3:]:
            lease.release(Result.FAILED)
        assert states(pool) == [State.UP, State.UP]


class TestSlow:
    def test_first_tokens_far_above_the_pools_median_eject(self, make_pool: MakePool, clock: Any) -> None:
        pool = make(make_pool, "a", "b", "c")
        with capture_logs() as logs:
            streams(pool, clock, 0.2, 3.0, 0.3)
        assert states(pool) == [State.UP, State.EJECTED, State.UP]
        assert pool.endpoints[1].ejections[Reason.SLOW] == 1
        assert [log["reason"] for log in logs] == ["first token after 3 s, where 0.3 s are usual"]
        assert asked(pool) == {"a", "c"}

    @pytest.mark.parametrize(
        ("seconds", "eject"),
        [
            ((0.2, 0.9, 0.3), {}),  # not far enough
            ((0.001, 0.005, 0.001), {"slow": 1.5}),  # nobody would notice
            ((0.2, 9.0), {}),  # which of the two is the outlier?
            ((0.2, 9.0, 0.3), {"slow": 0}),
            ((0.2, 9.0, 0.3), {"max": "0%"}),
        ],
    )
    def test_but_not_always(
        self, make_pool: MakePool, clock: Any, seconds: tuple[float, ...], eject: dict[str, Any]
    ) -> None:
        pool = make(make_pool, *"abc"[: len(seconds)], **eject)
        streams(pool, clock, *seconds, rounds=20)
        assert set(states(pool)) == {State.UP}

    def test_answers_in_one_piece_take_as_long_as_they_are(self, make_pool: MakePool, clock: Any) -> None:
        pool = make(make_pool, "a", "b", "c")
        for _ in range(20):
            clock.now += 2
            for endpoint, seconds in zip(pool.endpoints, (0.2, 30.0, 0.2), strict=True):
                lease = send(pool, endpoint)
                lease.taken = clock.now - seconds
                lease.first_byte()
                lease.release(Result.OK)
        assert set(states(pool)) == {State.UP}

    def test_a_test_that_is_as_slow_keeps_it_out(self, make_pool: MakePool, clock: Any) -> None:
        pool = make(make_pool, "a", "b", "c")
        slow = pool.endpoints[1]
        streams(pool, clock, 0.2, 3.0, 0.3)
        clock.now += 10
        lease = stream(pool, slow, clock, 2.9)
        assert states(pool)[1] is State.EJECTED
        lease.release(Result.OK)
        assert states(pool)[1] is State.EJECTED
        clock.now += 20
        streams(pool, clock, 0.2, 0.2, 0.3)
        assert states(pool)[1] is State.UP

    def test_one_is_out_at_a_time_however_many_are_compared(self, make_pool: MakePool, clock: Any) -> None:
        pool = make(make_pool, *"abcdefg")
        streams(pool, clock, 0.2, 0.2, 0.2, 0.2, 5.0, 6.0, 7.0)
        assert states(pool).count(State.EJECTED) == 1
        assert states(pool)[-1] is State.EJECTED  # the worst first


class TestBusy:
    def test_it_gets_nothing_until_it_wants_to(self, make_pool: MakePool, clock: Any) -> None:
        pool = make(make_pool, "a", "b", failures=1)
        send(pool, pool.endpoints[0]).release(Result.BUSY, 7.0)
        assert states(pool) == [State.BUSY, State.UP]
        assert asked(pool) == {"b"}
        clock.now += 6.9
        assert asked(pool) == {"b"}
        clock.now += 0.1
        assert asked(pool) == {"a", "b"}

    def test_if_all_are_all_are_asked(self, make_pool: MakePool) -> None:
        pool = make(make_pool, "a", "b")
        for endpoint in pool.endpoints:
            send(pool, endpoint).release(Result.BUSY, 7.0)
        assert asked(pool) == {"a", "b"}
        assert pool.live

    def test_a_retry_may_ask_a_busy_one_rather_than_nobody(self, make_pool: MakePool) -> None:
        pool = make(make_pool, "a", "b")
        send(pool, pool.endpoints[0]).release(Result.BUSY)
        assert send(pool, pool.endpoints[0]).endpoint is pool.endpoints[0]

    def test_it_is_no_failure(self, make_pool: MakePool, clock: Any) -> None:
        pool = make(make_pool, "a", "b", failures=1, requests=1)
        for _ in range(50):
            send(pool, pool.endpoints[0]).release(Result.BUSY)
        clock.now += 60
        assert states(pool) == [State.UP, State.UP]
        assert sum(pool.endpoints[0].ejections.values()) == 0


class TestLastResort:
    """Every endpoint is out because no check was answered."""

    def silence(self, pool: Pool) -> None:
        for endpoint in pool.endpoints * 2:
            pool.checked(endpoint, Check.SILENT, "timeout")

    def test_one_request_finds_out_and_the_others_need_not_wait(self, make_pool: MakePool) -> None:
        pool = make(make_pool, "a")
        self.silence(pool)
        assert not pool.live
        test = send(pool)
        with pytest.raises(PoolUnavailable):
            pool.try_lease()
        test.first_token()
        assert pool.live
        assert asked(pool) == {"a"}

    def test_where_nothing_comes_back_it_is_tried_less_and_less(self, make_pool: MakePool, clock: Any) -> None:
        pool = make(make_pool, "a")
        self.silence(pool)
        tried = 0
        for _ in range(1000):
            clock.now += 1
            try:
                send(pool).release(Result.FAILED)
                tried += 1
            except PoolUnavailable:
                continue
        assert 1 < tried < 15
        pool.checked(pool.endpoints[0], Check.PASSED)
        assert asked(pool) == {"a"}

    def test_who_said_no_is_not_asked(self, make_pool: MakePool) -> None:
        pool = make(make_pool, "a", "b")
        for endpoint in pool.endpoints:
            pool.checked(endpoint, Check.REFUSED, "status 503")
        with pytest.raises(PoolUnavailable):
            pool.try_lease()

    def test_nor_who_is_silent_while_another_is_well(self, make_pool: MakePool) -> None:
        pool = make(make_pool, "a", "b")
        for _ in range(2):
            pool.checked(pool.endpoints[0], Check.SILENT)
        assert asked(pool) == {"b"}


# Any schedule

ACTIONS = ["send", "send", "send", "token", "ok", "fail", "busy", "cancel", "wait", "refuse", "silent", "pass"]
schedules = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 99)), max_size=150)


class Play:
    """A pool, and requests that begin and end as a schedule says."""

    def __init__(self, number: int, share: int) -> None:
        self.now = 0.0
        eject = {"failures": 2, "requests": 4, "max": f"{share}%", "for": "10s"}
        urls = [f"http://e{i}:1" for i in range(number)]
        settings = {"model": "m", "endpoints": urls, "balance": "round_robin", "health": {"eject": eject}}
        self.pool = Pool("p", PoolConfig.model_validate(settings), clock=lambda: self.now)
        self.leases: list[Lease] = []

    def step(self, action: str, choice: int) -> None:
        endpoint = self.pool.endpoints[choice % len(self.pool.endpoints)]
        results = {"ok": Result.OK, "fail": Result.FAILED, "busy": Result.BUSY, "cancel": Result.CANCELLED}
        checks = {"refuse": Check.REFUSED, "silent": Check.SILENT, "pass": Check.PASSED}
        if action == "send":
            self.send()
        elif action == "wait":
            self.now += choice / 10
        elif action in checks:
            self.pool.checked(endpoint, checks[action])
        elif self.leases:
            lease = self.leases[choice % len(self.leases)]
            if action == "token":
                lease.first_token()
            else:
                self.leases.remove(lease)
                lease.release(results[action], choice / 2)

    def send(self) -> None:
        try:
            lease = self.pool.try_lease()
        except PoolUnavailable:
            return
        assert lease is not None
        self.leases.append(lease)

    def out(self) -> int:
        return sum(state in (State.EJECTED, State.HALF_OPEN) for state in states(self.pool))


@settings(deadline=None)
@given(st.integers(1, 5), st.sampled_from([0, 10, 50, 100]), schedules)
def test_the_pool_is_never_ejected_as_a_whole(number: int, share: int, schedule: list[tuple[str, int]]) -> None:
    play = Play(number, share)
    most = 0 if share == 0 else min(number - 1, max(1, number * share // 100))
    for action, choice in schedule:
        play.step(action, choice)
        assert play.out() <= most
        down = [e for e in play.pool.endpoints if e.health.down]
        assert play.pool.live is (len(down) < number)
        if play.pool.live:
            assert send(play.pool).endpoint not in down


@settings(deadline=None)
@given(st.integers(1, 5), schedules)
def test_who_leaves_and_who_is_refused_never_count(number: int, schedule: list[tuple[str, int]]) -> None:
    play = Play(number, 100)
    for action, choice in schedule:
        if action in ("ok", "fail"):
            action = "cancel"
        if action not in ("refuse", "silent"):
            play.step(action, choice)
        assert all(e.health.phase(play.now) == "up" for e in play.pool.endpoints)


@settings(deadline=None)
@given(st.integers(1, 5), st.sampled_from([10, 50, 100]), schedules)
def test_whoever_is_well_again_is_back_in_time(number: int, share: int, schedule: list[tuple[str, int]]) -> None:
    play = Play(number, share)
    for action, choice in schedule:
        play.step(action, choice)
    while play.leases:
        play.step("cancel", 0)
    for endpoint in play.pool.endpoints:
        play.pool.checked(endpoint, Check.PASSED)
    play.now += LONGEST * 10
    assert State.EJECTED not in states(play.pool)
    for _ in range(3 * number):
        play.send()
        play.step("ok", 0)
    assert set(states(play.pool)) == {State.UP}
