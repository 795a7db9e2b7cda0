"""How an endpoint did lately, in bounded memory, and what is far from usual. Times are passed in, in seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from statistics import median
from typing import NamedTuple

_SLICES = 10
"""Of a window: old results go out a tenth of it at a time."""

_SAMPLES = 20
"""First tokens that are remembered per window, spread over it: a hiccup of a second is one of them, not all."""

_FEWEST = 5
"""With fewer first tokens nothing is said of an endpoint's speed."""

_PEERS = 3
"""Of two endpoints nobody knows which one is the outlier."""

_FLOOR = 0.5
"""Seconds above the usual that a first token takes before anyone minds: 5 ms are no trouble where 1 ms is usual."""


class Results(NamedTuple):
    requests: int = 0
    failed: int = 0

    @property
    def rate(self) -> float:
        return self.failed / self.requests if self.requests else 0.0


class Recent:
    """Results and first tokens of one endpoint in the last `window` seconds."""

    __slots__ = ("_failed", "_firsts", "_requests", "_slice", "_width", "window")

    def __init__(self, window: float) -> None:
        self.window = window
        self._width = window / _SLICES
        self.forget()

    def forget(self) -> None:
        self._slice = 0  # number of the newest slice, counted from the clock's zero
        self._requests, self._failed = [0] * _SLICES, [0] * _SLICES
        self._firsts: deque[tuple[float, float]] = deque(maxlen=_SAMPLES)

    def ended(self, now: float, *, failed: bool) -> None:
        number = int(now / self._width)
        if number != self._slice:
            self._turn_to(number)
        slot = number % _SLICES
        self._requests[slot] += 1
        if failed:
            self._failed[slot] += 1

    def results(self, now: float) -> Results:
        self._turn_to(int(now / self._width))
        return Results(sum(self._requests), sum(self._failed))

    def _turn_to(self, number: int) -> None:
        for passed in range(max(self._slice, number - _SLICES) + 1, number + 1):
            self._requests[passed % _SLICES] = self._failed[passed % _SLICES] = 0
        self._slice = number

    def began(self, now: float, seconds: float) -> None:
        """A stream's first token came after `seconds`."""
        if not self._firsts or now - self._firsts[-1][0] >= self.window / _SAMPLES:
            self._firsts.append((now, seconds))

    def first_token(self, now: float) -> float | None:
        """Median seconds; None if too few are known."""
        known = [seconds for at, seconds in self._firsts if now - at < self.window]
        return median(known) if len(known) >= _FEWEST else None


class Pace(NamedTuple):
    """A pool's first tokens, in seconds: what is usual, and what is too slow."""

    seconds: float
    limit: float


def pace(firsts: Collection[float], ratio: float) -> Pace | None:
    """`firsts`: each endpoint's own. None if `ratio` is 0 or too few are known."""
    if not ratio or len(firsts) < _PEERS:
        return None
    usual = median(firsts)
    return Pace(usual, max(ratio * usual, usual + _FLOOR))
