"""The documents that were used last, within so many bytes."""

from __future__ import annotations

from collections import OrderedDict


class Hot:
    def __init__(self, size: int) -> None:
        self._room = size
        self._bytes = 0
        self._documents: OrderedDict[str, bytes] = OrderedDict()

    def get(self, id: str) -> bytes | None:
        document = self._documents.get(id)
        if document is not None:
            self._documents.move_to_end(id)
        return document

    def put(self, id: str, document: bytes) -> None:
        self.drop(id)
        if len(document) > self._room // 4:
            return
        self._documents[id] = document
        self._bytes += len(document)
        while self._bytes > self._room:
            _, oldest = self._documents.popitem(last=False)
            self._bytes -= len(oldest)

    def drop(self, id: str) -> None:
        gone = self._documents.pop(id, None)
        if gone is not None:
            self._bytes -= len(gone)
