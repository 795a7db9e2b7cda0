from __future__ import annotations

from pointsman.cache.store.hot import Hot


def test_what_was_not_used_for_longest_makes_room() -> None:
    hot = Hot(100)
    for id in "abcd":
        hot.put(id, id.encode() * 25)
    assert hot.get("a") == b"a" * 25
    hot.put("e", b"e" * 25)
    assert hot.get("b") is None
    assert all(hot.get(id) for id in "acde")


def test_what_is_put_again_or_dropped_leaves_no_trace() -> None:
    hot = Hot(100)
    for _ in range(10):
        hot.put("a", b"a" * 25)
    hot.drop("a")
    hot.drop("never there")
    for id in "bcde":
        hot.put(id, b"d" * 25)
    assert [hot.get(id) is not None for id in "abcde"] == [False, True, True, True, True]


def test_a_large_one_does_not_drive_out_all_others() -> None:
    hot = Hot(100)
    hot.put("a", b"a" * 10)
    hot.put("large", b"d" * 80)
    assert hot.get("a")
    assert hot.get("large") is None
