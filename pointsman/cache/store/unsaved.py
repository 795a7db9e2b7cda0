"""What waits to be written. Told by one thread, taken by another; of each entry only the last word counts."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import NamedTuple

from pointsman.cache.store.base import Kept, Use

MOST = 64 * 1024**2
"""Bytes of documents that may wait, when the disk takes none."""
_WORDS = 1_000_000
"""Other changes that may wait likewise."""


class Batch(NamedTuple):
    puts: dict[str, tuple[Kept, bytes]]
    touches: dict[str, Use]
    deletes: dict[str, None]

    def __bool__(self) -> bool:
        return bool(self.puts or self.touches or self.deletes)


class Unsaved:
    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._batch = Batch({}, {}, {})
        self._writing = Batch({}, {}, {})
        self._bytes = 0
        self._asked: list[threading.Event] = []

    def put(self, kept: Kept, document: bytes) -> int:
        """How many documents had to be given up for it."""
        with self._mutex:
            self._forget(kept.entry.id)
            self._batch.deletes.pop(kept.entry.id, None)
            self._batch.puts[kept.entry.id] = kept, document
            self._bytes += len(document)
            return self._bound()

    def touch(self, uses: Mapping[str, Use]) -> None:
        with self._mutex:
            for id, use in uses.items():
                if id in self._batch.puts:
                    kept, document = self._batch.puts[id]
                    self._batch.puts[id] = kept._replace(use=use), document
                else:
                    self._batch.touches[id] = use

    def delete(self, ids: Collection[str]) -> None:
        with self._mutex:
            for id in ids:
                self._forget(id)
                self._batch.touches.pop(id, None)
                self._batch.deletes[id] = None
            self._bound()

    def document(self, id: str) -> bytes | None:
        with self._mutex:
            if id in self._batch.deletes:
                return None
            found = self._batch.puts.get(id) or self._writing.puts.get(id)
            return None if found is None else found[1]

    def waits(self, id: str) -> bool:
        with self._mutex:
            return id in self._batch.puts or id in self._writing.puts

    def is_deleted(self, id: str) -> bool:
        with self._mutex:
            return id in self._batch.deletes or id in self._writing.deletes

    def take(self) -> Batch:
        with self._mutex:
            self._writing, self._batch, self._bytes = self._batch, Batch({}, {}, {}), 0
            return self._writing

    def written(self) -> None:
        with self._mutex:
            self._writing = Batch({}, {}, {})

    def give_back(self, batch: Batch) -> None:
        """It could not be written; what was told since counts more."""
        with self._mutex:
            later = self._batch
            gone = later.deletes.keys()
            puts = {id: put for id, put in batch.puts.items() if id not in gone} | later.puts
            touches = {id: use for id, use in batch.touches.items() if id not in gone} | later.touches
            for id in puts.keys() & touches.keys():
                kept, document = puts[id]
                puts[id] = kept._replace(use=touches.pop(id)), document
            deletes = {id: None for id in batch.deletes if id not in later.puts} | later.deletes
            self._batch, self._writing = Batch(puts, touches, deletes), Batch({}, {}, {})
            self._bytes = sum(len(document) for _, document in puts.values())
            self._bound()

    def asked(self) -> threading.Event:
        """Is set when all that was told before has been tried to be written."""
        done = threading.Event()
        with self._mutex:
            self._asked.append(done)
        return done

    def waiting(self) -> list[threading.Event]:
        with self._mutex:
            waiting, self._asked = self._asked, []
        return waiting

    def _forget(self, id: str) -> None:
        put = self._batch.puts.pop(id, None)
        if put is not None:
            self._bytes -= len(put[1])

    def _bound(self) -> int:
        """How many documents, the oldest, were given up."""
        given_up = 0
        while self._bytes > MOST and len(self._batch.puts) > 1:
            self._forget(next(iter(self._batch.puts)))
            given_up += 1
        for words in (self._batch.touches, self._batch.deletes):
            while len(words) > _WORDS:
                del words[next(iter(words))]
        return given_up
