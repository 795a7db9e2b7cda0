"""What became of many requests, in sums; the memory that they take does not grow with the log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeAlias

from pointsman.gateway.replay.replayer import Missing, Replayed

EXAMPLES = 3
MAX_KEYS = 10_000
"""Of each table; what comes then is counted together. Names in a log are those of whatever wrote it."""

OTHERS = "(others)"


class Pair(NamedTuple):
    then: str
    now: str | None  # None: it cannot be told
    changed: bool | None  # likewise; of the same decision, that it has other models


@dataclass(slots=True)
class Cell:
    requests: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Sums:
    requests: int = 0
    changed: int = 0
    unchanged: int = 0
    elsewhere: int = 0  # of those that change: it cannot be told to which decision
    cost_then: float = 0.0  # of those whose new decision can be told, and priced
    cost_now: float = 0.0
    unpriced: int = 0

    def add(self, replayed: Replayed) -> None:
        self.requests += 1
        self.changed += replayed.changed is True
        self.unchanged += replayed.changed is False
        if replayed.decided is None:
            self.elsewhere += replayed.changed is True
        elif replayed.cost is None:
            self.unpriced += 1
        else:
            self.cost_then += replayed.entry.cost
            self.cost_now += replayed.cost

    @property
    def told(self) -> int:
        """Of which it can be told whether they change."""
        return self.changed + self.unchanged

    @property
    def untold(self) -> int:
        return self.requests - self.told


Tenant: TypeAlias = str | None


class Tally:
    def __init__(self) -> None:
        self.all = Sums()
        self.tenants: dict[Tenant, Sums] = {}
        self.matrix: dict[Pair, Cell] = {}
        self.missing: Counter[Missing] = Counter()
        self.pools_then: Counter[str] = Counter()  # asked first, where it can be told
        self.pools_now: Counter[str] = Counter()
        self.undecided = 0  # requests that did not come to a decision
        self.broken = 0  # lines
        self.first: datetime | None = None
        self.last: datetime | None = None

    def add(self, replayed: Replayed) -> None:
        entry = replayed.entry
        self.all.add(replayed)
        tenant = entry.tenant if entry.tenant in self.tenants or len(self.tenants) < MAX_KEYS else OTHERS
        self.tenants.setdefault(tenant, Sums()).add(replayed)
        self._pair(replayed)
        self.first = entry.time if self.first is None else min(self.first, entry.time)
        self.last = entry.time if self.last is None else max(self.last, entry.time)
        if replayed.decided is not None:
            _count(self.pools_then, entry.asked)
            _count(self.pools_now, replayed.asked)
        for missing in replayed.missing:
            if missing in self.missing or len(self.missing) < MAX_KEYS:
                self.missing[missing] += 1

    def _pair(self, replayed: Replayed) -> None:
        pair = Pair(replayed.entry.decided or OTHERS, replayed.decided, replayed.changed)
        cell = self.matrix.get(pair)
        if cell is None:
            if len(self.matrix) >= MAX_KEYS:
                pair = Pair(OTHERS, OTHERS, None)
            cell = self.matrix.setdefault(pair, Cell())
        cell.requests += 1
        if len(cell.examples) < EXAMPLES:
            cell.examples.append(replayed.entry.id[:128])


def _count(counter: Counter[str], pool: str | None) -> None:
    if pool is not None and (pool in counter or len(counter) < MAX_KEYS):
        counter[pool] += 1
