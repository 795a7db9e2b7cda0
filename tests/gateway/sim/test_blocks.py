from __future__ import annotations

from pointsman.gateway.sim.blocks import BlockPool, chain_key


def test_a_block_is_free_when_its_last_holder_is_gone() -> None:
    pool = BlockPool(4)
    held = pool.acquire((), 3)
    assert held is not None
    assert (pool.free, pool.used) == (1, 3)
    assert pool.acquire(held[:1], 0) == []
    pool.release(held)
    assert (pool.free, pool.used) == (3, 1)
    pool.release(held[:1])
    assert (pool.free, pool.used) == (4, 0)


def test_too_much_changes_nothing() -> None:
    pool = BlockPool(4)
    assert pool.acquire((), 5) is None
    assert pool.free == 4


def test_shared_blocks_that_are_free_do_not_count_as_room_for_new_ones() -> None:
    pool = BlockPool(2)
    held = pool.acquire((), 1) or []
    pool.publish(held[0], b"a")
    pool.release(held)
    assert pool.acquire(pool.match([b"a"]), 2) is None
    assert pool.acquire(pool.match([b"a"]), 1) is not None


def test_published_blocks_are_found_until_they_are_the_oldest_needed() -> None:
    pool = BlockPool(3)
    held = pool.acquire((), 2) or []
    pool.publish(held[0], b"a")
    pool.publish(held[1], b"b")
    pool.release(held)
    assert pool.match([b"a", b"b", b"c"]) == held
    pool.acquire((), 1)
    assert pool.match([b"a", b"b"]) == held
    pool.acquire((), 1)
    assert pool.match([b"a", b"b"]) == held[:1], "the end of a prefix goes before its beginning"
    pool.acquire((), 1)
    assert pool.match([b"a", b"b"]) == []


def test_a_match_ends_at_the_first_gap() -> None:
    pool = BlockPool(3)
    held = pool.acquire((), 2) or []
    pool.publish(held[0], b"a")
    pool.publish(held[1], b"c")
    assert pool.match([b"a", b"b", b"c"]) == held[:1]


def test_keys_depend_on_all_that_came_before() -> None:
    one, other = chain_key(b"", b"1"), chain_key(b"", b"2")
    assert chain_key(one, b"3") != chain_key(other, b"3")
    assert chain_key(one, b"3") == chain_key(chain_key(b"", b"1"), b"3")
