"""The cache: equal texts by hash, similar ones by vector, documents by id.

Everything but `document` and `purge` is done at once, on the event loop. Whether an entry may be used is decided before
its document is fetched."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from random import Random
from typing import NamedTuple, Protocol

from pointsman.cache.categories import Category
from pointsman.cache.entry import Entry, Hit, Query, Vector
from pointsman.cache.examples import NEAREST, Example
from pointsman.cache.index import Index, Near
from pointsman.cache.loosening import Loosening
from pointsman.cache.members import Members, Record, record_of
from pointsman.cache.stats import Counts, Stats
from pointsman.cache.store.base import Asked, Away, Change, Gone, Kept, Limit, Put, Store, Use
from pointsman.cache.worth import Worth

NEIGHBOURS = 4
"""Similar texts that are looked at before it is a miss."""
_AHEAD = 5.0
"""Seconds that an entry may be younger than now: clocks of several machines differ a little."""
_STEPS = 2
"""Entries whose age each new one looks at."""
_AT_ONCE = 1024
"""Entries that go at once for a new one; after a reload with less room the others go with `sweep`."""
_OLD = "too old"
_TURN = 512
"""Entries after which a long task lets others have their turn."""


class Verdict(Protocol):
    @property
    def same(self) -> bool: ...
    @property
    def reason(self) -> str | None: ...


Guard = Callable[[str, str, float], Verdict]
"""Asked text, kept text, similarity."""


class Neighbour(NamedTuple):
    """For people: why an entry would answer a question, or not."""

    hit: Hit
    refusal: str | None  # None: it would


class Bounds(NamedTuple):
    entries: int
    bytes: int  # of documents


class _Room:
    """What is kept of a category beside its entries; it outlasts a reload."""

    __slots__ = ("counts", "loosening", "members", "worth")

    def __init__(self, category: Category, random: Random) -> None:
        self.members = Members(category, random)
        self.counts, self.worth, self.loosening = Counts(), Worth(), Loosening()

    @property
    def category(self) -> Category:
        return self.members.category

    def relief(self, now: float) -> float:
        return self.loosening.at(now).relief if self.loosening.told is not None else 0.0


class Cache:
    def __init__(
        self,
        store: Store,
        categories: Mapping[str, Category],
        bounds: Bounds,
        guard: Guard,
        dimension: int | None = None,
        random: Random | None = None,
    ) -> None:
        """`dimension` of the encoder's vectors; without it only equal texts are found."""
        self.store = store
        self.bounds = bounds
        self._guard = guard
        self._random = random or Random()
        self._rooms: dict[str, _Room] = {}
        self._records: dict[str, Record] = {}
        self._exact: dict[bytes, tuple[Record, ...]] = {}
        self._index = None if dimension is None else Index(dimension, self._loosely(bounds.entries))
        self._next = 0
        self.configure(categories, bounds)
        store.follow(self._changed)

    def __len__(self) -> int:
        return len(self._records)

    def configure(self, categories: Mapping[str, Category], bounds: Bounds) -> None:
        """A new policy: what is kept stays. Entries of categories that are gone go with `sweep`."""
        self.bounds = bounds
        for name, category in categories.items():
            room = self._rooms.get(name)
            if room is None:
                self._rooms[name] = _Room(category, self._random)
            else:
                room.members.category = category
        for name in self._rooms.keys() - categories.keys():
            room = self._rooms[name]
            room.members.category = Category(name, None, 0.0, 0.0)
        self.store.bound(bounds.entries, {name: self._limit(self._rooms[name]) for name in categories})

    def load(self, now: float) -> None:
        """What the store has from before. May block."""
        late = [kept.entry.id for kept in self.store.entries() if not self._adopt(kept, now)]
        if late:
            self.store.delete(late)

    # Lookups

    def exact(self, query: Query) -> Hit | None:
        room = self._rooms.get(query.category)
        if room is None:
            return None
        room.counts.lookups += 1
        return self.again(query)

    def again(self, query: Query) -> Hit | None:
        """For whoever has asked `exact` before, and waited since."""
        room = self._rooms.get(query.category)
        if room is None:
            return None
        for record in self._exact.get(query.exact, ()):
            if self._usable(room, record, query):
                room.counts.exact += 1
                return Hit(record.entry, 1.0, True, _age(record.entry, query.now))
        return None

    def similar(self, query: Query, vector: Vector) -> Hit | None:
        """Of those from the threshold of the moment the nearest that the guard lets pass. After `exact`."""
        room = self._rooms.get(query.category)
        if room is None or not room.category.semantic:
            return None
        threshold = room.category.candidate_at(room.relief(query.now))
        for record, similarity in self._near(query, vector, NEIGHBOURS):
            if similarity < threshold:
                break
            if self._fresh(room, record, query.now) and self._passes(room, record, query, similarity):
                if not self._may_have(room, record, query):
                    continue
                room.counts.similar += 1
                return Hit(record.entry, similarity, False, _age(record.entry, query.now))
        return None

    def neighbours(self, query: Query, vector: Vector, count: int) -> list[Neighbour]:
        """The nearest, whatever speaks against them. Nothing is counted."""
        room = self._rooms.get(query.category)
        if room is None:
            return []
        found = []
        for record, similarity in self._near(query, vector, count):
            hit = Hit(record.entry, similarity, record.entry.exact == query.exact, _age(record.entry, query.now))
            found.append(Neighbour(hit, self._refusal(room, record, query, similarity)))
        return found

    def examples(self, query: Query, vector: Vector, at_least: float, pools: Collection[str]) -> list[Example]:
        """What these pools have answered to other texts of the scope, the nearest first, whether it would answer this
        one or not. Nothing is counted."""
        room, index = self._rooms.get(query.category), self._index
        if room is None or index is None:
            return []
        found = []
        for record, similarity in self._near(query, vector, NEAREST):
            kept = index.vector(record.entry.id)
            if similarity < at_least:
                break
            if kept is None or record.entry.pool not in pools or record.entry.exact == query.exact:
                continue
            if _bar(room, record, query) is None:
                found.append(Example(record.entry, similarity, kept))
        return found

    def equals(self, query: Query) -> list[Neighbour]:
        """Likewise of the very text; also what has no vector."""
        room = self._rooms.get(query.category)
        found = []
        for record in self._exact.get(query.exact, ()) if room is not None else ():
            assert room is not None
            hit = Hit(record.entry, 1.0, True, _age(record.entry, query.now))
            found.append(Neighbour(hit, _bar(room, record, query)))
        return found

    async def nearest(self, vector: Vector, at_least: float, count: int) -> list[tuple[Entry, float]]:
        """For people: in all scopes together."""
        best: list[Near] = []
        if self._index is not None and len(vector) == self._index.dimension:
            for some in self._index.alike(vector, at_least):
                best = heapq.nlargest(count, [*best, *some], key=lambda near: near.similarity)
                await asyncio.sleep(0)
        records = ((self._records.get(near.key), near.similarity) for near in best)
        return [(record.entry, similarity) for record, similarity in records if record is not None]

    async def document(self, entry: Entry) -> bytes | None:
        """None if it has gone, also in the meantime."""
        try:
            document = await self.store.get(entry.id)
        except Away:
            self._rooms[entry.category].counts.away += 1
            return None
        record = self._records.get(entry.id)
        if document is None and record is not None:
            self._rooms[entry.category].counts.lost += 1
            self._delete([record])
        return document if record is not None else None

    # Changes

    def insert(self, entry: Entry, document: bytes) -> bool:
        """Whether there is room for it. An older answer to the same text goes."""
        entry = entry._replace(size=len(document))
        room = self._rooms.get(entry.category)
        if room is None or entry.id in self._records or not self._fits(room, entry):
            return False
        askers = self._askers(room, entry)
        kept = Kept(entry, Use(0, entry.created, askers))
        record = self._add(kept)
        self.store.put(kept, document)
        room.counts.stored += 1
        room.worth.stored(entry.seconds)
        self._make_room(room, entry.created, record)
        self.sweep(entry.created, _STEPS)
        return True

    def restore(self, kept: Kept, document: bytes, now: float) -> bool:
        """An entry as it once was. Whether it is there now: not if it is too old, or if there is a newer one of its
        text."""
        entry = kept.entry
        before = self._exact.get(entry.exact, ())
        if entry.id in self._records or any(other.entry.created >= entry.created for other in before):
            return False
        if not self._adopt(kept, now):
            return False
        self._delete([record for record in before if record.entry.id in self._records])
        if entry.id in self._records:
            self.store.put(kept, document)
        return entry.id in self._records

    def touch(self, hit: Hit, now: float) -> None:
        """It was served."""
        room = self._rooms.get(hit.entry.category)
        record = self._records.get(hit.entry.id)
        if room is not None:
            room.worth.hit(hit.entry.seconds, hit.entry.cost)
        if record is not None:
            record.hits += 1
            record.used = now
            self.store.touch({hit.entry.id: record.use})

    def explored(self, hit: Hit) -> None:
        """It was found by `similar`, and the model is asked all the same."""
        counts = self._rooms[hit.entry.category].counts
        counts.similar -= 1
        counts.explored += 1

    def equal(self, query: Query) -> Entry | None:
        """What is kept of the very text. Nothing is counted."""
        room = self._rooms.get(query.category)
        records = self._exact.get(query.exact, ()) if room is not None else ()
        return next((record.entry for record in records if room and _is_fresh(room, record, query.now)), None)

    def drop(self, ids: Collection[str]) -> None:
        self._delete([self._records[id] for id in ids if id in self._records])

    async def purge(
        self,
        category: str | None = None,
        tenant: str | None = None,
        before: float | None = None,
        similar: tuple[Vector, float] | None = None,
        only: Collection[str] | None = None,
    ) -> int:
        """How many went: those of which all holds that is said. `similar` is a vector and the least similarity, `only`
        are ids."""
        ids = list(self._records) if similar is None else await self._alike(*similar)
        if only is not None:
            ids = [id for id in dict.fromkeys(only) if similar is None or id in ids]
        gone = 0
        for start in range(0, len(ids), _TURN):
            records = [record for id in ids[start : start + _TURN] if (record := self._records.get(id))]
            records = [record for record in records if _meant(record.entry, category, tenant, before)]
            for record in records:
                self._rooms[record.entry.category].counts.purged += 1
            self._delete(records)
            gone += len(records)
            await asyncio.sleep(0)
        return gone

    def sweep(self, now: float, steps: int) -> bool:
        """A little tidying, for whenever there is time. Whether vectors still wait for their place in the index, so
        that it should soon be called again: until then not all similar texts are found."""
        names = list(self._rooms)
        if names:
            self._next = (self._next + 1) % len(names)
            room = self._rooms[names[self._next]]
            old = list({record.entry.id: record for record in room.members.too_old(now, steps)}.values())
            room.counts.expired += len(old)
            self._delete(old)
            self._make_room(room, now, None, steps)
        return self._index.settle() if self._index is not None else False

    # What it costs, and what it brings

    def told_load(self, category: str, load: float, now: float) -> None:
        """Of the models that would answer; 1 is as much as they take."""
        if room := self._rooms.get(category):
            room.loosening = room.loosening.after(load, now)

    def looked(self, category: str, seconds: float) -> None:
        """What a lookup took, the encoder's time included."""
        if room := self._rooms.get(category):
            room.worth.looked(seconds)

    def is_off(self, category: str, now: float) -> bool:
        """Because it does not pay."""
        room = self._rooms.get(category)
        return room is not None and room.category.auto and room.worth.is_off(now)

    def stats(self, now: float) -> dict[str, Stats]:
        return {name: self._stats(room, now) for name, room in self._rooms.items()}

    def entries(self) -> Iterator[Kept]:
        """All, vectors included; those that go meanwhile are left out."""
        for id in list(self._records):
            if record := self._records.get(id):
                vector = None if self._index is None else self._index.vector(id)
                yield Kept(record.entry._replace(vector=vector), record.use)

    # Whether an entry may be used

    def _usable(self, room: _Room, record: Record, query: Query) -> bool:
        return (
            record.entry.scope == query.scope
            and record.entry.category == query.category
            and self._fresh(room, record, query.now)
            and self._may_have(room, record, query)
        )

    def _fresh(self, room: _Room, record: Record, now: float) -> bool:
        if _is_fresh(room, record, now):
            return True
        room.counts.stale += 1
        if now - record.entry.created > room.category.longest:
            room.counts.expired += 1
            self._delete([record])
        return False

    def _passes(self, room: _Room, record: Record, query: Query, similarity: float) -> bool:
        if not room.category.guard or record.entry.text == query.text:
            return True
        same = self._guard(query.text, record.entry.text, similarity).same
        room.counts.refused += not same
        return same

    def _may_have(self, room: _Room, record: Record, query: Query) -> bool:
        """Who asks does not count for himself: others must have wanted to know it before."""
        if _is_shared(room, record, query):
            return True
        room.counts.unshared += 1
        assert record.askers is not None
        if query.asker is not None and query.asker not in record.askers:
            record.askers = (*record.askers, query.asker)
            self.store.touch({record.entry.id: record.use})
        return False

    def _refusal(self, room: _Room, record: Record, query: Query, similarity: float) -> str | None:
        entry, barred = record.entry, _bar(room, record, query)
        if barred == _OLD:
            return barred
        if similarity < room.category.candidate_at(room.relief(query.now)):
            return "below the threshold"
        if barred is not None:
            return barred
        if room.category.guard and entry.text != query.text:
            verdict = self._guard(query.text, entry.text, similarity)
            return None if verdict.same else verdict.reason or "another meaning"
        return None

    def _near(self, query: Query, vector: Vector, count: int) -> Iterator[tuple[Record, float]]:
        if self._index is None or len(vector) != self._index.dimension:
            return
        for near in self._index.search(query.scope, vector, count):
            record = self._records.get(near.key)
            if record is not None and record.entry.category == query.category:
                yield record, near.similarity

    async def _alike(self, vector: Vector, at_least: float) -> list[str]:
        found: list[str] = []
        if self._index is not None and len(vector) == self._index.dimension:
            for some in self._index.alike(vector, at_least):
                found += [near.key for near in some]
                await asyncio.sleep(0)
        return found

    # Adding and removing

    def _fits(self, room: _Room, entry: Entry) -> bool:
        most = self._most(room)
        return most.entries > 0 and entry.size <= most.bytes

    def _most(self, room: _Room) -> Bounds:
        quota = room.category.quota
        if quota <= 0.0:
            return Bounds(0, 0)
        return Bounds(max(1, int(quota * self.bounds.entries)), int(quota * self.bounds.bytes))

    def _limit(self, room: _Room) -> Limit:
        most = self._most(room)
        return Limit(most.entries, most.bytes, room.category.longest, room.category.evict == "lru")

    def _loosely(self, most: int) -> int:
        """Before one has to go here; a store of several caches chooses it for all of them, a moment later."""
        return most + int(most * self.store.slack)

    def _askers(self, room: _Room, entry: Entry) -> tuple[str, ...] | None:
        """Who has asked for the new entry's text, and away with those that it stands for."""
        before = self._exact.get(entry.exact, ())
        if entry.asker is None or room.category.askers <= 1 or any(record.askers is None for record in before):
            self._delete(before)
            return None
        askers = tuple(dict.fromkeys((entry.asker, *(who for record in before for who in record.askers or ()))))
        if len(askers) > room.category.askers:  # so many others that it is shared with each of them
            self._delete(before)
            return None
        self._delete([record for record in before if record.entry.asker == entry.asker])
        for record in self._exact.get(entry.exact, ()):
            record.askers = askers
        return askers

    def _adopt(self, kept: Kept, now: float) -> bool:
        """What another process or an earlier one has made."""
        entry = kept.entry
        room = self._rooms.get(entry.category)
        if room is None or entry.id in self._records or not self._fits(room, entry):
            return room is not None and entry.id in self._records
        if now - entry.created > room.category.longest or entry.created > now + _AHEAD:
            return False
        record = self._add(kept)
        if not self.store.slack:  # else the store tells what has to go for it, too
            self._make_room(room, now, record)
        return True

    def _add(self, kept: Kept) -> Record:
        entry = kept.entry
        record = self._records[entry.id] = record_of(kept)
        self._exact[entry.exact] = (*self._exact.get(entry.exact, ()), record)
        self._rooms[entry.category].members.add(record)
        index = self._index
        if index is not None and entry.vector is not None and len(entry.vector) == index.dimension:
            index.add(entry.id, entry.scope, entry.vector)
        return record

    def _make_room(self, room: _Room, now: float, spared: Record | None, at_once: int = _AT_ONCE) -> None:
        for _ in range(at_once):
            full = self._full(room)
            if full is None or not self._evict(full, now, spared):
                return

    def _full(self, room: _Room) -> _Room | None:
        """Where one has to go: in the category, or, if all together are too many, in the largest."""
        most = self._most(room)
        if len(room.members) > self._loosely(most.entries) or room.members.bytes > self._loosely(most.bytes):
            return room
        if len(self._records) > self._loosely(self.bounds.entries):
            return max(self._rooms.values(), key=lambda each: len(each.members))
        return None

    def _evict(self, room: _Room, now: float, spared: Record | None) -> bool:
        record = room.members.worst(now, spared)
        if record is None:
            return False
        room.counts.evicted += 1
        self._delete([record])
        return True

    def _delete(self, records: Iterable[Record]) -> None:
        records = list(records)
        self._forget(records)
        if records:
            self.store.delete([record.entry.id for record in records])

    def _forget(self, records: Iterable[Record]) -> None:
        for record in records:
            entry = record.entry
            del self._records[entry.id]
            self._rooms[entry.category].members.remove(record)
            rest = tuple(other for other in self._exact[entry.exact] if other is not record)
            if rest:
                self._exact[entry.exact] = rest
            else:
                del self._exact[entry.exact]
            if self._index is not None:
                self._index.remove(entry.id)

    def _changed(self, change: Change) -> None:
        if isinstance(change, Put):
            self._adopt(change.kept, change.kept.use.used)
        elif isinstance(change, Gone):
            self._forget([self._records[id] for id in change.ids if id in self._records])
        else:
            self._asked(change)

    def _asked(self, change: Asked) -> None:
        record = self._records.get(change.id)
        if record is not None and record.askers is not None:
            record.askers = tuple(dict.fromkeys((*record.askers, *change.askers)))

    def _stats(self, room: _Room, now: float) -> Stats:
        most, relief = self._most(room), room.relief(now)
        return Stats(
            counts=room.counts,
            entries=len(room.members),
            bytes=room.members.bytes,
            max_entries=most.entries,
            max_bytes=most.bytes,
            threshold=room.category.threshold_at(relief) if room.category.semantic else None,
            ttl=room.category.ttl_at(relief),
            relief=relief,
            off=room.category.auto and now < room.worth.off_until,
            worth=room.worth.verdict(),
            saved_seconds=room.worth.saved,
            saved_usd=room.worth.usd,
        )


def _age(entry: Entry, now: float) -> float:
    return max(0.0, now - entry.created)


def _is_fresh(room: _Room, record: Record, now: float) -> bool:
    """One that comes from the future has an unknown age."""
    age = now - record.entry.created
    return -_AHEAD <= age <= room.category.ttl_at(room.relief(now))


def _bar(room: _Room, record: Record, query: Query) -> str | None:
    """What speaks against an entry whatever its text."""
    if not _is_fresh(room, record, query.now):
        return _OLD
    return None if _is_shared(room, record, query) else "not shared yet"


def _is_shared(room: _Room, record: Record, query: Query) -> bool:
    if record.askers is None or room.category.askers <= 1 or (query.asker and record.entry.asker == query.asker):
        return True
    return len([who for who in record.askers if who != query.asker]) >= room.category.askers


def _meant(entry: Entry, category: str | None, tenant: str | None, before: float | None) -> bool:
    return (
        (category is None or entry.category == category)
        and (tenant is None or entry.tenant == tenant)
        and (before is None or entry.created < before)
    )
