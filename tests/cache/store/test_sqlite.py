from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from pointsman.cache.store import sqlite as module
from pointsman.cache.store.base import Kept, Use
from pointsman.cache.store.sqlite import SqliteStore
from tests.support.cached import cache, entry, query, vector

LONG = b'{"answer": "forty-two"}' * 200
Open = Callable[[], SqliteStore]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Open]:
    stores: list[SqliteStore] = []

    def opened() -> SqliteStore:
        stores.append(SqliteStore(path))
        return stores[-1]

    yield opened
    for store in stores:
        store.close()


def kept(text: str, **use: Any) -> Kept:
    return Kept(entry(text), Use(**use))


def events(logs: Any) -> list[str]:
    return [entry["event"] for entry in logs]


async def test_what_was_put_can_be_had_at_once_and_after_a_restart(opened: Open) -> None:
    store = opened()
    store.put(kept("short"), b"{}")
    store.put(kept("long"), LONG)
    assert await store.get(entry("long").id) == LONG
    store.close()
    store = opened()
    assert await store.get(entry("short").id) == b"{}"
    assert await store.get(entry("long").id) == LONG
    assert await store.get("another") is None


def test_a_restart_keeps_entries_their_use_and_the_key(opened: Open) -> None:
    store = opened()
    odd = Kept(entry("h\ud800i", id="odd", tenant="a", asker="ann", pool="small", cost=0.5), Use(0, 1.0, ("ann",)))
    plain = Kept(entry("plain", vector=None), Use(2, 5.0))
    store.put(odd, b"d")
    store.put(plain, b"d")
    store.touch({odd.entry.id: Use(3, 9.0, ("ann", "bob"))})
    key = store.key
    store.close()
    store = opened()
    assert store.key == key
    found = {each.entry.text: each for each in store.entries()}
    assert found["h\ud800i"].use == Use(3, 9.0, ("ann", "bob"))
    assert found["plain"] == plain
    one = found["h\ud800i"].entry
    assert one._replace(vector=None) == odd.entry._replace(vector=None)
    assert one.vector is not None
    assert one.vector.tolist() == odd.entry.vector.tolist()  # type: ignore[union-attr]


def test_what_was_deleted_stays_away(opened: Open) -> None:
    store = opened()
    store.put(kept("a"), b"d")
    store.put(kept("b"), b"d")
    assert store.flush_now()
    store.delete([entry("a").id])
    store.close()
    assert [each.entry.text for each in opened().entries()] == ["b"]


async def test_a_deleted_document_is_gone_at_once(opened: Open) -> None:
    store = opened()
    store.put(kept("a"), b"d")
    store.delete([entry("a").id])
    assert await store.get(entry("a").id) is None
    store.put(kept("b"), b"d")
    await store.flush()
    store.delete([entry("b").id])
    await store.flush()
    assert await store.get(entry("b").id) is None


async def test_a_whole_cache_comes_back(opened: Open) -> None:
    first = cache(store=opened())
    first.insert(entry("reset my password"), b"document")
    hit = first.exact(query("reset my password"))
    assert hit is not None
    first.touch(hit, 3.0)
    first.store.close()
    second = cache(store=opened())
    second.load(now=10.0)
    text = "reset my password please"
    hit = second.similar(query(text, now=10.0), vector(text))
    assert hit is not None
    assert await second.document(hit.entry) == b"document"
    assert [each.use.hits for each in second.entries()] == [1]


def test_a_crash_leaves_what_was_written(path: Path, opened: Open) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from pointsman.cache.store.base import Kept, Use\n"
        "from pointsman.cache.store.sqlite import SqliteStore\n"
        "from tests.support.cached import entry\n"
        "store = SqliteStore(Path(sys.argv[1]))\n"
        "for text in ('a', 'b'): store.put(Kept(entry(text), Use()), b'd' * 5000)\n"
        "assert store.flush_now()\n"
        "store.put(Kept(entry('c'), Use()), b'd')\n"
        "os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], cwd=Path(__file__).parents[3], check=False)
    assert done.returncode == 9
    assert {each.entry.text for each in opened().entries()} >= {"a", "b"}


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_broken_file_is_set_aside_and_service_goes_on(path: Path, opened: Open, content: bytes) -> None:
    path.write_bytes(content)
    with capture_logs() as logs:
        store = opened()
    assert events(logs) == ["cache_set_aside"]
    [aside] = path.parent.glob("cache.db.broken-*")
    assert aside.read_bytes() == content
    assert list(store.entries()) == []
    store.put(kept("a"), b"d")
    store.close()
    assert len(list(opened().entries())) == 1


def test_a_file_of_a_later_version_is_set_aside(path: Path, opened: Open) -> None:
    opened().close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=99")
    with capture_logs() as logs:
        assert list(opened().entries()) == []
    assert "version 99" in logs[0]["reason"]


def test_entries_that_cannot_be_read_set_the_file_aside(path: Path, opened: Open) -> None:
    store = opened()
    store.put(kept("a"), b"d")
    store.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE entries SET text = 5")
    with capture_logs() as logs:
        assert list(opened().entries()) == []
    assert events(logs) == ["cache_set_aside"]


async def test_a_document_that_is_not_what_was_written_is_not_served(path: Path, opened: Open) -> None:
    store = opened()
    store.put(kept("plain"), b"right")
    store.put(kept("packed"), LONG)
    store.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE documents SET data = ?", (b"wrong",))
    store = opened()
    with capture_logs() as logs:
        assert await store.get(entry("plain").id) is None
        assert await store.get(entry("packed").id) is None
    assert events(logs) == ["cache_document_broken"]


async def test_a_file_that_breaks_in_use_is_replaced(path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened()
    store.put(kept("before"), b"d")
    await store.flush()
    real, broken = module.write, [sqlite3.DatabaseError("database disk image is malformed")]

    def write(db: sqlite3.Connection, batch: Any) -> None:
        if broken:
            raise broken.pop()
        real(db, batch)

    monkeypatch.setattr(module, "write", write)
    with capture_logs() as logs:
        store.put(kept("while"), b"of then")
        await store.flush()
    assert events(logs) == ["cache_set_aside"]
    assert await store.get(entry("while").id) == b"of then"
    store.put(kept("after"), b"d")
    store.close()
    assert {each.entry.text for each in opened().entries()} == {"while", "after"}
    assert list(path.parent.glob("cache.db.broken-*"))


async def test_a_full_disk_stops_nothing_and_is_written_when_there_is_room(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened()
    real, full = module.write, threading.Event()
    full.set()

    def write(db: sqlite3.Connection, batch: Any) -> None:
        if full.is_set():
            raise sqlite3.OperationalError("database or disk is full")
        real(db, batch)

    monkeypatch.setattr(module, "write", write)
    with capture_logs() as logs:
        for text in ("a", "b", "c"):
            store.put(kept(text), text.encode())
            await store.flush()
        store.touch({entry("a").id: Use(7, 1.0)})
        store.delete([entry("b").id])
        await store.flush()
    assert events(logs) == ["cache_not_saved"]
    assert await store.get(entry("a").id) == b"a"
    full.clear()
    store.close()
    assert {each.entry.text: each.use.hits for each in opened().entries()} == {"a": 7, "c": 0}


async def test_the_file_of_another_process_is_left_alone(opened: Open) -> None:
    first = opened()
    with capture_logs() as logs:
        second = opened()
    assert events(logs) == ["cache_not_kept"]
    second.put(kept("a"), b"d")
    assert await second.get(entry("a").id) == b"d"
    second.close()
    first.close()
    assert list(opened().entries()) == []


async def test_a_folder_that_is_not_there_means_in_memory(tmp_path: Path) -> None:
    with capture_logs() as logs:
        store = SqliteStore(tmp_path / "no" / "cache.db")
    assert events(logs) == ["cache_not_kept"]
    store.put(kept("a"), b"d")
    assert await store.get(entry("a").id) == b"d"
    store.close()


def test_the_file_is_for_its_owner_only(path: Path, opened: Open) -> None:
    opened()
    assert path.stat().st_mode & 0o077 == 0
