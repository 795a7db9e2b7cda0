"""The file that learning is kept in: SQLite in WAL mode, written by a thread of its own."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import structlog

from pointsman.gateway.learning.lessons import Notebook, Subject
from pointsman.gateway.learning.requests import Kept, Key, Request
from pointsman.policies.outcome import Evidence, Parts
from pointsman.policies.select.sums import Array, Sums

log = structlog.get_logger(__name__)

VERSION = 1
COMPLAIN = 60.0
"""Seconds between two messages of the same trouble."""
_BUSY = 5.0
"""Seconds for whoever else reads the file."""

_TABLES = """
CREATE TABLE IF NOT EXISTS subjects (
    decision TEXT, selector TEXT, outcomes INTEGER, turns INTEGER, since REAL, used REAL,
    PRIMARY KEY (decision, selector)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sums (
    decision TEXT, selector TEXT, kind TEXT, name TEXT, shape TEXT, data BLOB,
    PRIMARY KEY (decision, selector, kind, name));
CREATE TABLE IF NOT EXISTS requests (
    tenant TEXT, id TEXT, decision TEXT, selector TEXT, pool TEXT, propensity REAL, time REAL, told REAL,
    prior REAL, prompt_tokens INTEGER, output_tokens INTEGER, parts TEXT, features BLOB, vector BLOB,
    PRIMARY KEY (tenant, id));
"""
_NO_TENANT = ""
"""Names of tenants have a letter."""


class Loaded(NamedTuple):
    notebooks: list[Notebook]
    requests: list[Request]


class Snapshot(NamedTuple):
    """As things were at one moment; nothing in it changes any more."""

    subject: Subject
    sums: Sums
    arms: Mapping[str, Array]
    turns: int
    since: float
    used: float

    @classmethod
    def of(cls, notebook: Notebook) -> Snapshot:
        arms = {name: told.copy() for name, told in notebook.arms.items()}
        return cls(notebook.subject, notebook.sums, arms, notebook.turns, notebook.since, notebook.used)


class Row(NamedTuple):
    request: Request  # of which only what no longer changes is read
    parts: Parts
    told: float


class Batch(NamedTuple):
    """None: it is gone."""

    subjects: dict[Subject, Snapshot | None]
    requests: dict[Key, Row | None]

    def add(self, later: Batch) -> None:
        self.subjects.update(later.subjects)
        self.requests.update(later.requests)


def read(path: Path) -> Loaded:
    """What a file says; it is not changed. sqlite3.Error or ValueError if it cannot be read."""
    with closing(_connect(path.expanduser(), writing=False)) as db:
        return _load(db, requests=False)


class Store:
    """Whatever happens to the file, the gateway goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser()
        self.loaded = Loaded([], [])
        self._lock: Any = None
        self._db: sqlite3.Connection | None = None
        self._unsaved = Batch({}, {})
        self._handed: list[Batch] = []
        self._waiting: list[threading.Event] = []
        self._mutex = threading.Lock()
        self._wake = threading.Event()
        self._ending = False
        self._complained = float("-inf")
        self._thread: threading.Thread | None = None
        self._open()

    def save(self, batch: Batch) -> None:
        """Soon, in the thread; never blocks."""
        if self._db is None:
            return
        with self._mutex:
            self._handed.append(batch)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="learning", daemon=True)
            self._thread.start()
        self._wake.set()

    def flush(self, timeout: float = 5.0) -> bool:
        """Whether all that was handed over has been tried to be written in time. Blocks."""
        if self._thread is None:
            return True
        done = threading.Event()
        with self._mutex:
            self._waiting.append(done)
        self._wake.set()
        return done.wait(timeout)

    def close(self, timeout: float) -> None:
        """Write what waits. Blocks."""
        self._ending = True
        if self._thread is not None:
            self._wake.set()
            self._thread.join(timeout)
            if self._thread.is_alive():
                log.error("learning_not_saved", path=str(self.path), reason="the disk hangs")
                return
        if self._db is not None:
            self._db.close()
            self._db = None
        if self._lock is not None:
            self._lock.close()

    # The thread

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            ending = self._ending
            with self._mutex:
                handed, self._handed = self._handed, []
                waiting, self._waiting = self._waiting, []
            for batch in handed:
                self._unsaved.add(batch)
            self._write()
            for done in waiting:
                done.set()
            if ending:
                return

    def _write(self) -> None:
        """What cannot be written is tried again with what comes next."""
        db, unsaved = self._db, self._unsaved
        if db is None or not (unsaved.subjects or unsaved.requests):
            return
        try:
            with db:
                _write(db, unsaved)
        except sqlite3.Error as error:
            self._complain(error)
        else:
            self._unsaved = Batch({}, {})

    def _complain(self, error: sqlite3.Error) -> None:
        if time.monotonic() - self._complained >= COMPLAIN:
            self._complained = time.monotonic()
            log.error("learning_not_saved", path=str(self.path), reason=str(error))

    # The start

    def _open(self) -> None:
        try:
            self._take()
        except OSError as error:
            why = "another process has it" if isinstance(error, BlockingIOError) else error.strerror
            log.error("learning_not_kept", path=str(self.path), reason=why)
            return
        for last in (False, True):
            try:
                db = _connect(self.path, writing=True)
                try:
                    _prepare(db)
                    self.loaded = _load(db)
                except BaseException:
                    db.close()
                    raise
            except sqlite3.OperationalError as error:  # a folder that is not there, a disk that is full
                log.error("learning_not_kept", path=str(self.path), reason=str(error))
                return
            except (sqlite3.DatabaseError, ValueError) as error:
                if last:
                    log.error("learning_not_kept", path=str(self.path), reason=str(error))
                    return
                self._set_aside(str(error))
                self.path.touch(0o600)
            else:
                self._db = db
                return

    def _take(self) -> None:
        """Two gateways that wrote into one file would undo each other's learning."""
        self._lock = Path(f"{self.path}.lock").open("wb")  # noqa: SIM115  held until `close`
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.path.touch(0o600)  # SQLite gives the files beside it the same rights

    def _set_aside(self, why: str) -> None:
        aside = Path(f"{self.path}.broken-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}")
        log.error("learning_set_aside", path=str(self.path), now=str(aside), reason=why)
        with suppress(OSError):
            self.path.replace(aside)
        for rest in ("-wal", "-shm"):
            with suppress(OSError):
                Path(f"{self.path}{rest}").unlink()


def _connect(path: Path, *, writing: bool) -> sqlite3.Connection:
    if writing:
        return sqlite3.connect(path, timeout=_BUSY, check_same_thread=False)
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY)


def _prepare(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    [found] = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(str(found))
    [version] = db.execute("PRAGMA user_version").fetchone()
    if version not in (0, VERSION):
        raise ValueError(f"it has version {version} of its form, and this pointsman writes {VERSION}")
    db.executescript(_TABLES)
    db.execute(f"PRAGMA user_version={VERSION}")
    db.commit()


def _write(db: sqlite3.Connection, batch: Batch) -> None:
    for subject, snapshot in batch.subjects.items():
        db.execute("DELETE FROM sums WHERE decision=? AND selector=?", subject)
        db.execute("DELETE FROM subjects WHERE decision=? AND selector=?", subject)
        if snapshot is not None:
            said = (snapshot.sums.count, snapshot.turns, snapshot.since, snapshot.used)
            db.execute("INSERT INTO subjects VALUES (?,?,?,?,?,?)", (*subject, *said))
            for kind, arrays in (("sums", snapshot.sums.arrays), ("arms", snapshot.arms)):
                rows = [(*subject, kind, name, _shape(a), a.astype("<f8").tobytes()) for name, a in arrays.items()]
                db.executemany("INSERT INTO sums VALUES (?,?,?,?,?,?)", rows)
    gone = [(key[0] or _NO_TENANT, key[1]) for key, row in batch.requests.items() if row is None]
    db.executemany("DELETE FROM requests WHERE tenant=? AND id=?", gone)
    rows = [_row(row) for row in batch.requests.values() if row is not None]
    db.executemany("REPLACE INTO requests VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)", rows)


def _row(row: Row) -> tuple[Any, ...]:
    request, kept = row.request, row.request.kept or Kept()
    return (
        request.tenant or _NO_TENANT, request.id, request.decision, request.by, request.first, request.propensity,
        request.time, row.told, kept.prior, kept.prompt_tokens, request.output_tokens,
        orjson.dumps({name: tuple(part) for name, part in row.parts.items()}).decode(),
        None if kept.features is None else kept.features.astype("<f4").tobytes(),
        None if kept.vector is None else kept.vector.astype("<f2").tobytes(),
    )  # fmt: skip


def _load(db: sqlite3.Connection, *, requests: bool = True) -> Loaded:
    found = {}
    for decision, selector, outcomes, turns, since, used in db.execute("SELECT * FROM subjects"):
        notebook = found[decision, selector] = Notebook((decision, selector), since)
        notebook.sums, notebook.turns, notebook.used = Sums(outcomes), turns, used
    arrays: dict[Subject, dict[str, Array]] = {subject: {} for subject in found}
    for decision, selector, kind, name, shape, data in db.execute("SELECT * FROM sums"):
        if (decision, selector) not in found:
            raise ValueError("it has sums of nothing")
        array = np.frombuffer(data, "<f8").astype(np.float64).reshape([int(size) for size in shape.split(",") if size])
        if kind == "arms":
            found[decision, selector].arms[name] = array
        else:
            arrays[decision, selector][name] = array
    for subject, notebook in found.items():
        notebook.sums = Sums(notebook.sums.count, arrays[subject])
    return Loaded(list(found.values()), list(_requests(db)) if requests else [])


def _requests(db: sqlite3.Connection) -> Iterator[Request]:
    for row in db.execute("SELECT * FROM requests ORDER BY time"):
        tenant, identifier, decision, by, pool, propensity, at, told, prior, tokens, output, parts, x, vector = row
        request = Request((tenant or None, identifier), pool, decision, by, propensity, time=at)
        request.told, request.output_tokens = told, output
        request.parts = {name: Evidence(*part) for name, part in orjson.loads(parts).items()}
        request.kept = Kept(
            None if x is None else np.frombuffer(x, "<f4"),
            None if vector is None else np.frombuffer(vector, "<f2"),
            prior,
            tokens,
        )
        yield request


def _shape(array: Array) -> str:
    return ",".join(map(str, array.shape))
