from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.cache.entry import Entry
from pointsman.cache.store.base import Kept, Use
from pointsman.cache.store.redis.form import Foreign, pack_document, pack_entry, unpack_document, unpack_entry

texts = st.text(st.characters(), max_size=40)
numbers = st.floats(0, 1e10)
vectors = st.none() | st.binary(max_size=64).map(lambda data: np.frombuffer(data, np.int8))
entries = st.builds(
    Entry, st.uuids().map(lambda id: id.hex), st.binary(max_size=32), st.binary(max_size=32),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.none() | texts, texts, vectors, numbers,
    st.integers(0, 2**31), numbers, numbers, st.none() | texts, texts,
)  # fmt: skip


@given(entries)
def test_an_entry_comes_back_as_it_was(entry: Entry) -> None:
    back = unpack_entry(entry.id, pack_entry(Kept(entry, Use()), 60.0))
    assert back._replace(vector=None) == entry._replace(vector=None)
    assert (back.vector is None) == (entry.vector is None)
    assert entry.vector is None or np.array_equal(back.vector, entry.vector)  # type: ignore[arg-type]


@given(entries, st.data())
def test_no_byte_of_an_entry_may_change(entry: Entry, data: st.DataObject) -> None:
    packed = pack_entry(Kept(entry, Use()), 60.0)
    place = data.draw(st.integers(0, len(packed) - 1))
    changed = packed[:place] + bytes([packed[place] ^ data.draw(st.integers(1, 255))]) + packed[place + 1 :]
    for broken in (changed, packed[:place], packed + b"x"):
        with pytest.raises(Foreign):
            unpack_entry(entry.id, broken)
    with pytest.raises(Foreign):
        unpack_entry("another", packed)


@given(st.binary(max_size=2000) | st.binary(max_size=4).map(lambda some: some * 1000), st.data())
def test_a_document_is_whole_or_none(document: bytes, data: st.DataObject) -> None:
    packed = pack_document("id", document)
    assert unpack_document("id", packed) == document
    place = data.draw(st.integers(0, len(packed) - 1))
    for broken in (packed[:place], packed[:place] + bytes([packed[place] ^ 1]) + packed[place + 1 :]):
        with suppress(Foreign):
            assert unpack_document("id", broken) == document  # a bit of zlib's that means nothing
    with pytest.raises(Foreign):
        unpack_document("another", packed)
