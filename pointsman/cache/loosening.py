"""While the models are busy an answer that is nearly as good is better than a long wait."""

from __future__ import annotations

import math
from dataclasses import dataclass

START, BACK, FULL = 0.8, 0.6, 1.0
"""Load at which it begins, below which it ends, and at which all is given that the category allows."""
SECONDS = 10.0
"""In which a change of the load has come through to 1 − 1/e."""


@dataclass(frozen=True, slots=True)
class Loosening:
    load: float = 0.0  # smoothed
    told: float | None = None  # when, Unix time
    on: bool = False

    @property
    def relief(self) -> float:
        """From 0, as usual, to 1, as loose as the category allows."""
        if not self.on:
            return 0.0
        return min(1.0, max(0.0, (self.load - BACK) / (FULL - BACK)))

    def after(self, load: float, now: float) -> Loosening:
        """`load` of the models that would answer: 1 is as much as they take. One that is not a number is none."""
        now = now if self.told is None else max(now, self.told)
        new = min(2.0, max(0.0, load)) if math.isfinite(load) else 0.0
        if self.told is None:
            smooth = new
        else:
            keep = math.exp(-(now - self.told) / SECONDS)
            smooth = keep * self.load + (1.0 - keep) * new
        return Loosening(smooth, now, smooth >= (BACK if self.on else START))

    def at(self, now: float) -> Loosening:
        """As it is when nothing was heard of the load since: back to what is usual, in time."""
        quiet = self.told is not None and now - self.told > SECONDS
        return self.after(0.0, now) if quiet else self
