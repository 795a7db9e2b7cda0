from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.gateway.errors import DeadlineUnreachable, PoolFull, PoolUnavailable
from pointsman.gateway.pools.admission import Admission
from pointsman.gateway.pools.claim import PLAIN, Claim, Priority
from pointsman.gateway.pools.events import Denial
from pointsman.gateway.schema.pools import Limits
from tests.support.clock import virtual_time

HIGH, LOW = Claim(priority=Priority.HIGH), Claim(priority=Priority.LOW)


class Heard:
    """What a pool told."""

    def __init__(self) -> None:
        self.waits: list[tuple[Priority, float]] = []
        self.denials: list[Denial] = []

    def queued(self, pool: str, priority: Priority, seconds: float) -> None:
        self.waits.append((priority, seconds))

    def denied(self, pool: str, why: Denial) -> None:
        self.denials.append(why)

    def predicted(self, pool: str, error: float) -> None:
        raise AssertionError


def admission(inflight: int, queue: int, queue_timeout: str = "60s", heard: Heard | None = None) -> Admission:
    """On the clock of the running loop."""
    limits = Limits.model_validate({"inflight": inflight, "queue": queue, "queue_timeout": queue_timeout})
    return Admission("small", limits, lambda: asyncio.get_running_loop().time(), heard or Heard())


def enter(places: Admission, claim: Claim = PLAIN, latest: float | None = None) -> asyncio.Task[None]:
    return asyncio.create_task(places.enter(claim, latest))


def now() -> float:
    return asyncio.get_running_loop().time()


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_places_are_given_until_the_limit() -> None:
    places = admission(2, 0)
    assert places.try_enter()
    assert places.try_enter()
    assert not places.try_enter()
    places.leave()
    assert places.try_enter()


async def test_first_come_first_served() -> None:
    places, served = admission(1, 9), []

    async def client(name: int) -> None:
        await places.enter()
        served.append(name)

    await places.enter()
    tasks = [asyncio.create_task(client(name)) for name in range(4)]
    await settle()
    assert places.waiting == 4
    for _ in range(4):
        places.leave()
        await settle()
    assert served == [0, 1, 2, 3]
    await asyncio.gather(*tasks)


async def test_nobody_overtakes_the_queue() -> None:
    places = admission(1, 9)
    await places.enter()
    waiting = asyncio.create_task(places.enter())
    await settle()
    places.leave()
    assert not places.try_enter()  # the place is the waiting one's, though its task has not run yet
    await waiting


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_back() -> None:
    places = admission(2, 1)
    for _ in range(2):
        await places.enter()
    waiting = asyncio.create_task(places.enter())
    await settle()
    with pytest.raises(PoolFull) as caught:
        await places.enter()
    assert caught.value.retry_after == 60  # nothing is known yet but the queue's own limit
    for _ in range(2):
        places.leave(held=8.0)
    await waiting
    assert places.predicted_wait() == 0  # one of two places is free
    await places.enter()
    assert places.predicted_wait() == pytest.approx(8.0 / 2)


async def test_waiting_ends_with_the_timeout() -> None:
    heard = Heard()
    places = admission(1, 1, "5s", heard)
    await places.enter()
    with virtual_time():
        began = now()
        with pytest.raises(PoolFull, match="within 5 s"):
            await places.enter()
        assert now() - began == pytest.approx(5)
    assert places.waiting == 0
    assert heard.denials == ["timeout"]


async def test_the_advice_grows_with_the_queue_and_is_bounded() -> None:
    places = admission(1, 3)
    await places.enter()
    places.leave(held=20.0)
    await places.enter()
    tasks = [enter(places) for _ in range(3)]
    await settle()
    assert places.predicted_wait() == 80.0
    with pytest.raises(PoolFull) as caught:
        await places.enter()
    assert caught.value.retry_after == 60.0  # clients take more for none
    for task in tasks:
        task.cancel()
    await settle()
    assert places.overflow(PLAIN).retry_after == 20.0


async def test_nobody_is_told_to_come_back_too_early() -> None:
    places = admission(1, 9)
    places.try_enter()
    places.leave(held=3.2)
    places.try_enter()
    assert places.overflow(PLAIN).headers()["retry-after"] == "4"


async def test_the_wait_is_predicted_for_ones_own_place_in_the_queue() -> None:
    places = admission(2, 9)
    for _ in range(2):
        assert places.try_enter()
        places.leave(held=4.0)
    assert places.predicted_wait(LOW) == 0.0
    for _ in range(2):
        places.try_enter()
    for claim in (LOW, PLAIN, PLAIN):
        enter(places, claim)
    await settle()
    assert [places.predicted_wait(claim) for claim in (HIGH, PLAIN, LOW)] == [2.0, 6.0, 8.0]


async def test_nothing_is_predicted_before_anything_was_measured() -> None:
    places = admission(1, 9)
    await places.enter()
    assert places.predicted_wait() is None


async def test_a_prediction_is_no_shorter_than_what_was_waited_already() -> None:
    with virtual_time():
        places = admission(2, 9)
        for _ in range(2):
            places.try_enter()
            places.leave(held=1.0)
            places.try_enter()
        waiting = enter(places)
        await settle()
        assert places.predicted_wait() == pytest.approx(1.0)
        await asyncio.sleep(30)  # the servers hang
        assert places.predicted_wait() == pytest.approx(30.0)
        places.leave()
        await waiting


async def test_predictions_come_true() -> None:
    """Four places, two seconds each, and requests of all priorities that come at once."""
    with virtual_time():
        places, off = admission(4, 99), []

        async def client(claim: Claim) -> None:
            since, told = now(), places.predicted_wait(claim)
            await places.enter(claim)
            if told is not None:
                off.append(abs(now() - since - told))
            await asyncio.sleep(2)
            places.leave(held=2.0)

        await asyncio.gather(*(client(PLAIN) for _ in range(4)))
        await asyncio.gather(*(client(claim) for claim in [*[HIGH] * 12, *[PLAIN] * 12, *[LOW] * 12]))
    assert len(off) == 40
    assert max(off) < 2  # one turn of the places, which all come free at once


async def test_a_higher_priority_is_served_first() -> None:
    heard = Heard()
    places, served = admission(1, 9, heard=heard), []
    await places.enter()

    async def client(claim: Claim) -> None:
        await places.enter(claim)
        served.append(claim.priority)
        places.leave()

    tasks = [asyncio.create_task(client(claim)) for claim in (LOW, PLAIN, HIGH)]
    await settle()
    places.leave()
    await asyncio.gather(*tasks)
    assert served == [Priority.HIGH, Priority.NORMAL, Priority.LOW]
    assert [priority for priority, _ in heard.waits] == served


async def test_in_a_full_queue_the_newest_of_the_lowest_goes_for_a_higher_one() -> None:
    heard = Heard()
    places = admission(1, 2, heard=heard)
    await places.enter()
    low = [enter(places, LOW) for _ in range(2)]
    await settle()
    high = enter(places, HIGH)
    with pytest.raises(PoolFull, match="come first") as caught:
        await low[1]
    assert caught.value.retry_after is not None
    with pytest.raises(PoolFull):
        await places.enter(LOW)
    assert heard.denials == ["displaced", "full"]
    places.leave()
    await high
    assert not low[0].done()
    places.leave()
    await low[0]


async def test_who_is_of_no_use_later_leaves_on_time() -> None:
    with virtual_time():
        heard = Heard()
        places = admission(1, 9, "60s", heard)
        places.try_enter()
        places.leave(held=1.0)
        places.try_enter()
        began = now()
        waiting = enter(places, Claim(deadline=began + 5), latest=began + 3)
        with pytest.raises(DeadlineUnreachable) as caught:
            await waiting
        assert now() - began == pytest.approx(3)
        assert caught.value.retry_after == pytest.approx(1.0)
        assert (places.waiting, heard.denials) == (0, ["deadline"])


async def test_the_time_that_was_waited_is_told() -> None:
    heard = Heard()
    with virtual_time():
        places = admission(1, 9, heard=heard)
        await places.enter()
        waiting = enter(places, LOW)
        await asyncio.sleep(2)
        places.leave()
        await waiting
    ((priority, seconds),) = heard.waits  # who had not to wait is not among them
    assert priority is Priority.LOW
    assert seconds == pytest.approx(2)


async def test_who_is_cancelled_leaves_no_ghost() -> None:
    places = admission(1, 1)
    await places.enter()
    waiting = asyncio.create_task(places.enter())
    await settle()
    waiting.cancel()
    await settle()
    assert places.waiting == 0
    places.leave()
    assert places.inflight == 0


async def test_a_place_given_to_one_who_is_cancelled_in_the_same_turn_goes_to_the_next() -> None:
    places = admission(1, 2)
    await places.enter()
    first, second = (asyncio.create_task(places.enter()) for _ in range(2))
    await settle()
    places.leave()
    first.cancel()
    await asyncio.wait_for(second, 1)
    assert first.cancelled()
    assert (places.inflight, places.waiting) == (1, 0)


async def test_a_place_freed_after_a_cancellation_in_the_same_turn_is_not_lost() -> None:
    places = admission(1, 2)
    await places.enter()
    first, second = (asyncio.create_task(places.enter()) for _ in range(2))
    await settle()
    first.cancel()
    places.leave()
    await asyncio.wait_for(second, 1)
    assert (places.inflight, places.waiting) == (1, 0)


async def test_all_who_wait_can_be_sent_away() -> None:
    places = admission(1, 9)
    await places.enter()
    tasks = [asyncio.create_task(places.enter()) for _ in range(3)]
    await settle()
    tasks[0].cancel()
    places.refuse(lambda: PoolUnavailable("gone"))
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError, PoolUnavailable, PoolUnavailable]
    assert (places.inflight, places.waiting) == (1, 0)


async def test_a_raised_limit_admits_who_waits() -> None:
    places = admission(1, 9)
    await places.enter()
    tasks = [asyncio.create_task(places.enter()) for _ in range(2)]
    await settle()
    places.configure(Limits(inflight=3))
    await asyncio.gather(*tasks)
    assert places.inflight == 3


async def test_a_lowered_limit_takes_nothing_away() -> None:
    places = admission(3, 9)
    for _ in range(3):
        await places.enter()
    places.configure(Limits(inflight=1))
    places.leave()
    places.leave()
    assert places.inflight == 1
    assert not places.try_enter()


actions = st.lists(
    st.tuples(st.sampled_from(["enter", "leave", "cancel", "turn", "refuse"]), st.integers(0, 1000)), max_size=60
)


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(0, 4), actions)
def test_any_schedule_keeps_the_books(limit: int, queue: int, schedule: list[tuple[str, int]]) -> None:
    asyncio.run(_run(limit, queue, schedule))


async def _run(limit: int, queue: int, schedule: list[tuple[str, int]]) -> None:
    places = admission(limit, queue)
    inside: list[int] = []
    tasks: list[asyncio.Task[None]] = []

    async def client(name: int, claim: Claim) -> None:
        await places.enter(claim)
        inside.append(name)

    for name, (action, choice) in enumerate(schedule):
        if action == "enter":
            claim = Claim("ab"[choice % 2], priority=Priority(choice % 3), deadline=float(choice % 5))
            tasks.append(asyncio.create_task(client(name, claim)))
        elif action == "leave" and inside:
            inside.pop(choice % len(inside))
            places.leave()
        elif action == "cancel" and tasks:
            tasks[choice % len(tasks)].cancel()
        elif action == "refuse":
            places.refuse(lambda: PoolUnavailable("gone"))
        elif action == "turn":
            await asyncio.sleep(0)
        assert 0 <= places.inflight <= limit
        assert places.waiting <= queue
        assert len(inside) <= places.inflight
    await settle()
    assert len(inside) == places.inflight
    assert not places.waiting or places.inflight == limit
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(r, PoolFull | PoolUnavailable | asyncio.CancelledError | None) for r in results)
    for _ in inside:
        places.leave()
    assert (places.inflight, places.waiting) == (0, 0)
