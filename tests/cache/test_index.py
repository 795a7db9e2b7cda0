from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from numpy.typing import NDArray

from pointsman.cache import index as module
from pointsman.cache.entry import Bytes
from pointsman.cache.index import Index, Near, quantised

DIMENSION = 16
SCOPES = (b"a", b"b")


def vectors(count: int, seed: int = 0) -> NDArray[np.float32]:
    found = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    normal: NDArray[np.float32] = found / np.linalg.norm(found, axis=1, keepdims=True)
    return normal


POOL = vectors(64)


def kept(count: int, *, settled: bool = True) -> tuple[Index, NDArray[np.float32]]:
    index, table = Index(DIMENSION, count), vectors(count)
    for number, vector in enumerate(table):
        index.add(str(number), b"a", quantised(vector))
    while settled and index.settle(100):
        pass
    return index, table


def test_the_nearest_come_first_with_their_cosine() -> None:
    index, table = kept(50)
    found = index.search(b"a", table[7], 5)
    cosines = table @ table[7]
    assert [near.key for near in found] == [str(place) for place in np.argsort(-cosines)[:5]]
    assert [near.similarity for near in found] == pytest.approx(sorted(cosines, reverse=True)[:5], abs=0.01)


def test_another_scope_is_never_seen() -> None:
    index, table = kept(2000)
    index.add("other", b"b", quantised(table[0]))
    assert [near.key for near in index.search(b"b", table[0], 5)] == ["other"]
    assert "other" not in {near.key for near in index.search(b"a", table[0], 5)}
    assert index.search(b"c", table[0], 5) == []


def test_a_graph_finds_what_comparing_all_finds() -> None:
    index, table = kept(3000)
    asked = vectors(50, seed=1)
    right = sum(index.search(b"a", each, 1)[0].key == str(np.argmax(table @ each)) for each in asked)
    assert right >= 47


def test_new_ones_are_found_before_they_are_in_the_graph() -> None:
    index, table = kept(module.WHOLE + 200, settled=False)
    for number in (0, 500, module.WHOLE + 199):
        assert index.search(b"a", table[number], 1)[0].key == str(number)


def test_replaced_ones_are_found_where_they_are_now() -> None:
    index, table = kept(1500)
    later = vectors(1500, seed=2)
    for number, vector in enumerate(later):
        index.add(str(number), b"a", quantised(vector))
        index.settle()
    while index.settle(100):
        pass
    right = sum(index.search(b"a", later[number], 1)[0].key == str(number) for number in range(0, 1500, 30))
    assert right >= 48
    assert all(near.similarity < 0.999 for near in index.search(b"a", table[3], 1))
    assert len(index) == 1500


def test_what_a_key_stands_for() -> None:
    index, table = kept(3)
    found = index.vector("1")
    assert found is not None
    assert found.tolist() == quantised(table[1]).tolist()
    assert index.vector("9") is None


def test_all_that_are_alike_of_every_scope() -> None:
    index, table = kept(20)
    index.add("other", b"b", quantised(table[4]))
    index.remove("5")
    found = {near.key for some in index.alike(table[4], 0.99) for near in some}
    assert found == {"4", "other"}
    assert len({near.key for some in index.alike(table[4], -1.0) for near in some}) == 20


def test_the_room_of_what_is_removed_is_used_again() -> None:
    index = Index(DIMENSION)
    for number in range(2 * module._SCANNED):
        index.add(str(number % 3), SCOPES[number % 2], quantised(POOL[number % 64]))
    assert len(list(index.alike(POOL[0], -1.0))) == 1


class AgainstAll(RuleBasedStateMachine):
    """Small scopes are searched exactly: the same as comparing everything in them."""

    def __init__(self) -> None:
        super().__init__()
        self.index = Index(DIMENSION)
        self.model: dict[str, tuple[bytes, Bytes]] = {}

    @rule(key=st.integers(0, 30).map(str), scope=st.sampled_from(SCOPES), vector=st.integers(0, 63))
    def add(self, key: str, scope: bytes, vector: int) -> None:
        self.index.add(key, scope, quantised(POOL[vector]))
        self.model[key] = scope, quantised(POOL[vector])

    @rule(key=st.integers(0, 30).map(str))
    def remove(self, key: str) -> None:
        self.index.remove(key)
        self.model.pop(key, None)

    @rule(scope=st.sampled_from(SCOPES), vector=st.integers(0, 63))
    def search(self, scope: bytes, vector: int) -> None:
        cosines = sorted((float(v @ POOL[vector]) / 127 for s, v in self.model.values() if s == scope), reverse=True)
        found = self.index.search(scope, POOL[vector], 4)
        assert [near.similarity for near in found] == pytest.approx(cosines[:4], abs=1e-5)
        assert all(self.model[near.key][0] == scope for near in found)

    @invariant()
    def counts(self) -> None:
        assert len(self.index) == len(self.model)
        assert all((key in self.index) == (key in self.model) for key in map(str, range(31)))


TestAgainstAll = AgainstAll.TestCase
TestAgainstAll.settings = settings(max_examples=40, stateful_step_count=40)


def test_with_graphs_too_no_deleted_one_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WHOLE", 16)
    index, model, random = Index(DIMENSION), dict[str, int](), np.random.default_rng(3)
    for step in range(3000):
        key = str(random.integers(60))
        if random.random() < (0.3 if step % 1000 < 500 else 0.7):
            index.remove(key)
            model.pop(key, None)
        else:
            model[key] = int(random.integers(64))
            index.add(key, b"a", quantised(POOL[model[key]]))
        index.settle(2)
        found: list[Near] = index.search(b"a", POOL[step % 64], 4)
        assert all(near.key in model for near in found)
        assert len({near.key for near in found}) == len(found)
        assert all(
            near.similarity == pytest.approx(float(POOL[model[near.key]] @ POOL[step % 64]), abs=0.02) for near in found
        )
        assert len(index) == len(model)
