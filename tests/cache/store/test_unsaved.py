from __future__ import annotations

import pytest

from pointsman.cache.store import unsaved as module
from pointsman.cache.store.base import Kept, Use
from pointsman.cache.store.unsaved import Unsaved
from tests.support.cached import entry


def put(unsaved: Unsaved, id: str, document: bytes = b"d") -> int:
    return unsaved.put(Kept(entry(id, id=id), Use()), document)


def test_only_the_last_word_counts() -> None:
    unsaved = Unsaved()
    put(unsaved, "a")
    unsaved.touch({"a": Use(1), "b": Use(2)})
    unsaved.touch({"b": Use(3)})
    put(unsaved, "c")
    unsaved.delete(["c"])
    batch = unsaved.take()
    assert {id: kept.use.hits for id, (kept, _) in batch.puts.items()} == {"a": 1}
    assert batch.touches == {"b": Use(3)}
    assert list(batch.deletes) == ["c"]
    assert not unsaved.take()


def test_documents_can_be_read_while_they_are_written() -> None:
    unsaved = Unsaved()
    put(unsaved, "a")
    unsaved.take()
    assert unsaved.document("a") == b"d"
    unsaved.delete(["a"])
    assert unsaved.document("a") is None


def test_what_could_not_be_written_waits_with_what_came_since() -> None:
    unsaved = Unsaved()
    for id in ("a", "b", "c"):
        put(unsaved, id)
    unsaved.touch({"d": Use(1)})
    unsaved.delete(["e"])
    batch = unsaved.take()
    put(unsaved, "a", b"newer")
    unsaved.delete(["b", "d"])
    unsaved.touch({"c": Use(9)})
    unsaved.give_back(batch)
    again = unsaved.take()
    assert {id: document for id, (_, document) in again.puts.items()} == {"a": b"newer", "c": b"d"}
    assert again.puts["c"][0].use.hits == 9
    assert again.touches == {}
    assert set(again.deletes) == {"b", "d", "e"}


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 100)
    monkeypatch.setattr(module, "_WORDS", 3)
    unsaved = Unsaved()
    assert [put(unsaved, id, b"d" * 40) for id in "abc"] == [0, 0, 1]
    batch = unsaved.take()
    put(unsaved, "d", b"d" * 40)
    unsaved.give_back(batch)
    unsaved.delete([str(number) for number in range(10)])
    batch = unsaved.take()
    assert len(batch.puts) == 2
    assert list(batch.deletes) == ["7", "8", "9"]
