from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway import overload
from pointsman.gateway.overload import LEAST, LONGEST_WAIT, REST, TICK, TURN, Gate, Pace
from tests.support.clock import virtual_time

turns = st.lists(st.tuples(st.floats(0, 10, allow_nan=False), st.integers(1, 1000)), max_size=200)


def paced(cost: float) -> Pace:
    pace = Pace()
    for _ in range(200):
        pace.turned(cost, 1)
    return pace


@given(turns)
def test_whatever_happens_some_may_start_and_some_may_wait(measured: list[tuple[float, int]]) -> None:
    pace = Pace()
    for seconds, started in measured:
        pace.turned(seconds, started)
    assert pace.in_turn >= LEAST
    assert pace.in_tick >= LEAST
    assert pace.room >= LEAST


@given(turns)
def test_what_may_start_and_wait_is_no_more_work_than_said(measured: list[tuple[float, int]]) -> None:
    pace = Pace()
    for seconds, started in measured:
        pace.turned(seconds, started)
    assert pace.in_turn * pace.cost <= TURN or pace.in_turn == LEAST
    assert pace.room * pace.cost <= LONGEST_WAIT or pace.room == LEAST


@pytest.mark.parametrize("cost", [20e-6, 130e-6, 5e-3, 1.0])
def test_it_learns_what_a_request_costs(cost: float) -> None:
    assert paced(cost).cost == pytest.approx(cost, rel=0.01)


def test_one_long_turn_says_little() -> None:
    pace = paced(100e-6)
    room = pace.room
    pace.turned(30.0, 1)
    assert pace.room > room / 2
    for _ in range(50):
        pace.turned(100e-6, 1)
    assert pace.room == pytest.approx(room, rel=0.02)


class Requests:
    """Each tells when it starts, in turns of the loop."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.started: list[int] = []
        self.refused: list[int] = []

    def come(self, count: int) -> None:
        for number in range(count):
            if self._gate.tokens > 0:
                self._gate.tokens -= 1
                self.started.append(number)
            elif not self._gate.wait(lambda number=number: self.started.append(number)):  # type: ignore[misc]
                self.refused.append(number)


async def test_those_that_wait_start_in_order_and_a_few_in_each_turn() -> None:
    gate = Gate(lambda late: None)
    requests = Requests(gate)
    requests.come(gate.tokens + 3 * gate.pace.in_turn)
    assert not requests.refused
    seen = [len(requests.started)]
    while len(requests.started) < seen[0] + 3 * 25:
        before = gate.pace.in_turn
        await asyncio.sleep(0)
        assert len(requests.started) - seen[-1] <= max(before, gate.pace.in_turn)
        seen.append(len(requests.started))
    assert len(set(seen)) > 3
    assert requests.started == sorted(requests.started)
    gate.close()


async def test_who_finds_no_room_is_refused_until_there_is_some() -> None:
    gate = Gate(lambda late: None)
    gate.pace = paced(1.0)
    gate.tokens = 0
    requests = Requests(gate)
    refusing = [gate.refusing]
    requests.come(LEAST + 3)
    assert len(requests.refused) == 3
    refusing.append(gate.refusing)
    await asyncio.sleep(0)  # the turn in which those that waited start
    assert len(requests.started) == LEAST
    refusing.append(gate.refusing)
    assert refusing == [False, True, False]
    assert gate.wait(lambda: None)
    gate.close()


async def test_a_rush_is_over_with_its_last_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "thread_time", time.monotonic)
    with virtual_time():
        gate = Gate(lambda late: None)
        requests = Requests(gate)
        requests.come(10_000)
        assert requests.refused
        await asyncio.sleep(1.0)
        assert len(requests.started) + len(requests.refused) == 10_000
        assert gate.tokens == gate.pace.in_tick
        assert not gate.refusing
        gate.close()


async def test_connections_rest_and_then_come_back_a_few_at_a_time() -> None:
    with virtual_time():
        gate = Gate(lambda late: None)
        loop = asyncio.get_running_loop()
        began = loop.time()
        back: list[tuple[float, int]] = []
        for number in range(1000):
            gate.rest(lambda number=number: back.append((loop.time() - began, number)))  # type: ignore[misc]
        await asyncio.sleep(2 * REST)
        assert [number for _, number in back] == list(range(1000))
        assert back[0][0] >= REST
        assert back[-1][0] > back[0][0] + TICK  # not all in the same turn
        gate.close()


async def test_it_looks_at_the_clock_often_only_while_requests_come() -> None:
    with virtual_time():
        seen: list[float] = []
        gate = Gate(seen.append)
        await asyncio.sleep(overload._IDLE_AFTER * TICK)
        seen.clear()
        await asyncio.sleep(1.0)
        idle = len(seen)
        seen.clear()
        for _ in range(100):
            gate.tokens -= 1
            await asyncio.sleep(TICK)
        assert idle <= 12
        assert len(seen) >= 80
        assert max(seen) == pytest.approx(0, abs=1e-6)
        gate.close()


async def test_it_tells_how_late_the_loop_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with virtual_time():
        seen: list[float] = []
        gate = Gate(seen.append)
        loop = asyncio.get_running_loop()
        now = loop.time
        loop.call_later(TICK / 2, lambda: monkeypatch.setattr(loop, "time", lambda: now() + 0.3))  # somebody hogs it
        await asyncio.sleep(5 * TICK)
        assert max(seen) == pytest.approx(0.3, abs=TICK)
        gate.close()
        monkeypatch.undo()
