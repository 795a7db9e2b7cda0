"""Moving average of a latency after Finagle's `PeakEwma`: a rise counts at once, a fall slowly."""

from __future__ import annotations

import math

TAU = 10.0
"""Seconds after which an observation's weight has fallen to 1/e."""


class PeakEwma:
    __slots__ = ("_at", "_value")

    def __init__(self) -> None:
        self._value: float | None = None
        self._at = 0.0

    def observe(self, seconds: float, now: float) -> None:
        decayed = self.value(now)
        if decayed is None or seconds > decayed:
            self._value = seconds
        else:
            weight = math.exp(-(now - self._at) / TAU)
            self._value = decayed * weight + seconds * (1 - weight)
        self._at = now

    def value(self, now: float) -> float | None:
        """Decays towards zero when nothing is observed, so that a slow endpoint is tried again in time."""
        if self._value is None:
            return None
        return self._value * math.exp(-(now - self._at) / TAU)
