"""`redis://…`: several gateways have one cache.

Each has all entries in its own index, and follows what the others change; only a document that is about to be served
crosses the network. Whatever happens to Redis, no request waits for it longer than the budget, and none fails."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import structlog

from pointsman.cache.entry import Entry
from pointsman.cache.scope import KEY_BYTES
from pointsman.cache.store.base import Away, Change, Gone, Health, Kept, Limit, Put, Use
from pointsman.cache.store.hot import Hot
from pointsman.cache.store.redis.address import address_of
from pointsman.cache.store.redis.clients import client_of, close
from pointsman.cache.store.redis.follower import Follower
from pointsman.cache.store.redis.link import PATIENCE, Link, Patience
from pointsman.cache.store.redis.reader import Reader
from pointsman.cache.store.redis.writer import Writer
from pointsman.cache.store.unsaved import Unsaved

log = structlog.get_logger(__name__)

_HOT = 32 * 1024**2
_CLOSING = 3.0


class RedisStore:
    slack = 0.125
    """Redis keeps the quotas, with all hits of all gateways; each cache may be so much above them for a moment."""

    def __init__(self, place: str, patience: Patience = PATIENCE, clock: Callable[[], float] = time.time) -> None:
        self._address = address_of(place)
        self._patience = patience
        self._clock = clock
        self.key = secrets.token_bytes(KEY_BYTES)
        self.link = Link(self._address.shown)
        self._hot = Hot(_HOT)
        self._unsaved = Unsaved()
        self._known: set[str] = set()
        self._take: Callable[[Change], None] = _ignore
        self._limits: tuple[int, Mapping[str, Limit]] = (0, {})
        self._clients: list[Any] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reader: Reader | None = None
        self._writer: Writer | None = None
        self.follower: Follower | None = None

    async def start(self) -> None:
        """Waits a little for the key that all have: what is kept under another one is lost afterwards."""
        patience, link, origin = self._patience, self.link, secrets.token_hex(8)
        self._loop = asyncio.get_running_loop()
        self._reader = Reader(self._client(patience.answer, again=True), link, patience)
        following = self._client(patience.block + patience.answer)
        follower = self.follower = Follower(following, link, patience, self, origin)
        writing = self._client(patience.answer)
        self._writer = Writer(writing, link, patience, self._unsaved, origin, self._clock, follower.keyed)
        self._writer.total, self._writer.limits = self._limits
        runs = follower.run(), self._reader.run(), self._writer.run()
        self._tasks = [self._loop.create_task(run) for run in runs]
        for task in self._tasks:
            task.add_done_callback(self._ended)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience.start):
                await follower.keyed.wait()

    def entries(self) -> Iterable[Kept]:
        return ()

    def follow(self, take: Callable[[Change], None]) -> None:
        self._take = take

    def bound(self, total: int, limits: Mapping[str, Limit]) -> None:
        self._limits = total, limits
        if self._writer is not None:
            self._writer.total, self._writer.limits = self._limits

    async def get(self, id: str) -> bytes | None:
        document = self._unsaved.document(id) or self._hot.get(id)
        if document is not None:
            return document
        if self._reader is None:
            raise Away
        document = await self._reader.get(id)
        if document is not None and id in self._known:
            self._hot.put(id, document)
        return document

    def put(self, kept: Kept, document: bytes) -> None:
        self._known.add(kept.entry.id)
        self._hot.put(kept.entry.id, document)
        dropped = self._unsaved.put(kept, document)
        if dropped:
            self.link.counts.dropped += dropped
            self.link.complain("cache_not_saved", "what waits to be written takes too much memory")
        self._hurry()

    def touch(self, uses: Mapping[str, Use]) -> None:
        self._unsaved.touch(uses)
        if any(use.askers for use in uses.values()):
            self._hurry()

    def delete(self, ids: Collection[str]) -> None:
        self._forget(ids)
        self._unsaved.delete(ids)
        self._hurry()

    async def flush(self) -> None:
        if self._writer is not None:
            await self._writer.flush()

    def health(self) -> Health:
        return Health(self.link.up, asdict(self.link.counts))

    async def stop(self) -> None:
        if self.link.up:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSING):
                    await self.flush()
        running = set(self._tasks)
        while running:  # redis-py may swallow it, when an answer comes at the same moment
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=0.05)
        for client in self._clients:
            await close(client)
        self._tasks, self._clients, self._reader, self._writer = [], [], None, None

    def close(self) -> None:
        """From another thread than the one that it was started in."""
        if self._loop is None or not self._tasks:
            return
        with suppress(Late):
            asyncio.run_coroutine_threadsafe(self.stop(), self._loop).result(2 * _CLOSING)

    # What the follower asks and tells

    def known(self) -> set[str]:
        return {id for id in self._known if not self._unsaved.waits(id)}

    def is_deleted(self, id: str) -> bool:
        return self._unsaved.is_deleted(id)

    def take(self, change: Change) -> None:
        if isinstance(change, Put):
            entry, use = change.kept
            if entry.id in self._known or self._is_too_old(entry):
                return
            self._known.add(entry.id)
            if self._writer is not None and use.hits:
                self._writer.hits[entry.id] = use.hits
        elif isinstance(change, Gone):
            self._forget(change.ids)
        self._take(change)

    def take_key(self, key: bytes) -> None:
        """What was kept under the other one would never be found."""
        self._unsaved.take()
        self._unsaved.written()
        gone = list(self._known)
        self._forget(gone)
        self.key = key
        self._take(Gone(gone))

    def _is_too_old(self, entry: Entry) -> bool:
        """Its document has expired, and Redis will tidy it up."""
        limit = self._limits[1].get(entry.category)
        return limit is not None and self._clock() - entry.created > limit.ttl

    def _forget(self, ids: Collection[str]) -> None:
        self._known.difference_update(ids)
        for id in ids:
            self._hot.drop(id)
            if self._writer is not None:
                self._writer.hits.pop(id, None)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """By a fault of ours: from now on this cache is alone."""
        if not task.cancelled() and (error := task.exception()):
            self.link.trouble("a task has failed", error)
            log.error("cache_store_failed", exc_info=error)

    def _hurry(self) -> None:
        if self._writer is not None:
            self._writer.hurry()

    def _client(self, timeout: float, *, again: bool = False) -> Any:
        client = client_of(self._address, timeout, self._patience.connect, again=again)
        self._clients.append(client)
        return client


def _ignore(change: Change) -> None:
    pass
