"""An even sample of bounded size.

A hash of the id decides what is in it: it is the same in whichever order, and other lines about the same requests can
be kept for as long as it is not known whether they are in the sample."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from heapq import heappush, heappushpop
from typing import Generic, TypeVar

T = TypeVar("T")


class Sample(Generic[T]):
    """Of the ids that were offered, those with the lowest hashes; each once, with what was put last."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: dict[str, T] = {}
        self._highest: list[tuple[int, str]] = []  # a heap; negative, so that the highest hash comes first

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items.values())

    def get(self, identifier: str) -> T | None:
        return self._items.get(identifier)

    def takes(self, identifier: str) -> bool:
        return len(self._items) < self._size or -_rank(identifier) > self._highest[0][0]

    def put(self, identifier: str, item: T) -> None:
        if identifier in self._items:
            self._items[identifier] = item
        elif self.takes(identifier):
            self._items[identifier] = item
            entry = -_rank(identifier), identifier
            if len(self._items) <= self._size:
                heappush(self._highest, entry)
            else:
                del self._items[heappushpop(self._highest, entry)[1]]


def _rank(identifier: str) -> int:
    return int.from_bytes(blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
