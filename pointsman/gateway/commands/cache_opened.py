"""A store that is opened without a gateway."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from pointsman.cache.store.base import Store
from pointsman.cache.store.redis.store import RedisStore
from pointsman.cache.store.sqlite import SqliteStore
from pointsman.gateway.app import build_runtime
from pointsman.gateway.caching.opening import opened
from pointsman.gateway.caching.service import Caching
from pointsman.gateway.errors import PointsmanError
from pointsman.gateway.pools.discovery.finder import presume
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.schema.config import Config

_PATIENCE = 60.0  # seconds for what Redis has


_UNSAVED = 8 * 1024**2
"""Bytes after which it is waited for the store."""


class NoStore(PointsmanError):
    pass


def place_of(config: Config) -> str:
    """NoStore if nothing outlasts a process there."""
    place = config.cache.store.get_secret_value()
    if place.startswith("memory:"):
        raise NoStore("`memory:` is only in the running gateway; write `store: sqlite:PATH` or `redis://…`")
    return place


@asynccontextmanager
async def opened_store(config: Config) -> AsyncIterator[tuple[Runtime, Caching]]:
    """NoStore if it cannot be had, or another process has it."""
    place_of(config)
    runtime = await asyncio.to_thread(build_runtime, config)
    presume(runtime.pools.values())
    caching = await opened(config, runtime.encoder)
    try:
        await _ready(caching)
        yield replace(runtime, caching=caching), caching
        await caching.cache.store.flush()
    finally:
        await caching.stop()
        if runtime.encoder is not None:
            runtime.encoder.close()


async def _ready(caching: Caching) -> None:
    store = caching.cache.store
    if isinstance(store, SqliteStore) and not store.keeps:
        raise NoStore(f"{store.path} cannot be written: another process has it, or see the message above")
    if isinstance(store, RedisStore):
        assert store.follower is not None
        try:
            async with asyncio.timeout(_PATIENCE):
                await store.follower.caught_up.wait()
        except TimeoutError:
            raise NoStore(f"Redis did not say within {_PATIENCE:.0f} s what it has") from None


class Pace:
    """Waits for the store now and then: it gives up documents of which too many wait to be written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._bytes = 0

    async def after(self, size: int) -> None:
        self._bytes += size
        if self._bytes < _UNSAVED:
            await asyncio.sleep(0)  # the store's own tasks have their turn
            return
        self._bytes = 0
        await self._store.flush()


def lines_of(file: Path) -> Iterator[bytes]:
    """One at a time, blank ones too."""
    if str(file) == "-":
        yield from sys.stdin.buffer
        return
    try:
        with file.open("rb") as lines:
            yield from lines
    except OSError as error:
        raise NoStore(f"cannot read {file}: {error.strerror}") from None
