"""The tables of the SQLite file, and how entries and documents stand in them."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from pointsman.cache.entry import Entry
from pointsman.cache.store.base import Kept, Use
from pointsman.cache.store.unsaved import Batch

VERSION = 1

_BUSY = 5.0
"""Seconds for whoever else reads the file."""
_CHECKED = 256 * 1024**2
"""Bytes of a file up to which all of it is checked at the start; a larger one shows what is broken when it is read."""
_PLAIN, _ZLIB = 0, 1
_WORTH = 512
"""Bytes of a document below which it is not compressed."""

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
    id TEXT PRIMARY KEY, scope BLOB, exact BLOB, category TEXT, tenant TEXT, text TEXT, vector BLOB, created REAL,
    size INTEGER, cost REAL, seconds REAL, asker TEXT, pool TEXT, hits INTEGER, used REAL, askers TEXT);
CREATE TABLE IF NOT EXISTS documents (id TEXT PRIMARY KEY, form INTEGER, sum INTEGER, data BLOB);
"""


class Broken(Exception):
    """The file is not what was written."""


def connect(path: Path) -> sqlite3.Connection:
    """sqlite3.Error if it cannot be opened. Each connection is used by one thread at a time."""
    with suppress(OSError):
        path.touch(mode=0o600)  # it holds what people asked
    return sqlite3.connect(path, timeout=_BUSY, check_same_thread=False)


def prepare(db: sqlite3.Connection, key: bytes) -> bytes:
    """The file's own key, which is the given one if it is new."""
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")  # one transaction in half a second: it may wait for the disk
    [pages] = db.execute("PRAGMA page_count").fetchone()
    [page] = db.execute("PRAGMA page_size").fetchone()
    if pages * page <= _CHECKED:
        [found] = db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise Broken(str(found))
    [version] = db.execute("PRAGMA user_version").fetchone()
    if version not in (0, VERSION):
        raise Broken(f"it has version {version} of its form, and this pointsman writes {VERSION}")
    db.executescript(_TABLES)
    db.execute(f"PRAGMA user_version={VERSION}")
    db.execute("INSERT OR IGNORE INTO meta VALUES ('key', ?)", (key,))
    db.commit()
    [[kept]] = db.execute("SELECT value FROM meta WHERE name = 'key'").fetchall()
    if not isinstance(kept, bytes) or len(kept) != len(key):
        raise Broken("it has no key")
    return kept


def load(db: sqlite3.Connection) -> list[Kept]:
    return list(each(db))


def each(db: sqlite3.Connection) -> Iterator[Kept]:
    """The oldest first."""
    for row in db.execute("SELECT * FROM entries ORDER BY created"):
        yield _kept(row)


def key_of(db: sqlite3.Connection) -> bytes:
    """sqlite3.Error or Broken if it is no cache."""
    row = db.execute("SELECT value FROM meta WHERE name = 'key'").fetchone()
    if row is None:
        raise Broken("it has no key")
    return bytes(row[0])


def write(db: sqlite3.Connection, batch: Batch) -> None:
    kept = list(batch.puts.values())
    marks = ",".join("?" * 16)
    db.executemany(f"REPLACE INTO entries VALUES ({marks})", [_row(entry) for entry, _ in kept])  # noqa: S608
    db.executemany("REPLACE INTO documents VALUES (?,?,?,?)", [_packed(k.entry.id, data) for k, data in kept])
    uses = [(use.hits, use.used, _askers(use), id) for id, use in batch.touches.items()]
    db.executemany("UPDATE entries SET hits=?, used=?, askers=? WHERE id=?", uses)
    gone = [(id,) for id in batch.deletes]
    for table in ("entries", "documents"):
        db.executemany(f"DELETE FROM {table} WHERE id=?", gone)  # noqa: S608


def read_document(db: sqlite3.Connection, id: str) -> bytes | None:
    """Broken if it is no longer what was written."""
    row = db.execute("SELECT form, sum, data FROM documents WHERE id=?", (id,)).fetchone()
    if row is None:
        return None
    form, checksum, data = row
    try:
        document: bytes = zlib.decompress(data) if form == _ZLIB else bytes(data)
    except (zlib.error, TypeError) as error:
        raise Broken(str(error)) from None
    if zlib.crc32(document) != checksum:
        raise Broken("its checksum is wrong")
    return document


def _packed(id: str, document: bytes) -> tuple[str, int, int, bytes]:
    small = zlib.compress(document, 1) if len(document) >= _WORTH else document
    form, data = (_ZLIB, small) if len(small) < len(document) else (_PLAIN, document)
    return id, form, zlib.crc32(document), data


def _row(kept: Kept) -> tuple[Any, ...]:
    entry, use = kept
    return (
        entry.id, entry.scope, entry.exact, entry.category, entry.tenant,
        entry.text.encode("utf-8", "surrogatepass"),  # SQLite's own text takes no lone surrogates
        None if entry.vector is None else entry.vector.tobytes(),
        entry.created, entry.size, entry.cost, entry.seconds, entry.asker, entry.pool,
        use.hits, use.used, _askers(use),
    )  # fmt: skip


def _kept(row: tuple[Any, ...]) -> Kept:
    id, scope, exact, category, tenant, text, vector, created, size, cost, seconds, asker, pool, hits, used, who = row
    try:
        entry = Entry(
            str(id), bytes(scope), bytes(exact), str(category), tenant, text.decode("utf-8", "surrogatepass"),
            None if vector is None else np.frombuffer(vector, np.int8),
            float(created), int(size), float(cost), float(seconds), asker, str(pool),
        )  # fmt: skip
        askers = None if who is None else tuple(orjson.loads(who))
        return Kept(entry, Use(int(hits), float(used), askers))
    except (TypeError, ValueError, AttributeError) as error:
        raise Broken(f"an entry cannot be read: {error}") from None


def _askers(use: Use) -> str | None:
    return None if use.askers is None else orjson.dumps(use.askers).decode()
