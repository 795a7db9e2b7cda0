from __future__ import annotations

from pointsman.cache.store.base import Kept, Use
from pointsman.cache.store.memory import MemoryStore
from tests.support.cached import entry


async def test_what_is_put_is_there_until_it_is_deleted() -> None:
    store = MemoryStore()
    one, other = entry("a"), entry("b")
    for each in (one, other):
        store.put(Kept(each, Use()), each.text.encode())
    store.delete([one.id, "never there"])
    assert await store.get(one.id) is None
    assert await store.get(other.id) == b"b"
    store.close()
    assert await store.get(other.id) is None


def test_every_process_has_its_own_key() -> None:
    assert MemoryStore().key != MemoryStore().key
