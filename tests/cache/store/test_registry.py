from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.cache.store.memory import MemoryStore
from pointsman.cache.store.registry import open_store, problem
from pointsman.cache.store.sqlite import SqliteStore


def test_each_place_has_its_store(tmp_path: Path) -> None:
    assert isinstance(open_store("memory:"), MemoryStore)
    store = open_store(f"sqlite:{tmp_path / 'cache.db'}")
    assert isinstance(store, SqliteStore)
    assert store.path == tmp_path / "cache.db"
    store.close()


@pytest.mark.parametrize("place", ["", "memory", "memory:x", "sqlite:", "sqlite: ", "pigeon:x", "cache.db"])
def test_other_places_are_refused_with_what_to_write(place: str) -> None:
    found = problem(place)
    assert found is not None
    assert ":" in found
    with pytest.raises(ValueError, match=r"`?sqlite:|memory:"):
        open_store(place)


def test_a_password_in_a_place_is_not_repeated() -> None:
    assert "secret" not in (problem("pigeon://user:secret@host") or "")
