"""Who waits for a place, and who is next. Pure: no clock, no waiting, nothing that can fail.

Three rules, one inside the other. A higher priority goes first. Of one priority, tenants share in proportion to
their weights: start-time fair queueing (Goyal, Vin, Cheng: "Start-time Fair Queuing", SIGCOMM 1996), where a tenant
with nothing waiting saves up no claim on the future. Of one tenant, the earliest deadline goes first, then
whoever came first.

A step costs a binary search and, seldom, a look at each tenant that waits."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from heapq import heappop, heappush, heapreplace
from itertools import count
from typing import Generic, NamedTuple, TypeVar

from pointsman.gateway.pools.claim import Claim, Priority

T = TypeVar("T")
_NEVER = float("inf")
_REQUEST = 1024
"""Tokens of prompt that count as much as a request does by itself."""


def cost(claim: Claim) -> float:
    """What a request takes from its tenant's share, in requests with an empty prompt."""
    return 1.0 if claim.tokens is None else 1.0 + claim.tokens / _REQUEST


class Ticket(NamedTuple, Generic[T]):
    """Tickets of one tenant sort in the order in which they are served."""

    deadline: float
    number: int  # unique, in the order of arrival
    claim: Claim
    item: T


class _Flow(Generic[T]):
    """A tenant's tickets in one level. `start` is the virtual time at which its next may be served."""

    __slots__ = ("arrived", "cost", "start", "tickets")

    def __init__(self, start: float) -> None:
        self.start = start
        self.tickets: list[Ticket[T]] = []  # the next first
        self.arrived: dict[int, Ticket[T]] = {}  # the newest last
        self.cost = 0.0

    def add(self, ticket: Ticket[T]) -> None:
        insort(self.tickets, ticket)
        self.arrived[ticket.number] = ticket
        self.cost += cost(ticket.claim)

    def remove(self, ticket: Ticket[T]) -> None:
        del self.tickets[bisect_left(self.tickets, ticket)]
        del self.arrived[ticket.number]
        self.cost -= cost(ticket.claim)

    def newest(self) -> Ticket[T]:
        number, ticket = self.arrived.popitem()  # `reversed` would walk over all that were taken away before
        self.arrived[number] = ticket
        return ticket

    @property
    def length(self) -> float:
        """Of the queue, relative to the tenant's share."""
        return len(self.tickets) / self.newest().claim.weight if self.tickets else 0.0

    def before(self, tag: float) -> int:
        """How many would be served until virtual time `tag`, that moment included."""
        if not self.tickets or self.start > tag:
            return 0
        step = self.cost / len(self.tickets) / self.newest().claim.weight
        return min(len(self.tickets), int((tag - self.start) / step) + 1)


class _Level(Generic[T]):
    """The tickets of one priority. `flows` are those that wait and those served so lately that it still counts."""

    def __init__(self) -> None:
        self.size = 0
        self.flows: dict[str | None, _Flow[T]] = {}
        self._heap: list[tuple[float, int, str | None]] = []  # every flow once, by its start
        self._order = count()
        self._time = 0.0  # virtual

    def add(self, ticket: Ticket[T]) -> None:
        tenant = ticket.claim.tenant
        flow = self.flows.get(tenant)
        if flow is None:
            flow = self.flows[tenant] = _Flow(self._time)
            heappush(self._heap, (flow.start, next(self._order), tenant))
        flow.add(ticket)
        self.size += 1

    def remove(self, ticket: Ticket[T]) -> bool:
        flow = self.flows.get(ticket.claim.tenant)
        if flow is None or ticket.number not in flow.arrived:
            return False
        flow.remove(ticket)
        self._shrink()
        return True

    def pop(self) -> Ticket[T]:
        while True:
            self._time, _, tenant = self._heap[0]
            flow = self.flows[tenant]
            if flow.tickets:
                break
            heappop(self._heap)  # what it had in advance is used up
            del self.flows[tenant]
        ticket = flow.tickets[0]
        flow.remove(ticket)
        flow.start += cost(ticket.claim) / ticket.claim.weight
        heapreplace(self._heap, (flow.start, next(self._order), tenant))
        self._shrink()
        return ticket

    def longest(self) -> _Flow[T]:
        return max(self.flows.values(), key=lambda flow: flow.length)

    def ahead(self, claim: Claim) -> int:
        own = self.flows.get(claim.tenant)
        mine, tag = 0, self._time
        if own is not None:
            mine, tag = bisect_right(own.tickets, (_deadline(claim), _NEVER)), own.start
            tag += own.cost * mine / max(1, len(own.tickets)) / claim.weight
        return mine + sum(flow.before(tag) for flow in self.flows.values() if flow is not own)

    def _shrink(self) -> None:
        self.size -= 1
        if not self.size:
            self.flows.clear()
            self._heap.clear()
            self._time = 0.0


class WaitQueue(Generic[T]):
    """`limit` tickets at most, unless it was lowered meanwhile."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._levels: tuple[_Level[T], ...] = tuple(_Level() for _ in Priority)
        self._numbers = count()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Ticket[T]]:
        """In no useful order."""
        for level in self._levels:
            for flow in level.flows.values():
                yield from flow.tickets

    def push(self, claim: Claim, item: T) -> tuple[Ticket[T], Ticket[T] | None] | None:
        """The newcomer's ticket, and the one that had to go for it; None if there is no room."""
        displaced = None
        if self._size >= self.limit:
            displaced = self._displaced(claim)
            if displaced is None:
                return None
            self.remove(displaced)
        ticket = Ticket(_deadline(claim), next(self._numbers), claim, item)
        self._levels[claim.priority].add(ticket)
        self._size += 1
        return ticket, displaced

    def pop(self) -> Ticket[T]:
        """IndexError if nobody waits."""
        level = next((level for level in self._levels if level.size), None)
        if level is None:
            raise IndexError("the queue is empty")
        self._size -= 1
        return level.pop()

    def remove(self, ticket: Ticket[T]) -> bool:
        """Whether it was still there."""
        found = self._levels[ticket.claim.priority].remove(ticket)
        self._size -= found
        return found

    def ahead(self, claim: Claim) -> int:
        """How many of those that wait would be served before one that came now; an estimate if costs differ."""
        higher = sum(level.size for level in self._levels[: claim.priority])
        return higher + self._levels[claim.priority].ahead(claim)

    def _displaced(self, claim: Claim) -> Ticket[T] | None:
        """The newest of whoever takes up the most, relative to its share, of the lowest priority that waits.

        For a newcomer of that same priority only if his tenant still has less with him than the other: so nobody
        can keep others out by filling the queue."""
        lowest = max((p for p in Priority if self._levels[p].size), default=None)
        if lowest is None or lowest < claim.priority:
            return None
        level = self._levels[lowest]
        longest = level.longest()
        if lowest == claim.priority:
            own = level.flows.get(claim.tenant)
            waiting = len(own.tickets) if own is not None else 0
            if (waiting + 1) / claim.weight >= longest.length:
                return None
        return longest.newest()


def _deadline(claim: Claim) -> float:
    return _NEVER if claim.deadline is None else claim.deadline
