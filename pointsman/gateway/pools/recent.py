"""Quantiles of what was observed last."""

from __future__ import annotations

from collections import deque

SIZE = 512
FEWEST = 20
"""Observations below which a quantile says nothing."""
_EVERY = 16
"""Observations after which the quantiles are looked up anew: sorting takes as long as a short request."""


class Recent:
    """The last `SIZE` values, of whatever unit."""

    __slots__ = ("_new", "_sorted", "_values")

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=SIZE)
        self._sorted: list[float] = []
        self._new = 0

    def observe(self, value: float) -> None:
        self._values.append(value)
        self._new += 1

    def quantile(self, share: float) -> float | None:
        """The value that `share` of them do not exceed, up to `_EVERY` observations ago."""
        if len(self._values) < FEWEST:
            return None
        if self._new >= _EVERY or not self._sorted:
            self._sorted, self._new = sorted(self._values), 0
        ordered = self._sorted
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
