"""Entries and caches for tests: texts become vectors in which each word is a direction."""

from __future__ import annotations

import zlib
from random import Random
from typing import Any, NamedTuple

import numpy as np

from pointsman.cache.cache import Bounds, Cache
from pointsman.cache.categories import Category, Loosen
from pointsman.cache.entry import Entry, Query, Vector
from pointsman.cache.index import quantised
from pointsman.cache.scope import ScopeKey
from pointsman.cache.store.base import Store
from pointsman.cache.store.memory import MemoryStore

DIMENSION = 64
KEY = ScopeKey(b"k" * 32)


class Same(NamedTuple):
    same: bool
    reason: str | None = None


def by_not(asked: str, kept: str, similarity: float) -> Same:
    """A guard that knows one word."""
    if ("not" in asked.split()) != ("not" in kept.split()):
        return Same(False, "one is negated")
    return Same(True)


def vector(text: str) -> Vector:
    """Texts with the same words, but for a few, are similar."""
    found = np.zeros(DIMENSION, np.float32)
    for word in text.split():
        seed = zlib.crc32(word.encode("utf-8", "surrogatepass"))
        found += np.random.default_rng(seed).standard_normal(DIMENSION, np.float32)
    length = float(np.linalg.norm(found))
    return found / length if length else np.eye(1, DIMENSION, dtype=np.float32)[0]


def scope(name: str, of: str) -> bytes:
    """The category is a part of it, as it always is."""
    return f"{name}/{of}".encode().ljust(16, b"-")


def category(name: str = "general", **other: Any) -> Category:
    settings: dict[str, Any] = {"threshold": 0.8, "ttl": 100.0, "quota": 1.0, "loosen": Loosen()}
    return Category(name, **(settings | other))


def query(text: str, at: str = "s", now: float = 0.0, of: str = "general", asker: str | None = None) -> Query:
    return Query(scope(at, of), KEY.exact(scope(at, of), text), of, text, now, asker)


def entry(text: str, at: str = "s", created: float = 0.0, of: str = "general", **other: Any) -> Entry:
    settings: dict[str, Any] = {
        "id": f"{at}/{of}/{text}/{created}", "scope": scope(at, of), "exact": KEY.exact(scope(at, of), text),
        "category": of, "tenant": None, "text": text, "vector": quantised(vector(text)), "created": created,
        "size": 0, "cost": 0.001, "seconds": 1.0,
    }  # fmt: skip
    return Entry(**(settings | other))


def cache(
    *categories: Category, entries: int = 1000, size: int = 1_000_000, store: Store | None = None, guard: Any = by_not
) -> Cache:
    named = {each.name: each for each in categories or (category(),)}
    return Cache(store or MemoryStore(), named, Bounds(entries, size), guard, DIMENSION, Random(7))
