"""Who stops a request, when, and that nothing is left behind."""

from __future__ import annotations

import asyncio

import pytest

from pointsman.gateway.errors import ClientDisconnected
from pointsman.gateway.relay.watch import ClientStalled, Limit, LimitReached, Watch
from tests.support.clock import virtual_time

LISTENING = 1.0  # seconds after which it surely listens


class Client:
    """Sends nothing more, until it leaves."""

    def __init__(self):
        self._gone = asyncio.Event()

    def leave(self):
        self._gone.set()

    async def __call__(self):
        await self._gone.wait()
        return {"type": "http.disconnect"}


@pytest.fixture
def client():
    return Client()


@pytest.fixture(autouse=True)
async def nobody_goes_on_listening():
    with virtual_time():
        yield
        for _ in range(3):
            await asyncio.sleep(0)
        assert [task for task in asyncio.all_tasks() if "Watch" in repr(task)] == []


async def forever():
    await asyncio.Event().wait()


async def under_watch(client, work):
    with Watch(client) as watch:
        watch.total(60)
        await work(watch)


async def test_work_that_ends_in_time_is_left_alone(client):
    async def work(watch):
        watch.limit(Limit.FIRST_TOKEN, 5)
        await asyncio.sleep(4)

    await under_watch(client, work)


async def test_a_client_that_leaves_ends_the_work(client):
    async def work(watch):
        await asyncio.sleep(LISTENING)
        client.leave()
        await forever()

    with pytest.raises(ClientDisconnected):
        await under_watch(client, work)


async def test_a_client_that_left_before_anyone_listened_is_noticed(client):
    client.leave()
    with pytest.raises(ClientDisconnected):
        await under_watch(client, lambda _: forever())


@pytest.mark.parametrize("limit", [Limit.FIRST_TOKEN, Limit.IDLE])
async def test_a_phase_has_a_limit(client, limit):
    async def work(watch):
        watch.limit(limit, 5)
        await forever()

    with pytest.raises(LimitReached, match=rf"5 s.*timeouts\.{limit}") as caught:
        await under_watch(client, work)
    assert caught.value.limit is limit
    assert not caught.value.overall


@pytest.mark.parametrize(
    ("limit", "says"), [(Limit.TOTAL, "timeouts.total"), (Limit.DEADLINE, "x-pointsman-deadline-ms")]
)
async def test_the_whole_has_a_limit(client, limit, says):
    async def work(watch):
        watch.limit(Limit.FIRST_TOKEN, 10)
        watch.total(5, limit)
        await forever()

    with pytest.raises(LimitReached, match=says) as caught:
        await under_watch(client, work)
    assert caught.value.overall


async def test_time_that_is_up_already_ends_the_first_wait(client):
    async def work(watch):
        watch.total(-1, Limit.DEADLINE)
        await forever()

    with pytest.raises(LimitReached):
        await under_watch(client, work)


async def test_what_arrives_starts_the_limit_anew(client):
    async def work(watch):
        watch.limit(Limit.IDLE, 5)
        for _ in range(10):
            await asyncio.sleep(4)
            watch.touch()

    await under_watch(client, work)


async def test_a_slow_client_does_not_use_up_the_upstreams_time(client):
    async def work(watch):
        watch.limit(Limit.IDLE, 5)
        watch.hold()
        await asyncio.sleep(30)

    await under_watch(client, work)


async def test_after_a_slow_client_the_upstream_is_limited_again(client):
    """The timer that came while it was held must not have been the last."""

    async def work(watch):
        watch.limit(Limit.IDLE, 5)
        watch.hold()
        await asyncio.sleep(30)
        watch.touch()
        await forever()

    with pytest.raises(LimitReached) as caught:
        await under_watch(client, work)
    assert caught.value.limit is Limit.IDLE


async def test_the_time_that_a_client_took_is_not_the_upstreams_fault(client):
    async def work(watch):
        watch.hold()
        await forever()

    with pytest.raises(ClientStalled, match="did not read"):
        await under_watch(client, work)


async def test_a_guarded_part_may_fail_and_another_follow(client):
    async def work(watch):
        for _ in range(2):
            watch.limit(Limit.FIRST_TOKEN, 5)
            with pytest.raises(LimitReached), watch.guard():
                await forever()
        watch.unlimit()
        await asyncio.sleep(20)

    await under_watch(client, work)


async def test_the_total_holds_between_the_parts(client):
    async def work(watch):
        watch.limit(Limit.FIRST_TOKEN, 5)
        with pytest.raises(LimitReached), watch.guard():
            await forever()
        watch.unlimit()
        await forever()

    with pytest.raises(LimitReached) as caught:
        await under_watch(client, work)
    assert caught.value.limit is Limit.TOTAL


async def test_a_client_that_leaves_as_a_limit_passes_gets_no_other_attempt(client):
    """Both come in one turn of the loop; nobody would listen any more during the attempt that followed."""

    async def work(watch):
        await asyncio.sleep(LISTENING)
        asyncio.get_running_loop().call_soon(client.leave)  # heard of between the limit and its effect
        watch.limit(Limit.FIRST_TOKEN, -1)
        with watch.guard():
            await forever()

    with pytest.raises(ClientDisconnected):
        await under_watch(client, work)


async def test_a_client_that_leaves_as_the_work_ends_counts_as_gone(client):
    async def work(watch):
        done = asyncio.get_running_loop().create_future()
        await asyncio.sleep(LISTENING)
        client.leave()
        await asyncio.sleep(0)
        done.set_result(None)  # the listener hears of the leaving in the turn in which this is noticed
        await done
        await forever()

    with pytest.raises(ClientDisconnected):
        await under_watch(client, work)


async def test_a_client_may_leave_with_the_end_of_its_answer(client):
    async def last():
        client.leave()
        await asyncio.sleep(5)

    async def work(watch):
        await asyncio.sleep(LISTENING)
        await watch.finish(last())
        await asyncio.sleep(5)

    await under_watch(client, work)


async def test_after_its_end_an_answer_has_all_the_time(client):
    async def work(watch):
        await watch.finish(asyncio.sleep(0))
        await asyncio.sleep(100)

    await under_watch(client, work)


async def test_a_client_that_does_not_take_the_end_is_given_up(client):
    with pytest.raises(ClientStalled):
        await under_watch(client, lambda watch: watch.finish(forever()))


@pytest.mark.parametrize("leaves", [False, True])
async def test_a_cancellation_from_elsewhere_passes_through(client, leaves):
    """Whoever cancels a task must see it end as cancelled, whatever else happened in the same turn."""

    async def work(watch):
        with watch.guard():
            await forever()

    task = asyncio.create_task(under_watch(client, work))
    await asyncio.sleep(LISTENING)
    if leaves:
        client.leave()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_cancellation_from_elsewhere_is_not_taken_for_a_limits():
    watches = []

    async def work(watch):
        watches.append(watch)
        await forever()

    task = asyncio.create_task(under_watch(Client(), work))
    await asyncio.sleep(0)
    watches[0].total(-1)
    asyncio.get_running_loop().call_soon(task.cancel)
    await asyncio.wait([task])
    assert task.cancelled()


async def test_timeouts_inside_and_limits_do_not_mix(client):
    async def shorter(watch):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await forever()

    async def longer(watch):
        async with asyncio.timeout(600):
            await forever()

    await under_watch(client, shorter)
    with pytest.raises(LimitReached):
        await under_watch(client, longer)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


class _Hasty(asyncio.SelectorEventLoop):
    """As uvloop, which counts in whole milliseconds: a timer may be early."""

    def call_at(self, when, callback, *args, context=None):
        return super().call_at(when - 0.002, callback, *args, context=context)


def test_a_timer_that_is_early_does_not_miss_the_client_that_leaves():
    async def leave():
        await asyncio.sleep(0.1)
        return {"type": "http.disconnect"}

    async def wait():
        with pytest.raises(ClientDisconnected), Watch(leave) as watch:
            watch.total(30)
            watch.limit(Limit.IDLE, 20)
            await asyncio.sleep(10)

    with asyncio.Runner(loop_factory=_Hasty) as runner:
        runner.run(asyncio.wait_for(wait(), 5))
