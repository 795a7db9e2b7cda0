"""The course of one request: from the candidates to an answer or to the last failure.

Pure: no IO, no clock and no chance of its own. Whoever runs it (`relay.py`) does what it says, and tells what came
of it. Tries end before the commit point, the first byte to the client; after it nothing else may be asked."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from pointsman.gateway.observe.outcome import Cause


class Leg(NamedTuple):
    """What one candidate pool allows."""

    attempts: int  # tries before the next candidate
    backoff: float  # seconds before the first retry, on average
    patience: float  # the longest that a busy endpoint is waited for, in seconds


class Fault(NamedTuple):
    """How a try failed, as far as it matters to what follows."""

    final: bool = False  # nobody would do better, or the request cannot be sent again
    retry: bool = True  # another endpoint of the pool may do better
    again: bool = True  # so may the same one
    busy: bool = False  # it was told at once that the endpoint has enough to do
    after: float | None = None  # seconds for which that endpoint wants to be left alone


class Ask(NamedTuple):
    """Send the request to an endpoint of the candidate `leg`, after `pause` seconds."""

    leg: int
    cause: Cause
    pause: float = 0.0
    again: bool = False  # to any endpoint, not only to those that were not asked yet


class Step(Enum):
    WAIT = "wait"  # another try is still running
    GIVE_UP = "give_up"


class Course:
    __slots__ = (
        "_asked", "_committed", "_fault", "_hedged", "_leg", "_legs", "_roll", "_rules", "_running",
        "_sent", "_tries",
    )  # fmt: skip

    def __init__(self, legs: int, rules: Callable[[int], Leg]) -> None:
        self._legs = legs
        self._rules = rules  # only asked for when something went wrong
        self._leg = 0
        self._tries = 0  # in this leg
        self._running = 0
        self._sent = False  # to anybody
        self._hedged = False
        self._committed = False
        self._fault: Fault | None = None  # the last
        self._roll = 0.0
        self._asked = Ask(0, Cause.FIRST)

    @property
    def running(self) -> int:
        """Tries that have begun and not failed."""
        return self._running

    def start(self) -> Ask:
        return self._asked

    def began(self) -> None:
        """What was asked for is on its way to an endpoint."""
        self._tries += 1
        self._running += 1
        self._sent = True

    def committed(self) -> None:
        """One try has the client's first byte; the others are to be cancelled."""
        self._committed = True
        self._running = 1

    def dropped(self) -> None:
        """A try that ran was cancelled."""
        self._running -= 1

    def failed(self, fault: Fault, roll: float) -> Ask | Step:
        """`roll` is a random number in [0, 1)."""
        self._running -= 1
        self._fault, self._roll = fault, roll
        if fault.final or self._committed:
            return Step.GIVE_UP
        if self._running:
            return Step.WAIT
        if not fault.retry or self._tries >= self._rules(self._leg).attempts:
            return self._advance()
        return self._ask(Ask(self._leg, Cause.RETRY, 0.0 if fault.busy else self._backoff()))

    def full(self) -> Ask | Step:
        """The pool had no place for what was asked, or no budget for another try."""
        return Step.WAIT if self._running else self._advance()

    def exhausted(self) -> Ask | Step:
        """The pool has no endpoint that was not asked yet."""
        asked, fault = self._asked, self._fault
        if self._running or asked.cause is not Cause.RETRY or asked.again or fault is None or not fault.again:
            return self.full()
        if not fault.busy:  # the pause was made
            return self._ask(asked._replace(pause=0.0, again=True))
        # It is not asked before it wants to be; another model may be free meanwhile.
        pause = self._backoff() if fault.after is None else fault.after
        if self._leg + 1 < self._legs or pause > self._rules(self._leg).patience:
            return self._advance()
        return self._ask(asked._replace(pause=pause, again=True))

    def overdue(self) -> Ask | Step:
        """The one try that runs takes longer than is usual."""
        if self._hedged or self._committed or self._running != 1:
            return Step.WAIT
        self._hedged = True
        return Ask(self._leg, Cause.HEDGE)

    def _backoff(self) -> float:
        return self._roll * self._rules(self._leg).backoff * (1 << self._tries)

    def _advance(self) -> Ask | Step:
        if self._leg + 1 >= self._legs:
            return Step.GIVE_UP
        self._leg += 1
        self._tries = 0
        return self._ask(Ask(self._leg, Cause.FAILOVER if self._sent else Cause.FIRST))

    def _ask(self, ask: Ask) -> Ask:
        self._asked = ask
        return ask
