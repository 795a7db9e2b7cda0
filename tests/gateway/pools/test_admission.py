from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.gateway.errors import PoolFull, PoolUnavailable
from pointsman.gateway.pools.admission import Admission
from pointsman.gateway.schema import Limits


def admission(inflight: int, queue: int, queue_timeout: str = "60s") -> Admission:
    limits = Limits.model_validate({"inflight": inflight, "queue": queue, "queue_timeout": queue_timeout})
    return Admission("small", limits)


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
    assert places.predicted_wait() == pytest.approx(8.0 / 2)


async def test_waiting_ends_with_the_timeout() -> None:
    places = admission(1, 1, "10ms")
    await places.enter()
    with pytest.raises(PoolFull, match=r"0\.01 s"):
        await places.enter()
    assert places.waiting == 0


async def test_the_advice_grows_with_the_queue_and_is_bounded() -> None:
    places = admission(1, 9)
    await places.enter()
    places.leave(held=20.0)
    await places.enter()
    tasks = [asyncio.create_task(places.enter()) for _ in range(2)]
    await settle()
    assert places.predicted_wait() == 60.0
    for task in tasks:
        task.cancel()
    await settle()
    assert places.predicted_wait() == 20.0


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

    async def client(name: int) -> None:
        await places.enter()
        inside.append(name)

    for name, (action, choice) in enumerate(schedule):
        if action == "enter":
            tasks.append(asyncio.create_task(client(name)))
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
