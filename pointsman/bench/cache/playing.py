"""A stream of questions through the cache itself, under one policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from hashlib import blake2b
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pointsman.bench.cache.world import Ask
from pointsman.cache.cache import Bounds, Cache, Guard
from pointsman.cache.categories import Category, Loosen, Verify, default
from pointsman.cache.entry import Entry, Hit, Query, Vector
from pointsman.cache.guard import compare
from pointsman.cache.index import quantised
from pointsman.cache.store.memory import MemoryStore
from pointsman.cache.verify import Verifier
from pointsman.signals.encoder.encoding import Encoder, excerpt

_BATCH = 32
_START = 1e6
"""Unix time of the start."""
_FOREVER = 1e12
_SECONDS, _COST = 2.0, 0.001
"""That an answer takes."""

Vectors = Mapping[str, Vector]


class Watch(NamedTuple):
    begun: Callable[[Cache, int, float], None]  # before each ask: its number, and its time
    missed: Callable[[float], None]


class Became(IntEnum):
    MISS = 0
    RIGHT = 1
    WRONG = 2  # another question's answer
    OUTDATED = 3  # its own, and no longer true


class Played(NamedTuple):
    became: NDArray[np.int8]  # of each ask
    exact: NDArray[np.bool_]  # hits of equal texts
    late: int  # hits past the time that the policy allows


@dataclass(frozen=True, slots=True)
class Policy:
    name: str
    threshold: float | None = None  # of all categories; None: each has its own
    semantic: bool = True
    guard: bool = True
    expires: bool = True
    loosens: bool = False
    verify: float | None = None  # share of hits that may be wrong

    def category(self, name: str, quota: float) -> Category:
        usual = default(name)
        threshold = usual.threshold if self.threshold is None else self.threshold
        return replace(
            usual,
            threshold=threshold if self.semantic else None,
            ttl=usual.ttl if self.expires else _FOREVER,
            quota=quota,
            guard=self.guard,
            loosen=usual.loosen if self.loosens else Loosen(),
            verify=None if self.verify is None else Verify(self.verify),
        )


def vectors_of(asks: Sequence[Ask], encoder: Encoder) -> Vectors:
    texts = list(dict.fromkeys(ask.text for ask in asks))
    found: dict[str, Vector] = {}
    for start in range(0, len(texts), _BATCH):
        part = texts[start : start + _BATCH]
        encodings = encoder.encode([excerpt(text) for text in part])
        found |= {text: encoding.vector for text, encoding in zip(part, encodings, strict=True)}
    return found


class Judge:
    """The guard, which says the same of the same pair again, so that many policies are played in less time."""

    def __init__(self, guard: Guard = compare) -> None:
        self._guard = guard
        self._known: dict[tuple[str, str, float], object] = {}

    def __call__(self, asked: str, kept: str, similarity: float) -> object:
        key = asked, kept, round(similarity, 4)
        if key not in self._known:
            self._known[key] = self._guard(asked, kept, similarity)
        return self._known[key]


def play(asks: Sequence[Ask], vectors: Vectors, policy: Policy, judge: Judge, watch: Watch | None = None) -> Played:
    names = list(dict.fromkeys(ask.category for ask in asks))
    dimension = len(next(iter(vectors.values())))
    categories = {name: policy.category(name, 1 / len(names)) for name in names}
    bounds = Bounds(8 * len(asks), 1 << 40)
    cache = Cache(MemoryStore(), categories, bounds, judge, dimension, Random(5))  # type: ignore[arg-type]
    verifiers = {name: Verifier(policy.verify) for name in names if policy.verify is not None}
    random, truth = Random(6), dict[str, Ask]()
    became, exact, late = np.zeros(len(asks), np.int8), np.zeros(len(asks), np.bool_), 0
    for place, ask in enumerate(asks):
        now = _START + ask.when
        if watch is not None:
            watch.begun(cache, place, now)
        query = _query(ask, now)
        hit = cache.exact(query) or _similar(cache, query, vectors[ask.text], verifiers, random, truth, ask)
        if hit is None:
            cache.insert(_entry(ask, query, vectors[ask.text], place), b"x")
            truth[f"{place:032x}"] = ask
            if watch is not None:
                watch.missed(now)
            continue
        late += hit.age > categories[ask.category].longest
        cache.touch(hit, now)
        became[place], exact[place] = _judged(ask, truth[hit.entry.id]), hit.exact
    return Played(became, exact, late)


def _similar(
    cache: Cache,
    query: Query,
    vector: Vector,
    verifiers: Mapping[str, Verifier],
    random: Random,
    truth: Mapping[str, Ask],
    ask: Ask,
) -> Hit | None:
    hit = cache.similar(query, vector)
    verifier = verifiers.get(query.category)
    if hit is None or verifier is None:
        return hit
    considered = verifier.consider(hit.entry.id, hit.similarity, random.random())
    if considered.serve:
        return hit
    verifier.learn(considered, _judged(ask, truth[hit.entry.id]) is Became.RIGHT)
    return None


def _judged(ask: Ask, kept: Ask) -> Became:
    if (ask.meaning, ask.scope) != (kept.meaning, kept.scope):
        return Became.WRONG
    return Became.RIGHT if ask.version == kept.version else Became.OUTDATED


def _hash(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _query(ask: Ask, now: float) -> Query:
    scope = _hash(ask.category, ask.scope)
    return Query(scope, _hash(scope.hex(), ask.text), ask.category, ask.text, now)


def _entry(ask: Ask, query: Query, vector: Vector, place: int) -> Entry:
    return Entry(
        id=f"{place:032x}", scope=query.scope, exact=query.exact, category=ask.category, tenant=None, text=ask.text,
        vector=quantised(vector), created=query.now, size=1, cost=_COST, seconds=_SECONDS, pool="small",
    )  # fmt: skip
