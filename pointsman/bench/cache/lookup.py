"""How long a lookup takes without the encoder, and what an entry takes of memory.

Vectors are made up: clusters of questions, as texts of one topic lie together. The guard is the real one."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from hashlib import blake2b
from random import Random

import numpy as np
from numpy.typing import NDArray

from pointsman.bench.report import Report, Table
from pointsman.cache.cache import Bounds, Cache
from pointsman.cache.categories import Category
from pointsman.cache.entry import Entry, Query, Vector
from pointsman.cache.guard import compare
from pointsman.cache.index import quantised
from pointsman.cache.store.memory import MemoryStore

DIMENSION = 384
_CLUSTERS, _SPREAD, _EDIT = 2000, 0.9, 0.25
_NAME = "general"
_PART = 10_000  # vectors that are made at once


@dataclass(frozen=True, slots=True)
class Shape:
    entries: int
    scopes: int


SHAPES = (Shape(1_000, 1), Shape(100_000, 1), Shape(100_000, 10_000), Shape(1_000_000, 1))
QUICK = (Shape(2_000, 1), Shape(2_000, 200))
ROUNDS = 4_000


@dataclass(frozen=True, slots=True)
class Figures:
    """Microseconds, wall clock if nothing else is said; `cpu` leaves out what others took of the core."""

    entries: int
    scopes: int
    insert_p50: float
    insert_p99: float
    exact_p50: float
    exact_p99: float
    similar_p50: float
    similar_p99: float
    similar_cpu_p99: float
    found: float  # share of the edited texts whose own entry was the hit
    bytes_per_entry: float  # resident, documents left out


def run(shapes: tuple[Shape, ...], rounds: int, say: Callable[[str], None]) -> Report:
    measure(QUICK[0], 10)  # what is loaded and allocated once belongs to no entry
    found = []
    for shape in shapes:
        say(f"lookup: {shape.entries:,} entries in {shape.scopes:,} scopes …")
        found.append(measure(shape, rounds))
    columns = (
        "entries", "scopes", "equal text: p50 µs", "p99", "similar text: p50 µs", "p99", "p99 of CPU time", "found",
        "insert: p50 µs", "bytes an entry",
    )  # fmt: skip
    table = Table("Lookups without the encoder", columns, tuple(map(_row, found)))
    return Report("cache-lookup", (table,), {"rounds": rounds, "shapes": [asdict(each) for each in found]})


def measure(shape: Shape, rounds: int) -> Figures:
    random = np.random.default_rng(7)
    centres = random.standard_normal((_CLUSTERS, DIMENSION), np.float32)
    category = Category(_NAME, 0.85, 1e6, 1.0)
    before = _resident()
    cache = Cache(MemoryStore(), {_NAME: category}, Bounds(shape.entries, 1 << 40), compare, DIMENSION, Random(7))
    asked = set(np.linspace(0, shape.entries - 1, rounds, dtype=int).tolist())
    kept: dict[int, Vector] = {}
    inserts = np.empty(shape.entries)
    for number, vector in enumerate(_vectors(random, centres, shape.entries)):
        if number in asked:
            kept[number] = vector.copy()
        entry = _entry(number, shape, vector)
        began = time.perf_counter()
        cache.insert(entry, b"")
        inserts[number] = time.perf_counter() - began
    while cache.sweep(1.0, 0):
        pass
    size = (_resident() - before) / shape.entries
    exact, similar, cpu, right = [], [], [], 0
    order = random.permutation(np.array(list(kept)))
    for number in order.tolist():
        query, vector = _query(number, shape), _edited(random, kept[number])
        began = time.perf_counter()
        cache.exact(query)
        exact.append(time.perf_counter() - began)
        other = query._replace(text=f"Please {query.text}", exact=b"another")
        began, used = time.perf_counter(), time.thread_time()
        hit = cache.similar(other, vector)
        cpu.append(time.thread_time() - used)
        similar.append(time.perf_counter() - began)
        right += hit is not None and hit.entry.id == f"{number:032x}"
    return Figures(
        entries=shape.entries,
        scopes=shape.scopes,
        insert_p50=_micros(inserts, 50),
        insert_p99=_micros(inserts, 99),
        exact_p50=_micros(exact, 50),
        exact_p99=_micros(exact, 99),
        similar_p50=_micros(similar, 50),
        similar_p99=_micros(similar, 99),
        similar_cpu_p99=_micros(cpu, 99),
        found=right / len(order),
        bytes_per_entry=size,
    )


def _vectors(random: np.random.Generator, centres: NDArray[np.float32], count: int) -> Iterator[Vector]:
    for start in range(0, count, _PART):
        size = min(_PART, count - start)
        found = centres[random.integers(0, len(centres), size)]
        found = found + _SPREAD * random.standard_normal((size, DIMENSION), np.float32)
        yield from found / np.linalg.norm(found, axis=1, keepdims=True)


def _edited(random: np.random.Generator, vector: Vector) -> Vector:
    found = vector + _EDIT * random.standard_normal(DIMENSION, np.float32) / DIMENSION**0.5
    edited: Vector = (found / np.linalg.norm(found)).astype(np.float32)
    return edited


def _text(number: int) -> str:
    """The same words in the same order for all; the guard has something to read."""
    return f"How do I reset the password of account {number} on the web site of the company?"


def _scope(number: int, shape: Shape) -> bytes:
    return blake2b(str(number % shape.scopes).encode(), digest_size=16).digest()


def _exact(number: int) -> bytes:
    return blake2b(str(number).encode(), digest_size=16, key=b"e").digest()


def _entry(number: int, shape: Shape, vector: Vector) -> Entry:
    return Entry(
        id=f"{number:032x}", scope=_scope(number, shape), exact=_exact(number), category=_NAME, tenant=None,
        text=_text(number), vector=quantised(vector), created=0.0, size=0, cost=0.001, seconds=1.0, pool="small",
    )  # fmt: skip


def _query(number: int, shape: Shape) -> Query:
    return Query(_scope(number, shape), _exact(number), _NAME, _text(number), 1.0)


def _micros(seconds: NDArray[np.float64] | list[float], at: int) -> float:
    return float(np.percentile(seconds, at)) * 1e6


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _row(of: Figures) -> tuple[str, ...]:
    micros = (of.exact_p50, of.exact_p99, of.similar_p50, of.similar_p99, of.similar_cpu_p99)
    return (
        f"{of.entries:,}", f"{of.scopes:,}", *(f"{each:,.0f}" for each in micros), f"{of.found:.1%}",
        f"{of.insert_p50:,.0f}", f"{of.bytes_per_entry:,.0f}",
    )  # fmt: skip


if __name__ == "__main__":
    from rich.console import Console

    from pointsman.bench.report import show

    show(run(SHAPES, ROUNDS, print), Console())
