"""`sqlite:PATH`: one process, whose cache is still there after a restart.

A thread of its own writes what has come together in half a second; another reads documents. Whatever happens to the
file, the cache goes on with what is in memory."""

from __future__ import annotations

import asyncio
import fcntl
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import structlog

from pointsman.cache.scope import KEY_BYTES
from pointsman.cache.store.base import Change, Health, Kept, Limit, Use
from pointsman.cache.store.hot import Hot
from pointsman.cache.store.tables import Broken, connect, load, prepare, read_document, write
from pointsman.cache.store.unsaved import Unsaved

log = structlog.get_logger(__name__)

TOGETHER = 0.4
"""Seconds in which changes come together into one transaction."""
COMPLAIN = 60.0
"""Seconds between two messages of the same trouble."""
_HOT = 32 * 1024**2
_CLOSING = 10.0


class SqliteStore:
    slack = 0.0

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser()
        self.key = secrets.token_bytes(KEY_BYTES)
        self._loaded: list[Kept] = []
        self._lock: Any = None
        self._db: sqlite3.Connection | None = None  # the writer's alone, after the start
        self._hot = Hot(_HOT)
        self._unsaved = Unsaved()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._end = False
        self._complained: dict[str, float] = {}
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="cache-read")
        self._reading: sqlite3.Connection | None = None  # the reader's alone
        self._file = self._file_read = 0  # counted: another one may take the place of a broken one
        self._open()
        self._writer = threading.Thread(target=self._run, name="cache-write", daemon=True)
        self._writer.start()

    @property
    def keeps(self) -> bool:
        """Whether it has its file; another process may."""
        return self._db is not None

    async def start(self) -> None:
        pass

    def entries(self) -> Iterable[Kept]:
        loaded, self._loaded = self._loaded, []
        return loaded

    def follow(self, take: Callable[[Change], None]) -> None:
        pass

    def bound(self, total: int, limits: Mapping[str, Limit]) -> None:
        pass

    async def get(self, id: str) -> bytes | None:
        document = self._unsaved.document(id) or self._hot.get(id)
        if document is None and self._db is not None and not self._end:
            document = await asyncio.get_running_loop().run_in_executor(self._reader, self._read, id)
            if document is not None:
                self._hot.put(id, document)
        return document

    def put(self, kept: Kept, document: bytes) -> None:
        self._hot.put(kept.entry.id, document)
        dropped = self._unsaved.put(kept, document)
        if dropped:
            self._complain("cache_not_saved", "what waits to be written takes too much memory")
        self._wake.set()

    def touch(self, uses: Mapping[str, Use]) -> None:
        self._unsaved.touch(uses)
        self._wake.set()

    def delete(self, ids: Collection[str]) -> None:
        for id in ids:
            self._hot.drop(id)
        self._unsaved.delete(ids)
        self._wake.set()

    async def flush(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.flush_now)

    def flush_now(self, timeout: float = _CLOSING) -> bool:
        """Whether all that was told before has been tried to be written in time. Blocks."""
        done = self._unsaved.asked()
        self._hurry.set()
        self._wake.set()
        return done.wait(timeout)

    def rekey(self, key: bytes) -> None:
        """For a file without entries. Blocks; sqlite3.Error if it cannot be written."""
        with closing(connect(self.path)) as db, db:
            db.execute("UPDATE meta SET value=? WHERE name='key'", (key,))
        self.key = key

    def health(self) -> Health:
        return Health()

    def close(self) -> None:
        self._end = True
        self._hurry.set()
        self._wake.set()
        self._writer.join(_CLOSING)
        self._reader.shutdown(wait=True, cancel_futures=True)
        if self._writer.is_alive():
            log.error("cache_not_saved", path=str(self.path), reason="the disk hangs")
            return
        for db in (self._reading, self._db):
            if db is not None:
                db.close()
        self._reading = self._db = None
        if self._lock is not None:
            self._lock.close()

    # The thread that writes

    def _run(self) -> None:
        while not self._end:
            self._wake.wait()
            self._hurry.wait(TOGETHER)
            self._wake.clear()
            self._hurry.clear()
            self._write()
        self._write()

    def _write(self) -> None:
        """What cannot be written is tried again with what comes next."""
        waiting = self._unsaved.waiting()
        batch = self._unsaved.take()
        try:
            if self._db is not None and batch:
                with self._db:
                    write(self._db, batch)
            self._unsaved.written()
        except sqlite3.OperationalError as error:  # the disk is full, the file is locked
            self._complain("cache_not_saved", str(error))
            self._unsaved.give_back(batch)
        except sqlite3.DatabaseError as error:
            self._replace(str(error))
            self._unsaved.give_back(batch)
        finally:
            for done in waiting:
                done.set()

    def _replace(self, why: str) -> None:
        """A file that breaks while it is in use: the cache goes on with an empty one."""
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None
        self._set_aside(why)
        self._file += 1
        self._open_file(last=True)

    def _complain(self, event: str, why: str) -> None:
        now = time.monotonic()
        if now - self._complained.get(event, float("-inf")) >= COMPLAIN:
            self._complained[event] = now
            log.error(event, path=str(self.path), reason=why)

    # The thread that reads

    def _read(self, id: str) -> bytes | None:
        try:
            return read_document(self._connected(), id)
        except Broken as error:
            self._complain("cache_document_broken", str(error))
        except sqlite3.Error as error:
            self._complain("cache_not_read", str(error))
        return None

    def _connected(self) -> sqlite3.Connection:
        if self._reading is not None and self._file_read != self._file:
            self._reading.close()
            self._reading = None
        if self._reading is None:
            self._file_read = self._file
            self._reading = connect(self.path)
        return self._reading

    # The start

    def _open(self) -> None:
        try:
            self._take()
        except OSError as error:
            why = "another process has it" if isinstance(error, BlockingIOError) else error.strerror
            log.error("cache_not_kept", path=str(self.path), reason=why)
            return
        self._open_file(last=False)

    def _take(self) -> None:
        """Two caches that wrote into one file would delete each other's entries."""
        self._lock = Path(f"{self.path}.lock").open("wb")  # noqa: SIM115  held until `close`
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _open_file(self, *, last: bool) -> None:
        """`last`: there is no other file to set aside."""
        db = None
        try:
            db = connect(self.path)
            self.key = prepare(db, self.key)
            self._loaded = load(db)
        except (sqlite3.Error, Broken) as error:
            if db is not None:
                db.close()
            broken = not isinstance(error, sqlite3.OperationalError)
            if broken and not last:
                self._set_aside(str(error))
                self._open_file(last=True)
            else:  # a folder that is not there, a disk that is full
                log.error("cache_not_kept", path=str(self.path), reason=str(error))
        else:
            self._db = db

    def _set_aside(self, why: str) -> None:
        aside = Path(f"{self.path}.broken-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}")
        log.error("cache_set_aside", path=str(self.path), now=str(aside), reason=why)
        with suppress(OSError):
            self.path.replace(aside)
        for rest in ("-wal", "-shm"):
            with suppress(OSError):
                Path(f"{self.path}{rest}").unlink()
