"""The entries of one category: which of them goes when there is no room, and which are too old."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from pointsman.cache.categories import Category
from pointsman.cache.entry import Entry
from pointsman.cache.store.base import Kept, Use

SAMPLE = 16
"""Entries among which the worst is looked for: as good as a queue in order, at the same cost for any number (as Redis
does it)."""
_WAIT = 0.0005
"""USD that a second of waiting is worth, so that answers of models without a price have a value, too."""


class Record:
    """An entry and what changes of it. Its vector is in the index."""

    __slots__ = ("askers", "entry", "hits", "place", "used")

    def __init__(self, entry: Entry, use: Use) -> None:
        self.entry = entry
        self.hits, self.used, self.askers = use
        self.place = -1

    @property
    def use(self) -> Use:
        return Use(self.hits, self.used, self.askers)

    def value(self, ttl: float, now: float) -> float:
        """USD that it is going to save for each byte, if it is hit as often as it was, for as long as it may be."""
        entry = self.entry
        left = max(0.0, 1.0 - (now - entry.created) / ttl) if ttl > 0 else 0.0
        return (self.hits + 1) * (entry.cost + _WAIT * entry.seconds) * left / max(entry.size, 1)


class Members:
    def __init__(self, category: Category, random: Random) -> None:
        self.category = category
        self.bytes = 0
        self._records: list[Record] = []
        self._random = random
        self._cursor = 0

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def add(self, record: Record) -> None:
        record.place = len(self._records)
        self._records.append(record)
        self.bytes += record.entry.size

    def remove(self, record: Record) -> None:
        last = self._records.pop()
        if last is not record:
            self._records[record.place] = last
            last.place = record.place
        record.place = -1
        self.bytes -= record.entry.size

    def worst(self, now: float, spared: Record | None = None) -> Record | None:
        """None if there is no other than the spared one."""
        count = len(self._records)
        some = self._records if count <= SAMPLE else [self._records[int(self._random.random() * count)] for _ in _TIMES]
        return min((record for record in some if record is not spared), key=self._worth(now), default=None)

    def too_old(self, now: float, steps: int) -> list[Record]:
        """Among the next few, going round: entries that cannot be used whatever the load."""
        found = []
        for _ in range(min(steps, len(self._records))):
            self._cursor = (self._cursor + 1) % len(self._records)
            record = self._records[self._cursor]
            if now - record.entry.created > self.category.longest:
                found.append(record)
        return found

    def _worth(self, now: float) -> Callable[[Record], tuple[float, float]]:
        if self.category.evict == "lru":
            return lambda record: (record.used, record.entry.created)
        ttl = self.category.longest
        return lambda record: (record.value(ttl, now), record.used)


_TIMES = range(SAMPLE)


def record_of(kept: Kept) -> Record:
    return Record(kept.entry._replace(vector=None), kept.use)
