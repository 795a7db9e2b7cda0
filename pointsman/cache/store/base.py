"""Where documents lie, and what outlasts a restart.

Entries, vectors included, are held by the cache itself; a store keeps them a second time, so that the next process
begins with them. Its methods are called on the event loop and never wait, but for `get`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple, Protocol, TypeAlias

from pointsman.cache.entry import Entry


class Use(NamedTuple):
    """What changes of an entry. Kept roughly: the last seconds of it may be lost."""

    hits: int = 0
    used: float = 0.0  # Unix time
    askers: tuple[str, ...] | None = None  # who asked for it, while it is not shared; None: it is shared


class Kept(NamedTuple):
    entry: Entry
    use: Use


class Put(NamedTuple):
    """Another process has made an entry."""

    kept: Kept


class Gone(NamedTuple):
    """Another process has deleted entries."""

    ids: Collection[str]


class Asked(NamedTuple):
    """Another process knows who has asked for an entry that is not shared yet."""

    id: str
    askers: tuple[str, ...]


Change: TypeAlias = Put | Gone | Asked


class Limit(NamedTuple):
    """Of a category."""

    entries: int
    bytes: int  # of documents
    ttl: float  # seconds that an entry can be used at most
    lru: bool  # what was not used for longest goes; otherwise what is worth least


class Health(NamedTuple):
    up: bool = True
    counts: Mapping[str, int] = {}  # of what went wrong, since the start


class Away(Exception):
    """A document cannot be had in time; it may well be there."""


class Store(Protocol):
    key: bytes
    """Of `ScopeKey`: the same for all that use the store. It may be another one after a while."""
    slack: float
    """Share by which a cache may be above its quotas for a moment, as the store itself keeps them; mostly 0."""

    async def start(self) -> None:
        """On the event loop, before the first request."""
        ...

    def entries(self) -> Iterable[Kept]:
        """All that it has, at the start; may block."""
        ...

    def follow(self, take: Callable[[Change], None]) -> None:
        """`take` is called on the event loop with what others change. A store of one process never calls it."""
        ...

    def bound(self, total: int, limits: Mapping[str, Limit]) -> None:
        """Entries in all, and what each category may have: for a store that several processes fill."""
        ...

    async def get(self, id: str) -> bytes | None:
        """A document; None if it is gone. Away if it cannot be had in time."""
        ...

    def put(self, kept: Kept, document: bytes) -> None:
        """From now on `get` has it."""
        ...

    def touch(self, uses: Mapping[str, Use]) -> None: ...

    def delete(self, ids: Collection[str]) -> None: ...

    async def flush(self) -> None:
        """All that was told before is as safe as the store can make it."""
        ...

    def health(self) -> Health: ...

    def close(self) -> None:
        """What waits is written. May block for seconds; not to be called on the event loop."""
        ...
