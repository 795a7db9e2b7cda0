from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.pools.claim import Claim, Priority
from pointsman.gateway.pools.queue import Ticket, WaitQueue, cost

HIGH, NORMAL, LOW = Priority
WEIGHTS = {"a": 1.0, "b": 3.0, "c": 0.5}


def claim(tenant: str = "a", priority: Priority = NORMAL, deadline: float | None = None, tokens: int = 0) -> Claim:
    return Claim(tenant, WEIGHTS.get(tenant, 1.0), priority, deadline, tokens)


def filled(claims: Sequence[Claim], limit: int = 1000) -> WaitQueue[int]:
    queue: WaitQueue[int] = WaitQueue(limit)
    for number, each in enumerate(claims):
        queue.push(each, number)
    return queue


def drained(queue: WaitQueue[int]) -> list[Ticket[int]]:
    return [queue.pop() for _ in range(len(queue))]


def served(claims: Sequence[Claim]) -> list[int]:
    return [ticket.item for ticket in drained(filled(claims))]


claims = st.builds(
    claim,
    st.sampled_from("abc"),
    st.sampled_from(Priority),
    st.none() | st.integers(0, 5).map(float),
    st.integers(0, 5000),
)


def test_who_came_first_goes_first() -> None:
    assert served([claim()] * 4) == [0, 1, 2, 3]


def test_a_higher_priority_goes_first_whoever_asks() -> None:
    order = [claim("a", LOW), claim("b", NORMAL), claim("a", HIGH, deadline=9), claim("c", HIGH)]
    assert set(served(order)[:2]) == {2, 3}
    assert served(order)[2:] == [1, 0]


def test_of_one_tenant_the_earliest_deadline_goes_first() -> None:
    assert served([claim(), claim(deadline=9), claim(deadline=3), claim(), claim(deadline=3)]) == [2, 4, 1, 0, 3]


def test_no_tenant_gains_by_its_deadlines() -> None:
    order = [claim("a", deadline=1.0)] * 4 + [claim("d")] * 4
    assert Counter(order[n].tenant for n in served(order)[:4]) == {"a": 2, "d": 2}


def test_tenants_share_by_weight() -> None:
    first = served([claim("a")] * 40 + [claim("b")] * 40)[:40]
    assert sum(number >= 40 for number in first) == 30


def test_long_prompts_take_more_of_a_share() -> None:
    first = served([claim("a", tokens=3 * 1024)] * 40 + [claim("d")] * 40)[:40]
    assert sum(number >= 40 for number in first) == 32  # four short ones for each long one


def test_who_waited_for_nothing_has_saved_up_nothing() -> None:
    queue = filled([claim("a")] * 20)
    for _ in range(10):
        queue.pop()
    for number in range(10):
        queue.push(claim("d"), 100 + number)
    assert Counter(t.claim.tenant for t in drained(queue)[:10]) == {"a": 5, "d": 5}


def test_a_tenant_that_stops_and_comes_back_has_not_lost_what_it_owes() -> None:
    queue = filled([claim("a", tokens=9 * 1024), *[claim("d")] * 30])
    assert queue.pop().claim.tenant == "a"  # ten requests' worth in advance
    queue.push(claim("a"), 99)
    assert [t.claim.tenant for t in drained(queue)[:9]] == ["d"] * 9


class TestAFullQueue:
    def test_refuses_equals(self) -> None:
        queue = filled([claim()] * 2, limit=2)
        assert queue.push(claim(), 9) is None
        assert queue.push(claim(priority=LOW), 9) is None
        assert len(queue) == 2

    def test_gives_up_its_newest_of_the_lowest_priority_for_a_higher_one(self) -> None:
        queue = filled([claim(priority=LOW), claim(), claim(priority=LOW), claim()], limit=4)
        pushed = [queue.push(claim(priority=HIGH), number) for number in (10, 11, 12)]
        assert [p and p[1] and p[1].item for p in pushed] == [2, 0, 3]
        assert [t.item for t in drained(queue)] == [10, 11, 12, 1]

    def test_is_not_one_tenants_alone(self) -> None:
        queue = filled([claim("a")] * 8, limit=8)
        displaced = []
        for number in range(8):
            if pushed := queue.push(claim("b"), 100 + number):
                assert pushed[1] is not None
                displaced.append(pushed[1].item)
        assert displaced == [7, 6, 5, 4, 3, 2]  # three places for each one of the other's
        assert queue.push(claim("a"), 200) is None

    def test_without_room_for_anybody_takes_nobody(self) -> None:
        assert filled([], limit=0).push(claim(priority=HIGH), 0) is None

    def test_keeps_whom_it_has_when_the_limit_falls(self) -> None:
        queue = filled([claim()] * 4)
        queue.limit = 2
        assert queue.push(claim(), 9) is None
        assert len(drained(queue)) == 4


def test_an_empty_queue_has_nobody_to_give() -> None:
    with pytest.raises(IndexError):
        filled([]).pop()


def test_who_left_is_not_served_and_cannot_leave_again() -> None:
    queue = filled([claim("a"), claim("b"), claim("a")])
    ticket = next(t for t in queue if t.item == 0)
    assert queue.remove(ticket)
    assert not queue.remove(ticket)
    assert sorted(t.item for t in drained(queue)) == [1, 2]


# Whatever happens

steps = st.lists(
    st.one_of(
        st.tuples(st.just("push"), claims),
        st.tuples(st.sampled_from(["pop", "remove"]), st.integers(0, 1000)),
    ),
    max_size=80,
)


@given(st.integers(0, 12), steps)
def test_nobody_is_lost_or_served_twice_and_the_bound_holds(limit: int, schedule: list[tuple[str, object]]) -> None:
    queue: WaitQueue[int] = WaitQueue(limit)
    waiting: dict[int, Ticket[int]] = {}
    gone: set[int] = set()
    for number, (step, what) in enumerate(schedule):
        if isinstance(what, Claim):
            if pushed := queue.push(what, number):
                ticket, displaced = pushed
                if displaced is not None:
                    assert len(waiting) == limit
                    assert displaced.claim.priority >= what.priority
                    gone.add(waiting.pop(displaced.item).item)
                waiting[number] = ticket
            else:
                assert len(waiting) == limit
        elif waiting and step == "pop":
            ticket = queue.pop()
            assert ticket.claim.priority == min(t.claim.priority for t in waiting.values())
            gone.add(waiting.pop(ticket.item).item)
        elif waiting and isinstance(what, int):
            ticket = list(waiting.values())[what % len(waiting)]
            assert queue.remove(ticket)
            gone.add(waiting.pop(ticket.item).item)
        assert len(queue) == len(waiting) <= limit
        assert bool(queue) == bool(waiting)
    assert {t.item for t in queue} == waiting.keys()
    assert {t.item for t in drained(queue)} == waiting.keys()
    assert not gone & waiting.keys()


@given(st.lists(claims, min_size=1, max_size=60))
def test_each_tenants_own_are_in_order_of_their_deadlines(order: list[Claim]) -> None:
    tickets = drained(filled(order))
    for tenant in "abc":
        for priority in Priority:
            own = [t for t in tickets if t.claim.tenant == tenant and t.claim.priority is priority]
            assert own == sorted(own, key=lambda t: (t.deadline, t.item))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5000)), min_size=20, max_size=120), st.data())
def test_whoever_keeps_waiting_gets_his_share(arrivals: list[tuple[str, int]], data: st.DataObject) -> None:
    """The bound of start-time fair queueing, over any span in which both wait."""
    queue = filled([claim(tenant, tokens=tokens) for tenant, tokens in arrivals])
    largest = {tenant: max((cost(t.claim) for t in queue if t.claim.tenant == tenant), default=0) for tenant in "abc"}
    left = Counter(tenant for tenant, _ in arrivals)
    skip = data.draw(st.integers(0, len(arrivals) // 2))
    got = dict.fromkeys("abc", 0.0)
    for number in range(len(arrivals)):
        ticket = queue.pop()
        tenant = ticket.claim.tenant
        assert tenant is not None
        left[tenant] -= 1
        if number >= skip:
            got[tenant] += cost(ticket.claim) / WEIGHTS[tenant]
        for one, other in ("ab", "ac", "bc"):
            if left[one] and left[other]:
                allowed = largest[one] / WEIGHTS[one] + largest[other] / WEIGHTS[other]
                assert abs(got[one] - got[other]) <= allowed + 1e-6


@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(1, 200))
def test_nobody_starves_while_others_keep_coming(before: list[str], rounds: int) -> None:
    queue = filled([claim(tenant) for tenant in before])
    queue.push(claim("d"), -1)
    for number in range(rounds):
        queue.push(claim("b", deadline=float(number)), number)  # the heaviest, and ever more urgent
        if queue.pop().item == -1:
            return
    # one round of everybody's shares for each that was ahead, at most
    assert rounds <= len(before) + 2 * (sum(WEIGHTS.values()) + 1)


@given(st.lists(claims.map(lambda c: c._replace(tokens=None)), max_size=40), st.integers(0, 20), claims)
def test_the_place_in_the_queue_is_known_beforehand(order: list[Claim], popped: int, late: Claim) -> None:
    late = late._replace(tokens=None)
    queue = filled(order)
    for _ in range(min(popped, len(queue))):
        queue.pop()
    told = queue.ahead(late)
    queue.push(late, -1)
    true = [ticket.item for ticket in drained(queue)].index(-1)
    tenants = len({each.tenant for each in order})
    assert abs(told - true) <= tenants  # a tie with each other tenant may go either way
