"""What this gateway changes, on its way to Redis. Nobody waits for it; of what Redis does not take only so much is
kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from pointsman.cache.store.base import Kept, Limit, Use
from pointsman.cache.store.redis.form import pack_askers, pack_document, pack_entry, pack_use
from pointsman.cache.store.redis.link import FAILURES, Link, Patience, is_full, is_refusal, reason
from pointsman.cache.store.redis.scripts import DELETE, PUT, TAG, TIDY, TOUCH
from pointsman.cache.store.unsaved import Batch, Unsaved

T = TypeVar("T")

STREAM = 20_000
"""Events that a replica may be behind before it has to read all entries again."""

_HASTE = 0.5
"""Seconds after which hits are told, unless something else is."""
_TIDY = 10.0
_PUTS, _PUT_BYTES = 16, 1024**2
"""Documents that Redis takes at once."""
_IDS = 256


class Writer:
    def __init__(
        self,
        client: Any,
        link: Link,
        patience: Patience,
        unsaved: Unsaved,
        origin: str,
        clock: Callable[[], float],
        keyed: asyncio.Event,
    ) -> None:
        """Before `keyed` nothing is written: it might be under a key that nobody else has."""
        self._client = client
        self._link = link
        self._patience = patience
        self._unsaved = unsaved
        self._origin = origin
        self._clock = clock
        self._keyed = keyed
        self._wake = asyncio.Event()
        self._tried = asyncio.Condition()
        self._rounds = 0
        self._again = False  # deletes have to be told although nothing was there any more
        self._tidied = float("-inf")
        self._away = False
        self.limits: Mapping[str, Limit] = {}
        self.total = 0
        self.hits: dict[str, int] = {}  # of entries, as Redis knows them

    def hurry(self) -> None:
        self._wake.set()

    async def flush(self) -> None:
        """All that was told before has been tried to be written. Not after the end of `run`."""
        if not self._keyed.is_set():
            return
        async with self._tried:
            after = self._rounds + 2  # one may have begun before
            while self._rounds < after:
                self._wake.set()
                await self._tried.wait()

    async def run(self) -> None:
        await self._keyed.wait()
        while True:
            failed = await self._round()
            async with self._tried:
                self._rounds += 1
                self._tried.notify_all()
            if failed:
                await asyncio.sleep(self._patience.again)
                continue
            try:
                async with asyncio.timeout(_HASTE):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _round(self) -> bool:
        """Whether Redis is away."""
        self._wake.clear()
        batch = self._unsaved.take()
        try:
            await self._write(batch)
            await self._tidy()
            if self._away and not batch:
                await self._client.ping()
        except FAILURES as error:
            self._link.counts.failed += 1
            if is_refusal(error):
                self._give_up(batch, error)
                return False
            self._unsaved.give_back(batch)
            self._link.trouble("writing changes", error)
            self._away = True
            return True
        self._away = False
        self._unsaved.written()
        self._link.fine("writing changes")
        return False

    async def _write(self, batch: Batch) -> None:
        """What is gone first, so that there is room for what is new."""
        untold: list[str] = []
        for ids in _chunks(batch.deletes, _IDS):
            again = "1" if self._again else "0"
            if not await self._eval(DELETE, STREAM, again, *ids):
                untold += ids
            for id in ids:
                self.hits.pop(id, None)
        self._again = bool(untold)
        try:
            await self._put(batch)
            for some in _chunks(batch.touches.items(), _IDS):
                await self._touch(some)
        except FAILURES as error:
            if not is_full(error):
                raise
            self._link.counts.full += len(batch.puts)
            self._link.complain("cache_store_full", reason(error))
        if untold:
            self._unsaved.delete(untold)

    async def _put(self, batch: Batch) -> None:
        args: list[Any] = []
        size = count = 0
        for kept, document in batch.puts.values():
            put = self._arguments(kept, document)
            args += put
            count += bool(put)
            size += len(document)
            self.hits[kept.entry.id] = kept.use.hits
            if count >= _PUTS or size >= _PUT_BYTES:
                await self._eval(PUT, STREAM, self.total, _PUT_ARGUMENTS, *args)
                args, size, count = [], 0, 0
        if args:
            await self._eval(PUT, STREAM, self.total, _PUT_ARGUMENTS, *args)

    def _arguments(self, kept: Kept, document: bytes) -> Sequence[Any]:
        """None for an entry that is already too old."""
        entry, use = kept
        limit = self.limits.get(entry.category)
        left = 0.0 if limit is None else entry.created + limit.ttl - self._clock()
        if limit is None or left <= 0:
            return ()
        return (
            entry.id, entry.category, pack_entry(kept, limit.ttl), pack_document(entry.id, document),
            max(1, int(left * 1000)), entry.size, limit.entries, limit.bytes, int(limit.lru),
            use.hits, use.used, pack_askers(use.askers), pack_use(use),
        )  # fmt: skip

    async def _touch(self, uses: Iterable[tuple[str, Use]]) -> None:
        args: list[Any] = []
        told: dict[str, int] = {}
        for id, use in uses:
            args += id, max(0, use.hits - self.hits.get(id, 0)), use.used, pack_askers(use.askers)
            told[id] = use.hits
        await self._eval(TOUCH, STREAM, *args)
        self.hits |= told

    async def _tidy(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._tidied >= _TIDY:
            self._tidied = now
            await self._client.eval(TIDY, 1, f"{TAG}:e", TAG, int(_TIDY * 1000))

    async def _eval(self, script: str, *args: Any) -> Any:
        return await self._client.eval(script, 1, f"{TAG}:e", TAG, self._origin, *args)

    def _give_up(self, batch: Batch, error: Exception) -> None:
        """A command that is not allowed, or a key that somebody else has made: it would fail each time."""
        self._unsaved.written()
        self._link.counts.dropped += len(batch.puts) + len(batch.touches) + len(batch.deletes)
        self._link.complain("cache_not_saved", reason(error))


_PUT_ARGUMENTS = 13


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
