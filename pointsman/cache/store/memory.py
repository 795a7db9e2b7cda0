"""`memory:`: gone with the process."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping

from pointsman.cache.scope import KEY_BYTES
from pointsman.cache.store.base import Change, Health, Kept, Limit, Use


class MemoryStore:
    slack = 0.0

    def __init__(self) -> None:
        self.key = secrets.token_bytes(KEY_BYTES)
        self._documents: dict[str, bytes] = {}

    async def start(self) -> None:
        pass

    def entries(self) -> Iterable[Kept]:
        return ()

    def follow(self, take: Callable[[Change], None]) -> None:
        pass

    def bound(self, total: int, limits: Mapping[str, Limit]) -> None:
        pass

    async def get(self, id: str) -> bytes | None:
        return self._documents.get(id)

    def put(self, kept: Kept, document: bytes) -> None:
        self._documents[kept.entry.id] = document

    def touch(self, uses: Mapping[str, Use]) -> None:
        pass

    def delete(self, ids: Collection[str]) -> None:
        for id in ids:
            self._documents.pop(id, None)

    async def flush(self) -> None:
        pass

    def health(self) -> Health:
        return Health()

    def close(self) -> None:
        self._documents.clear()
