"""What must never happen, and what a lookup may cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import orjson

from pointsman.bench.quality.figures import Figure, Target
from pointsman.bench.quality.metrics import Classes, interval
from pointsman.bench.report import Table
from pointsman.cache.cache import Bounds, Cache
from pointsman.cache.categories import Category
from pointsman.cache.entry import Entry, Query, Vector
from pointsman.cache.guard import compare
from pointsman.cache.index import quantised
from pointsman.cache.scope import Parts, ScopeKey
from pointsman.cache.store.memory import MemoryStore
from pointsman.cache.worth import Worth
from pointsman.gateway.app import Gateway
from pointsman.gateway.caching.warming import Line, warm
from pointsman.gateway.config import load
from pointsman.signals.encoder.encoding import Encoder

_NAME = "general"
_TTL = 1000.0
_QUESTION = "How do I reset my password?"
_MISS = 0.002


@dataclass(frozen=True, slots=True)
class Effort:
    lookups: int = 1_000_000
    ages: int = 100_000
    seconds: float = 4.0  # of exact hits
    prompts: int = 500
    resamples: int = 1000


QUICK = Effort(lookups=2000, ages=500, seconds=0.2, prompts=20, resamples=20)


# Scopes and ages


def leaks(count: int, seed: int = 3) -> tuple[int, int]:
    """Lookups that found another scope's entry, and lookups. Every scope has the very same text and vector, and each
    differs from the others in a single part."""
    random, key = Random(seed), ScopeKey(b"s" * 32)
    vector = _vector(seed)
    cache = _cache(1e9)
    bodies = [_parts(random, number) for number in range(2000)]
    half = len(bodies) // 2
    for number, parts in enumerate(bodies[:half]):
        cache.insert(_entry(key, parts, f"{number:032x}", vector, 0.0), b"x")
    # Whose entry it may be is known without the scope: of what was asked before, and nobody's of the other half.
    queries = [(_query(key, parts, 1.0), f"{n:032x}" if n < half else None) for n, parts in enumerate(bodies)]
    wrong = 0
    for _ in range(count):
        query, own = queries[int(random.random() * len(queries))]
        exact = cache.exact(query)
        similar = cache.similar(query._replace(exact=b""), vector)
        wrong += any(hit is not None and hit.entry.id != own for hit in (exact, similar))
    return wrong, count


def stale(count: int, seed: int = 4) -> int:
    """Hits of entries that are older than the ttl."""
    random, key, vector = Random(seed), ScopeKey(b"s" * 32), _vector(seed)
    late = 0
    cache = _cache(_TTL)
    for number in range(count):
        age = _TTL * (0.999 + 0.002 * random.random())
        parts = replace(_parts(random, 0), system=str(number))
        cache.insert(_entry(key, parts, f"{number:032x}", vector, 0.0), b"x")
        query = _query(key, parts, age)
        hits = cache.similar(query._replace(exact=b""), vector), cache.exact(query)
        late += sum(hit is not None and age > _TTL for hit in hits)
        cache.drop([f"{number:032x}"])
    return late


_FIELDS: Mapping[str, Callable[[str], Any]] = {
    "owner": lambda word: ("tenant", word),
    "candidates": lambda word: [f"small {word}"],
    "system": str,
    "turns": lambda word: [{"role": "user", "content": word}],
    "tools": lambda word: [{"name": word}],
    "response_format": lambda word: {"type": word},
    "sampling": lambda word: {"seed": word},
    "epoch": str,
}


def _parts(random: Random, number: int) -> Parts:
    """All as usual but for one part."""
    usual = Parts(("nobody",), _NAME, ["small m"], "chat/completions", "e")
    if number == 0:
        return usual
    field = random.choice(sorted(_FIELDS))
    return replace(usual, **{field: _FIELDS[field](f"{number}")})


def _cache(ttl: float) -> Cache:
    category = Category(_NAME, 0.85, ttl, 1.0)
    return Cache(MemoryStore(), {_NAME: category}, Bounds(1_000_000, 1 << 40), compare, 384, Random(1))


def _vector(seed: int) -> Vector:
    found = np.random.default_rng(seed).standard_normal(384, np.float32)
    unit: Vector = found / np.linalg.norm(found)
    return unit


def _query(key: ScopeKey, parts: Parts, now: float) -> Query:
    scope, exact = key.scoped(parts, _QUESTION)
    return Query(scope, exact, _NAME, _QUESTION, now)


def _entry(key: ScopeKey, parts: Parts, id: str, vector: Vector, created: float) -> Entry:
    scope, exact = key.scoped(parts, _QUESTION)
    return Entry(id, scope, exact, _NAME, None, _QUESTION, quantised(vector), created, 1)


# What it costs

_POLICY = """\
version: 1
pools: {small: {model: m, endpoints: ["http://127.0.0.1:9"]}}
decisions: [{name: everything, when: true, models: [small], cache: true}]
"""


def hits_per_second(seconds: float) -> float:
    """Of equal texts, through the whole gateway but for the server's HTTP, one after the other."""
    return asyncio.run(_hits(seconds))


async def _hits(seconds: float) -> float:
    from pathlib import Path

    with TemporaryDirectory() as folder:
        path = Path(folder) / "policy.yaml"
        path.write_text(_POLICY, "utf-8")
        gateway = Gateway(load(path), path)
    await gateway.start()
    try:
        caching = gateway.runtime.caching
        assert caching is not None
        assert await warm(gateway.runtime, caching, Line(prompt=_QUESTION, answer="Under Settings. " * 20)) is None
        body = orjson.dumps({"model": "auto", "messages": [{"role": "user", "content": _QUESTION}]})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        scope: dict[str, Any] = {
            "type": "http", "method": "POST", "path": "/v1/chat/completions", "raw_path": b"/v1/chat/completions",
            "query_string": b"", "headers": [*headers, (b"host", b"127.0.0.1:8080")], "http_version": "1.1",
            "scheme": "http", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080), "asgi": {"version": "3.0"},
        }  # fmt: skip
        await _one(gateway, scope, body)
        count, began = 0, time.perf_counter()
        while (spent := time.perf_counter() - began) < seconds:
            for _ in range(50):
                await _one(gateway, scope, body)
            count += 50
        return count / spent
    finally:
        await gateway.stop()


async def _one(gateway: Gateway, scope: dict[str, Any], body: bytes) -> None:
    told: list[Any] = []
    sent = False

    async def receive() -> Any:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()  # the client stays
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        told.append(message)

    await gateway(dict(scope), receive, send)
    if (b"x-pointsman-cache", b"exact") not in told[0]["headers"]:
        raise RuntimeError(f"an equal text was no hit: {told[0]}")


def misses(prompts: Sequence[str], encoder: Encoder) -> list[float]:
    """Seconds of each: scope, equal text, encoder, similar text."""
    cache, key, random = _cache(1e9), ScopeKey(b"s" * 32), Random(2)
    for number in range(10_000):
        parts = _parts(random, 0)
        entry = _entry(key, parts, f"{number:032x}", _vector(number), 0.0)
        cache.insert(entry._replace(exact=b"%d" % number), b"x")
    while cache.sweep(1.0, 0):
        pass
    encoder.encode(prompts[:1])
    found = []
    for prompt in prompts:
        began = time.perf_counter()
        scope, exact = key.scoped(_parts(random, 0), prompt)
        query = Query(scope, exact, _NAME, prompt, 1.0)
        if cache.exact(query) is None:
            cache.similar(query, encoder.encode([prompt])[0].vector)
        found.append(time.perf_counter() - began)
    return found


def figures(effort: Effort, prompts: Sequence[str], encoder: Encoder, say: Callable[[str], None]) -> list[Figure]:
    say(f"cache: {effort.lookups:,} lookups across scopes …")
    wrong, lookups = leaks(effort.lookups)
    late = stale(effort.ages)
    say("cache: exact hits, misses …")
    rate = hits_per_second(effort.seconds)
    spent = np.array(misses(prompts[: effort.prompts], encoder))
    none = (nan, nan)

    def median_of(chosen: Classes) -> float:
        return 1000 * float(np.median(spent[chosen]))

    return [
        Figure("lookups that found another scope's entry", float(wrong), lookups, none, Target(0.0, at_most=True)),
        Figure("hits past the ttl, ages within 0.1 % of it", float(late), effort.ages, none, Target(0, at_most=True)),
        Figure("exact hits a second on one core, in process", rate, int(rate * effort.seconds), none, Target(5000)),
        Figure(
            "a miss, encoder included: p50, ms", median_of(np.arange(len(spent))), len(spent),
            interval(median_of, len(spent), effort.resamples),
            Target(1000 * _MISS, at_most=True),
        ),
    ]  # fmt: skip


def break_even(miss: float, rate: float, lookups: int, seed: int = 9) -> Table:
    """Seconds that a lookup costs, and the share of hits that the streams had. Models are from half as slow as the
    formula says that they must be to a thousand times."""
    rows = []
    for latency in (miss / max(rate, 1e-6) * factor for factor in (0.5, 0.8, 0.95, 1.05, 1.25, 2, 10, 100, 1000)):
        random, worth, total = Random(seed), Worth(), 0.0
        for _ in range(lookups):
            worth.looked(miss)
            hit = random.random() < rate
            if hit:
                worth.hit(latency, 0.0)
            else:
                worth.stored(latency)
            total += miss + (0.0 if hit else latency)
        verdict = worth.verdict()
        gain = latency - total / lookups
        needed = f"{miss / latency:.1%}" if miss < latency else "more than all"
        rows.append((
            f"{1000 * latency:.3g}", needed, f"{verdict.rate:.1%}", f"{1000 * gain:+.3f}", verdict.pays,
            "yes" if (gain > 0) == (verdict.pays == "yes") else "not yet" if verdict.pays == "unknown" else "no",
        ))  # fmt: skip
    columns = ("a model's answer, ms", "hits needed: lookup ÷ answer", "hits", "saved a lookup, ms", "pays", "agrees")
    return Table(f"When a lookup of {1000 * miss:.2f} ms pays", columns, tuple(rows))
