"""Documents by id. Those that are asked for while a question is under way go together in the next one, over one
connection; nobody who stops waiting disturbs it."""

from __future__ import annotations

import asyncio
from typing import Any

from pointsman.cache.store.base import Away
from pointsman.cache.store.redis.form import Foreign, unpack_document
from pointsman.cache.store.redis.link import FAILURES, Link, Patience
from pointsman.cache.store.redis.scripts import TAG

_MOST = 1024
"""Documents that may be waited for."""
_TOGETHER = 32

Waiting = asyncio.Future[bytes | None]


class Reader:
    def __init__(self, client: Any, link: Link, patience: Patience) -> None:
        self._client = client
        self._link = link
        self._patience = patience
        self._waiting: dict[str, list[Waiting]] = {}
        self._wake = asyncio.Event()
        self._failures = 0
        self._open = False  # the circuit: nobody waits

    async def get(self, id: str) -> bytes | None:
        """Away if it cannot be had in time."""
        if self._open or len(self._waiting) >= _MOST:
            self._link.counts.away += 1
            raise Away
        future: Waiting = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(id, []).append(future)
        self._wake.set()
        try:
            async with asyncio.timeout(self._patience.budget):
                return await future
        except TimeoutError as error:
            self._link.counts.late += 1
            self._failed(error)
            raise Away from None

    async def run(self) -> None:
        while True:
            if self._open:
                await self._look_again()
                continue
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._fetch()

    async def _fetch(self) -> None:
        some = {id: self._waiting.pop(id) for id in list(self._waiting)[:_TOGETHER]}
        some = {id: futures for id, futures in some.items() if not all(future.done() for future in futures)}
        if not some:
            return
        try:
            values = await self._client.mget([f"{TAG}:d:{id}" for id in some])
        except FAILURES as error:
            self._link.counts.failed += 1
            self._failed(error, at_once=True)
            for futures in some.values():
                for future in futures:
                    if not future.done():
                        future.set_exception(Away())
            return
        for (id, futures), value in zip(some.items(), values, strict=True):
            document = self._document(id, value)
            for future in futures:
                if not future.done():
                    self._failures = 0
                    future.set_result(document)

    def _document(self, id: str, value: bytes | None) -> bytes | None:
        if value is None:
            return None
        try:
            return unpack_document(id, value)
        except Foreign:
            self._link.counts.foreign += 1
            self._link.complain("cache_document_broken", "it is not what was written")
            return None

    def _failed(self, error: Exception, *, at_once: bool = False) -> None:
        self._failures += 1
        if not self._open and (at_once or self._failures >= self._patience.failures):
            self._open = True
            self._link.trouble("reading documents", error)
            self._wake.set()

    async def _look_again(self) -> None:
        """It is well again if it answers within what a request waits for."""
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(Away())
        self._waiting.clear()
        await asyncio.sleep(self._patience.again)
        clock = asyncio.get_running_loop().time
        try:
            await self._client.get(f"{TAG}:key")  # after the way there, which takes longer
            began = clock()
            await self._client.get(f"{TAG}:key")
        except FAILURES:
            return
        if clock() - began <= self._patience.budget:
            self._open, self._failures = False, 0
            self._link.fine("reading documents")
