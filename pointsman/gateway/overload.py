"""Keeps the event loop quick when more is offered than one core can do.

On a saturated loop everything becomes slow alike: streams, health checks, new connections (of which each turn of the
loop accepts one), and the requests that could have been served. So only so many requests start in a turn that it
stays short. Those that come faster wait here, for about half a second at most, and the rest is refused before it is
parsed. Nothing is read from a connection for a moment after a refusal: even the cheapest refusals of clients that ask
at once again would leave no time for anything else."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

TURN = 0.005
"""Seconds of work that a turn of the loop should take while requests wait."""
LONGEST_WAIT = 0.5
"""Seconds of work that may be ahead of a request that waits."""
LEAST = 4
"""Requests that start in a turn, however long it takes."""

TICK = 0.01
"""Seconds between two looks at the clock while requests come."""
_BURST = 2 * TICK  # of work may start in a tick without waiting
_IDLE_TICK = 0.1
_IDLE_AFTER = 100  # ticks without a request

_FIRST_GUESS = 200e-6
_SMOOTHING = 0.1
_OUTLIER = 4.0  # times as long as usual: a turn with a reload or a collection of garbage in it says little of requests

REST = 1.0
"""Seconds for which nothing is read from a connection after a refusal, at least."""
_RESUMED = 256  # at least one of so many is read again in each turn


class Pace:
    """How many requests may start and wait, from what one of them costs the loop, all else that it does included."""

    __slots__ = ("cost", "in_tick", "in_turn", "room")

    def __init__(self) -> None:
        self.cost = _FIRST_GUESS
        self._derive()

    def turned(self, seconds: float, started: int) -> None:
        """A turn of the loop was so much work, and so many requests started in it, at least one."""
        sample = min(seconds / started, _OUTLIER * self.cost)
        self.cost += _SMOOTHING * (sample - self.cost)
        self._derive()

    def _derive(self) -> None:
        self.in_turn = max(LEAST, int(TURN / self.cost))
        self.in_tick = max(LEAST, int(_BURST / self.cost))
        self.room = max(LEAST, int(LONGEST_WAIT / self.cost))


class Gate:
    """What every request passes: `if gate.tokens > 0: gate.tokens -= 1` and it starts; else `wait`."""

    __slots__ = (
        "_due", "_given", "_idle_for", "_loop", "_observe", "_resting", "_started", "_timer", "_waiting",
        "_worked", "pace", "refusing", "tokens",
    )  # fmt: skip

    def __init__(self, observe: Callable[[float], None]) -> None:
        """`observe` is told how late each tick was, in seconds."""
        self._loop = asyncio.get_running_loop()
        self._observe = observe
        self.pace = Pace()
        self.tokens = self._given = self.pace.in_tick
        self.refusing = False
        """Whatever comes would find no room."""
        self._waiting: deque[Callable[[], None]] = deque()
        self._worked = 0.0  # the thread's own time, which others on the processor do not lengthen
        self._started = 0  # in the turn that is under way
        self._resting: deque[tuple[float, Callable[[], None]]] = deque()
        self._idle_for = 0
        self._arm(TICK)

    def wait(self, start: Callable[[], None]) -> bool:
        """Call `start` when it is its turn; False if there is no room to wait."""
        waiting = self._waiting
        if len(waiting) >= self.pace.room:
            self.refusing = True
            return False
        if not waiting:
            self._started = 0
            self._loop.call_soon(self._turn)
        waiting.append(start)
        return True

    def rest(self, resume: Callable[[], None]) -> None:
        """Call `resume` when there is time for what may then come."""
        self._resting.append((self._loop.time() + REST, resume))

    def close(self) -> None:
        self._timer.cancel()

    def _turn(self) -> None:
        worked = time.thread_time()
        waiting, pace = self._waiting, self.pace
        if self._started:
            pace.turned(worked - self._worked, self._started)
        self._worked, self._started = worked, min(len(waiting), pace.in_turn)
        for _ in range(self._started):
            waiting.popleft()()
        self.refusing = len(waiting) >= pace.room
        self._resume(self._started)  # a refusal costs a tenth of a request: so they cannot crowd requests out
        if waiting:
            self._loop.call_soon(self._turn)

    def _resume(self, most: int) -> None:
        resting, now = self._resting, self._loop.time()
        for _ in range(most + len(resting) // _RESUMED):
            if not resting or resting[0][0] > now:
                break
            resting.popleft()[1]()

    def _arm(self, seconds: float) -> None:
        self._due = self._loop.time() + seconds
        self._timer = self._loop.call_later(seconds, self._tick)

    def _tick(self) -> None:
        self._observe(max(0.0, self._loop.time() - self._due))
        busy = self._waiting or self._resting or self.tokens < self._given
        self._idle_for = 0 if busy else self._idle_for + 1
        self._arm(TICK if self._idle_for < _IDLE_AFTER else _IDLE_TICK)
        if self._waiting:
            self.tokens = self._given = 0
        else:
            self.tokens = self._given = self.pace.in_tick
            self.refusing = False
            self._resume(self.pace.in_tick)
