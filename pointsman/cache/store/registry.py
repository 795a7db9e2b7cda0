"""Stores by what their place begins with. A new one is a file here and a line in `_STORES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pointsman.cache.store.base import Store
from pointsman.cache.store.memory import MemoryStore
from pointsman.cache.store.redis import address
from pointsman.cache.store.sqlite import SqliteStore


def _memory(place: str) -> Store:
    return MemoryStore()


def _sqlite(place: str) -> Store:
    return SqliteStore(Path(place.removeprefix("sqlite:")))


def _redis(place: str) -> Store:
    from pointsman.cache.store.redis.store import RedisStore

    return RedisStore(place)


_STORES: Mapping[str, Callable[[str], Store]] = {
    "memory": _memory, "sqlite": _sqlite, **dict.fromkeys(address.SCHEMES, _redis)
}  # fmt: skip

FORMS = f"memory:, sqlite:PATH, {address.FORM}"


def problem(place: str) -> str | None:
    """What is wrong with it, as far as can be said without opening it. Never with the place in it: a URL may have a
    password."""
    scheme, colon, rest = place.partition(":")
    if not colon or scheme not in _STORES:
        return f"a store is one of {FORMS}"
    if scheme == "memory" and rest:
        return "`memory:` has nothing after the colon"
    if scheme == "sqlite" and not rest.strip():
        return "`sqlite:` needs the path of a file, such as sqlite:pointsman-cache.db"
    return address.problem(place) if scheme in address.SCHEMES else None


def open_store(place: str) -> Store:
    """ValueError if there is no such store. May block."""
    if found := problem(place):
        raise ValueError(found)
    return _STORES[place.partition(":")[0]](place)
