"""Whether looking into the cache takes less time than it saves.

A lookup costs T on every request, and a hit saves S: it pays where the share of hits is above T / S. What was counted
tells only an interval of that share, so that there is a third answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from pointsman.cache.interval import interval

Pays: TypeAlias = Literal["yes", "no", "unknown"]

FORGET = 20_000
"""Lookups after which the older ones count half: traffic changes."""
REST = 600.0
"""Seconds that a category which does not pay is off before it is looked at again."""


class Verdict(NamedTuple):
    pays: Pays
    rate: float  # hits per lookup
    low: float  # the rate's interval, 95 %
    high: float
    needed: float | None  # the rate from which it pays; None while nothing is known of what a hit saves


@dataclass(slots=True)
class Worth:
    """Counters of one category. Seconds are sums."""

    lookups: float = 0.0
    hits: float = 0.0
    looking: float = 0.0  # seconds that lookups took, the encoder's included
    saved: float = 0.0  # seconds that hits saved
    usd: float = 0.0  # likewise
    made: float = 0.0  # answers that were kept
    making: float = 0.0  # seconds that they took: what hits may save, before there are any
    off_until: float = 0.0  # Unix time

    def looked(self, seconds: float) -> None:
        self.lookups += 1
        self.looking += seconds
        if self.lookups >= FORGET:
            self._forget()

    def hit(self, seconds: float, usd: float) -> None:
        self.hits += 1
        self.saved += seconds
        self.usd += usd

    def stored(self, seconds: float) -> None:
        self.made += 1
        self.making += seconds

    def verdict(self) -> Verdict:
        rate = self.hits / self.lookups if self.lookups else 0.0
        low, high = interval(min(rate, 1.0), self.lookups)
        gain = self.saved / self.hits if self.hits else self.making / self.made if self.made else 0.0
        if not self.lookups or gain <= 0.0:
            return Verdict("unknown", rate, low, high, None)
        needed = self.looking / self.lookups / gain
        pays: Pays = "yes" if low > needed else "no" if high < needed else "unknown"
        return Verdict(pays, rate, low, high, needed)

    def is_off(self, now: float) -> bool:
        """Switches off what does not pay, and on again with fresh counters."""
        if now < self.off_until:
            return True
        if self.verdict().pays != "no":
            return False
        self.off_until = now + REST
        self.lookups = self.hits = self.looking = self.saved = 0.0
        return True

    def _forget(self) -> None:
        for name in ("lookups", "hits", "looking", "saved", "made", "making"):
            setattr(self, name, getattr(self, name) / 2)
