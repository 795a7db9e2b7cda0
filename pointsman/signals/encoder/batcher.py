"""The encoder beside the event loop: one thread, requests in their order, and what was encoded lately."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple, Protocol

from pointsman.signals.encoder.encoding import Encoder, EncoderBusy, EncoderError, EncoderLate, Encoding
from pointsman.signals.prompt import PromptReader

MAX_WAITING = 1024
"""Passages that may wait; a request that finds more has unknown signals instead of a late answer."""

REMEMBERED = 2048
"""Passages whose encodings are kept, some 10 KB each."""

_PART = 8
"""Passages of one request that are read at once; between its parts others have their turn."""


class Watcher(Protocol):
    """Hears what the encoder does, in the event loop's thread."""

    def encoded(self, passages: int, seconds: float) -> None:
        """One pass."""

    def looked_up(self, found: int, missing: int) -> None:
        """Passages of a request that were encoded lately, and those that were not."""

    def unencoded(self, reason: str) -> None:
        """Passages of a request that were not encoded: `busy`, `late` or `failed`."""


class _Job(NamedTuple):
    passages: Sequence[str]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[list[Encoding]]


class Batcher:
    """Encodings by passage, for the event loop."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.reader = PromptReader(encoder)
        self.waiting = 0  # passages
        self.watcher: Watcher | None = None
        self._kept: OrderedDict[str, Encoding] = OrderedDict()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._closed = False

    def get(self, passages: Sequence[str]) -> dict[str, Encoding]:
        """Those that were encoded lately."""
        found = {}
        for passage in passages:
            encoding = self._kept.get(passage)
            if encoding is not None:
                self._kept.move_to_end(passage)
                found[passage] = encoding
        return found

    async def encode(self, passages: Sequence[str], seconds: float) -> Mapping[str, Encoding]:
        """Within so many seconds; EncoderError if that was not possible."""
        found = self.get(passages)
        missing = [passage for passage in dict.fromkeys(passages) if passage not in found]
        if self.watcher is not None:
            self.watcher.looked_up(len(found), len(missing))
        if missing:
            try:
                found |= zip(missing, await self._wait(missing, seconds), strict=True)
            except EncoderError as error:
                if self.watcher is not None:
                    self.watcher.unencoded(error.reason)
                raise
        return found

    def close(self) -> None:
        """What waits is answered before the thread ends; a request that comes later has a thread for itself."""
        self._closed = True
        if self._thread is not None:
            self._jobs.put(None)
            self._thread = None

    async def _wait(self, passages: Sequence[str], seconds: float) -> list[Encoding]:
        if seconds <= 0:
            raise EncoderLate("the request's time for the encoder is used up")
        if self.waiting + len(passages) > MAX_WAITING:
            raise EncoderBusy(f"the encoder is busy: {self.waiting} passages wait")
        loop = asyncio.get_running_loop()
        self.waiting += len(passages)
        found: list[Encoding] = []
        try:
            async with asyncio.timeout(seconds):
                for start in range(0, len(passages), _PART):
                    job = _Job(passages[start : start + _PART], loop, loop.create_future())
                    self._submit(job)
                    found += await job.done
            return found
        except TimeoutError:
            raise EncoderLate(f"the encoder took longer than its budget of {seconds * 1000:.0f} ms") from None
        finally:
            self.waiting -= len(passages)

    def _submit(self, job: _Job) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._work, name="encoder", daemon=True)
            self._thread.start()
        self._jobs.put(job)
        if self._closed:
            self.close()

    def _work(self) -> None:
        while True:
            jobs, ended = self._next()
            self._pass([job for job in jobs if not job.done.done()])
            if ended:
                return

    def _next(self) -> tuple[list[_Job], bool]:
        """Waits for a job, and takes those that wait behind it; True if there will be no more."""
        jobs: list[_Job] = []
        try:
            job = self._jobs.get()
            while job is not None:
                jobs.append(job)
                if sum(len(job.passages) for job in jobs) >= self.encoder.together:
                    return jobs, False
                job = self._jobs.get_nowait()
        except Empty:
            return jobs, False
        return jobs, True

    def _pass(self, jobs: Sequence[_Job]) -> None:
        if not jobs:
            return
        passages = [passage for job in jobs for passage in job.passages]
        began = time.perf_counter()
        try:
            encodings = self.encoder.encode(passages)
        except Exception as error:  # noqa: BLE001  every waiter is told, whatever a library raised
            for job in jobs:
                _tell(job, _fail, job.done, EncoderError(f"the encoder failed: {error}"))
            return
        if self.watcher is not None:
            _tell(jobs[0], self.watcher.encoded, len(passages), time.perf_counter() - began)
        start = 0
        for job in jobs:
            end = start + len(job.passages)
            _tell(job, self._succeed, job, encodings[start:end])
            start = end

    def _succeed(self, job: _Job, encodings: list[Encoding]) -> None:
        """Also what comes too late is kept: whoever asks again finds it."""
        self._kept.update(zip(job.passages, encodings, strict=True))
        while len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)
        if not job.done.done():
            job.done.set_result(encodings)


def _tell(job: _Job, hears: Callable[..., None], *what: object) -> None:
    with suppress(RuntimeError):  # its event loop is closed, and nobody waits
        job.loop.call_soon_threadsafe(hears, *what)


def _fail(done: asyncio.Future[list[Encoding]], error: EncoderError) -> None:
    if not done.done():
        done.set_exception(error)
