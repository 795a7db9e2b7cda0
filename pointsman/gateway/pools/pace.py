"""How long an endpoint takes for each further token, learned from the answers that it has completed.

Linear in the requests that run there, as a step of continuous batching is; least squares with forgetting."""

from __future__ import annotations

_FORGETTING = 0.98
"""Weight of an answer relative to the next: some 50 of them count."""
_STEADY = 1.0
"""Variance of the requests there below which a slope is mostly noise."""
_FAR = 3.0
"""Times what was predicted, beyond which an answer counts no more: its client read slowly."""
_SURE = 10.0
"""Answers before that is known."""
_LEAST = 0.25
"""Of the mean: nobody gets faster than that by being idle."""
_PRIOR = 3.0
"""Answers that a stated pace is worth."""


class Pace:
    __slots__ = ("_base", "_count", "_least", "_slope", "_sums")

    def __init__(self) -> None:
        self._count = 0.0
        self._sums = (0.0, 0.0, 0.0, 0.0)  # of load, seconds, load², load·seconds
        self._base = self._slope = self._least = 0.0

    def observe(self, load: float, seconds: float) -> None:
        """`seconds` per token of an answer, during which `load` other requests were there."""
        if self._count >= _SURE:
            seconds = min(seconds, _FAR * self._learned(load))
        f, (x, y, xx, xy) = _FORGETTING, self._sums
        self._count = count = f * self._count + 1
        self._sums = x, y, xx, xy = f * x + load, f * y + seconds, f * xx + load * load, f * xy + load * seconds
        slope = (xy - x * y / count) / (xx - x * x / count + _STEADY)
        self._slope = max(0.0, slope)
        self._base = (y - self._slope * x) / count
        self._least = _LEAST * y / count

    def _learned(self, load: float) -> float:
        return max(self._base + self._slope * load, self._least)

    def predict(self, load: float, stated: float | None = None) -> float | None:
        """Seconds per token; `stated` by the configuration is what is believed at first."""
        if not self._count:
            return stated
        learned = self._learned(load)
        if stated is None:
            return learned
        return (self._count * learned + _PRIOR * stated) / (self._count + _PRIOR)
