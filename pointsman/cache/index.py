"""Which kept texts are near to one that is asked: vectors by scope.

Vectors are eight-bit, and lie in one table. A scope with few of them is searched whole, which is exact and takes less
than a graph; a scope with many has a graph (HNSW, Malkov and Yashunin 2018). Searching one scope never sees another's
vectors, so no filter has to throw neighbours away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pointsman.cache.entry import Bytes, Vector

if TYPE_CHECKING:
    from usearch.index import Index as Graph

WHOLE = 1024
"""Vectors of a scope up to which all are compared."""
SEEN = 4096
"""Of those that wait for the graph, the newest that are compared meanwhile."""

_BEGINNING, _RESERVED = 1024, 1 << 20
"""Rows of the table, at least and at most, before there are any."""
_CATCH_UP = 4
"""Vectors that each new one takes along into the graph, until all are there: none has to wait for a thousand."""
_CONNECTIVITY, _ADD = 16, 96
_SEARCH = ((500_000, 256), (100_000, 128), (0, 64))
"""From how many vectors on how much of a graph is searched. With 64 the nearest is found among a hundred thousand, but
only five times in six among a million."""
_SCALE = 127.0
_SCANNED = 8192
"""Rows of the whole table that are compared in one step."""


class Near(NamedTuple):
    key: str
    similarity: float  # cosine


def quantised(vector: Vector) -> Bytes:
    """[dimension] of length 1 → eight bits each"""
    rounded: Bytes = np.rint(vector * _SCALE).astype(np.int8)
    return rounded


class _Rows:
    """Row numbers, any of which can go at once: the last takes its place."""

    __slots__ = ("_array", "_places", "_size")

    def __init__(self) -> None:
        self._array = np.empty(4, np.int32)
        self._size = 0
        self._places: dict[int, int] | None = None  # row → its place, once there are many

    def __len__(self) -> int:
        return self._size

    def __contains__(self, row: int) -> bool:
        return row in self._places if self._places is not None else bool((self.all == row).any())

    @property
    def all(self) -> NDArray[np.int32]:
        return self._array[: self._size]

    def append(self, row: int) -> None:
        if self._size == len(self._array):
            self._array = np.resize(self._array, 2 * self._size)
        if self._places is None and self._size >= WHOLE:
            self._places = {int(there): place for place, there in enumerate(self.all)}
        if self._places is not None:
            self._places[row] = self._size
        self._array[self._size] = row
        self._size += 1

    def remove(self, row: int) -> None:
        place = int(np.argmax(self.all == row)) if self._places is None else self._places.pop(row)
        self._size -= 1
        last = int(self._array[self._size])
        if last != row:
            self._array[place] = last
            if self._places is not None:
                self._places[last] = place

    def newest(self, count: int) -> NDArray[np.int32]:
        return self._array[max(0, self._size - count) : self._size]


class _Part:
    """One scope's rows of the table."""

    __slots__ = ("graph", "rows", "waiting")

    def __init__(self) -> None:
        self.rows = _Rows()
        self.graph: Graph | None = None
        self.waiting: _Rows | None = None  # those that are not in the graph yet; None while there is none to wait for


class Index:
    def __init__(self, dimension: int, capacity: int = 0) -> None:
        """With its capacity known beforehand the table has not to be moved; memory is taken as it fills."""
        self.dimension = dimension
        self._table = np.zeros((min(max(capacity, _BEGINNING), _RESERVED), dimension), np.int8)
        self._keys: list[str | None] = []
        self._free: list[int] = []
        self._rows: dict[str, tuple[int, bytes]] = {}
        self._parts: dict[bytes, _Part] = {}
        self._unsettled: dict[bytes, None] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def vector(self, key: str) -> Bytes | None:
        found = self._rows.get(key)
        return None if found is None else self._table[found[0]].copy()

    def add(self, key: str, scope: bytes, vector: Bytes) -> None:
        """In the place of what the key had before."""
        self.remove(key)
        row = self._row()
        self._table[row] = vector
        self._keys[row] = key
        part = self._parts.get(scope)
        if part is None:
            part = self._parts[scope] = _Part()
        self._rows[key] = row, scope
        part.rows.append(row)
        if part.waiting is not None:
            part.waiting.append(row)
            self._unsettled[scope] = None
        elif len(part.rows) > WHOLE:
            self._begin(part)
            self._unsettled[scope] = None

    def remove(self, key: str) -> None:
        found = self._rows.pop(key, None)
        if found is None:
            return
        row, scope = found
        part = self._parts[scope]
        part.rows.remove(row)
        if part.waiting is not None:
            if row in part.waiting:
                part.waiting.remove(row)
            elif part.graph is not None:
                part.graph.remove(row)
            if len(part.rows) < WHOLE // 2:
                part.graph = part.waiting = None
        if not len(part.rows):
            del self._parts[scope]
        self._keys[row] = None
        self._free.append(row)

    def search(self, scope: bytes, vector: Vector, count: int) -> list[Near]:
        """At most `count`, the nearest first."""
        part = self._parts.get(scope)
        if part is None:
            return []
        if part.graph is None or part.waiting is None:
            return self._compared(part.rows.all, vector, count)
        rows = part.waiting.newest(SEEN)
        if len(part.graph):
            matches = part.graph.search(quantised(vector), count)
            rows = np.concatenate((matches.keys.astype(np.int32), rows))
        return self._compared(rows, vector, count)

    def settle(self, count: int = _CATCH_UP + 1) -> bool:
        """Takes so many of those that wait into their graph, the newest first. Whether some still wait."""
        while self._unsettled and count > 0:
            scope = next(reversed(self._unsettled))
            part = self._parts.get(scope)
            if part is None or part.waiting is None or not len(part.waiting):
                del self._unsettled[scope]
                continue
            rows = part.waiting.newest(count).copy()
            for row in rows[::-1]:
                part.waiting.remove(int(row))
            assert part.graph is not None
            part.graph.add(rows.astype(np.uint64), self._table[rows], threads=1)
            # Its setter stands apart from the property, where mypy does not look for it.
            part.graph.expansion_search = _expansion(len(part.rows))  # type: ignore[misc]
            count -= len(rows)
        return bool(self._unsettled)

    def alike(self, vector: Vector, at_least: float) -> Iterator[list[Near]]:
        """All of every scope that are so near; one list for each part of the table, so that others have their turn."""
        for start in range(0, len(self._keys), _SCANNED):
            keys = self._keys[start : start + _SCANNED]
            near = self._table[start : start + len(keys)].astype(np.float32) @ vector / _SCALE
            places = np.flatnonzero(near >= at_least)
            yield [Near(key, float(near[place])) for place in places if (key := keys[place]) is not None]

    def _compared(self, rows: NDArray[np.int32], vector: Vector, count: int) -> list[Near]:
        if not len(rows):
            return []
        similarities = self._table[rows].astype(np.float32) @ vector
        best = np.argsort(-similarities, kind="stable")[:count]
        found = ((self._keys[rows[place]], float(similarities[place]) / _SCALE) for place in best)
        return [Near(key, similarity) for key, similarity in found if key is not None]

    def _row(self) -> int:
        if self._free:
            return self._free.pop()
        row = len(self._keys)
        if row == len(self._table):
            self._table = np.concatenate((self._table, np.zeros_like(self._table)))
        self._keys.append(None)
        return row

    def _begin(self, part: _Part) -> None:
        part.graph = _graph(self.dimension)
        part.waiting = _Rows()
        for row in part.rows.all:
            part.waiting.append(int(row))


def _expansion(count: int) -> int:
    return next(expansion for least, expansion in _SEARCH if count >= least)


def _graph(dimension: int) -> Graph:
    from usearch.index import Index as Graph

    return Graph(
        ndim=dimension, metric="cos", dtype="i8", connectivity=_CONNECTIVITY, expansion_add=_ADD,
        expansion_search=_expansion(0),
    )  # fmt: skip
