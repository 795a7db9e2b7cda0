"""What others change. All entries are read once, and from then on the stream; one that has missed a part of it, or
finds that Redis has forgotten what it had, reads all again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from pointsman.cache.entry import Entry
from pointsman.cache.store.base import Asked, Change, Gone, Kept, Put, Use
from pointsman.cache.store.redis.form import Foreign, unpack_entry, unpack_use
from pointsman.cache.store.redis.link import FAILURES, Link, Patience
from pointsman.cache.store.redis.scripts import TAG

_EVENTS = 256
"""Of the stream, at once."""
_PAGE = 200
"""Entries of a snapshot, roughly, at once."""
_TURN = 32
"""Changes after which others have their turn."""
_BEGINNING = b"0-0"

_FAILURES: tuple[type[Exception], ...] = (*FAILURES, Foreign)
_ENTRIES, _STREAM, _KEY = f"{TAG}:e", f"{TAG}:s", f"{TAG}:key"


class Ours(Protocol):
    """What the store holds itself."""

    key: bytes

    def known(self) -> set[str]:
        """Ids that Redis should have."""
        ...

    def is_deleted(self, id: str) -> bool: ...
    def take(self, change: Change) -> None: ...
    def take_key(self, key: bytes) -> None: ...


class Follower:
    def __init__(self, client: Any, link: Link, patience: Patience, ours: Ours, origin: str) -> None:
        self._client = client
        self._link = link
        self._patience = patience
        self._ours = ours
        self._origin = origin.encode()
        self._last: bytes | None = None  # event that was taken
        self.keyed = asyncio.Event()  # the key is the one that all have
        self.caught_up = asyncio.Event()

    async def run(self) -> None:
        while True:
            try:
                await self._follow()
            except _FAILURES as error:
                self._link.counts.failed += 1
                self.caught_up.clear()
                self._link.trouble("following the stream", error)
                await asyncio.sleep(self._patience.again)

    async def rekey(self, key: bytes) -> None:
        """For a Redis without entries."""
        await self._client.set(_KEY, key)
        self._ours.take_key(key)

    async def _follow(self) -> None:
        await self._agree()
        if not await self._continues():
            await self._read_all()
        self.caught_up.set()
        self._link.fine("following the stream")
        clock = asyncio.get_running_loop().time
        checked = clock()
        while True:
            events = await self._events()
            await self._take(events)
            behind = len(events) >= _EVENTS  # so far that the next ones may be gone
            if behind or clock() - checked >= self._patience.checked:
                checked = clock()
                if not await self._continues():
                    self.caught_up.clear()
                    return

    async def _agree(self) -> None:
        """The first one's key is everybody's."""
        await self._client.set(_KEY, self._ours.key, nx=True)
        key = await self._client.get(_KEY)
        if not isinstance(key, bytes) or len(key) != len(self._ours.key):
            self._link.counts.foreign += 1
            raise Foreign("its key is not ours")
        if key != self._ours.key:
            self._last = None
            self._ours.take_key(key)
        self.keyed.set()

    async def _continues(self) -> bool:
        """Whether the event that was taken last is still there. If so nothing after it has been trimmed, and Redis has
        not gone back to an earlier state either."""
        if self._last is None or self._last == _BEGINNING:
            return False
        return bool(await self._client.xrange(_STREAM, self._last, self._last, 1))

    async def _read_all(self) -> None:
        """Events that come while it is read are taken afterwards, some of them a second time, which changes nothing."""
        self._link.counts.resyncs += 1
        self._last = None
        known = self._ours.known()
        newest = await self._client.xrevrange(_STREAM, count=1)
        cursor = None
        while cursor != 0:
            cursor, page = await self._client.hscan(_ENTRIES, cursor or 0, count=_PAGE)
            await self._take_page(page)
            known.difference_update(map(_text, page))
        lost = list(known)
        for start in range(0, len(lost), _TURN):
            self._ours.take(Gone(lost[start : start + _TURN]))
            await asyncio.sleep(0)
        self._last = newest[0][0] if newest else _BEGINNING

    async def _take_page(self, page: Mapping[bytes, bytes]) -> None:
        if not page:
            return
        uses = await asyncio.gather(*(self._client.hmget(f"{TAG}:{name}", list(page)) for name in "hua"))
        for number, (id, data, *use) in enumerate(zip(page, page.values(), *uses, strict=True)):
            entry = self._entry(_text(id), data)
            if entry is not None:
                self._put(Kept(entry, _use(entry, use)))
            if number % _TURN == 0:
                await asyncio.sleep(0)

    async def _events(self) -> Sequence[tuple[bytes, Mapping[bytes, bytes]]]:
        block = int(self._patience.block * 1000)
        found = await self._client.xread({_STREAM: self._last}, count=_EVENTS, block=block)
        return found[0][1] if found else ()

    async def _take(self, events: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> None:
        for number, (place, event) in enumerate(events):
            try:
                self._take_one(event)
            except (Foreign, ValueError, TypeError):
                self._link.counts.foreign += 1
            self._last = place
            if number % _TURN == 0:
                await asyncio.sleep(0)

    def _take_one(self, event: Mapping[bytes, bytes]) -> None:
        origin = event.get(b"o")
        if b"g" in event:
            self._ours.take(Gone([str(id) for id in _listed(event[b"g"])]))
        elif origin == self._origin:
            return
        elif b"p" in event:
            entry = self._entry(_text(event[b"p"]), event.get(b"m", b""))
            if entry is not None:
                self._put(Kept(entry, unpack_use(event.get(b"u", b""))))
        elif b"a" in event:
            self._ours.take(Asked(_text(event[b"a"]), tuple(map(str, _listed(event.get(b"m", b""))))))
        else:
            raise Foreign

    def _put(self, kept: Kept) -> None:
        if not self._ours.is_deleted(kept.entry.id):
            self._ours.take(Put(kept))

    def _entry(self, id: str, data: bytes) -> Entry | None:
        try:
            return unpack_entry(id, data)
        except Foreign:
            self._link.counts.foreign += 1
            return None


def _text(id: bytes) -> str:
    return id.decode("utf-8", "replace")


def _listed(data: bytes) -> Collection[Any]:
    found = json.loads(data)
    if not isinstance(found, list):
        raise Foreign
    return found


def _use(entry: Entry, found: Sequence[bytes | None]) -> Use:
    """What cannot be read is left out; who asked decides who may have it, so that then nobody has."""
    hits, used, askers = found
    try:
        who = None if askers is None else tuple(map(str, _listed(askers)))
    except (Foreign, ValueError):
        who = ()
    try:
        return Use(int(hits or 0), float(used or entry.created), who)
    except ValueError:
        return Use(0, entry.created, who)
