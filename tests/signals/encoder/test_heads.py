from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pointsman.signals.encoder.encoding import EncoderError, Encoding
from pointsman.signals.encoder.heads import Head, Heads, word_buckets

ids = arrays(np.int32, st.integers(0, 60), elements=st.integers(0, 30_521))


def encoding(features=(1.0, 0.0), words=()):
    vector = np.asarray(features, np.float32)
    return Encoding(vector, vector, np.asarray(words, np.int32))


@given(ids)
def test_word_features_are_bounded_and_the_same_each_time(words):
    found = word_buckets(words, 1024)
    assert np.array_equal(found, word_buckets(words, 1024))
    assert len(np.unique(found)) == len(found) <= 2 * max(len(words), 1)
    assert ((found >= 0) & (found < 1024)).all()


def test_word_features_know_the_order_of_words():
    forth, back = (
        word_buckets(np.asarray([5, 6], np.int32), 1 << 15),
        word_buckets(np.asarray([6, 5], np.int32), 1 << 15),
    )
    assert not np.array_equal(forth, back)
    assert len(np.intersect1d(forth, back)) == 2


@given(arrays(np.float32, 3, elements=st.floats(-50, 50, width=32)))
def test_probabilities_add_up_to_one(bias):
    head = Head(("a", "b", "c"), np.zeros((3, 2), np.float32), bias)
    found = head.probabilities(encoding())
    assert sum(found.values()) == pytest.approx(1, abs=1e-5)
    assert max(found.values()) == pytest.approx(found["abc"[int(bias.argmax())]])


def test_words_and_further_features_count_beside_the_encoding():
    words = np.zeros((8, 1), np.float16)
    words[word_buckets(np.asarray([7], np.int32), 8)] = 2
    head = Head(("yes",), np.asarray([[1, 0, 3]], np.float32), np.zeros(1, np.float32), words)
    more = np.asarray([0.5], np.float32)
    assert head.logits(encoding(), more) == pytest.approx([2.5])
    assert head.logits(encoding(words=[7]), more) == pytest.approx([4.5])


def test_a_file_gives_back_what_was_stored(tmp_path):
    path = tmp_path / "heads.npz"
    np.savez(
        path,
        **{
            "kind.labels": ["a", "b"], "kind.weights": np.eye(2, dtype=np.float32),
            "kind.bias": np.zeros(2, np.float32),
            "tags.weights": np.eye(3, 2, dtype=np.float32), "tags.bias": np.zeros(3, np.float32),
            "tools.matrix": np.eye(2, dtype=np.float32),
        },
    )  # fmt: skip
    heads = Heads(path)
    assert max(heads["kind"].probabilities(encoding()).items(), key=lambda item: item[1])[0] == "a"
    tags = heads.tags(np.asarray([[9, 0], [0, 9]], np.float32))
    assert tags.argmax(1).tolist() == [0, 1]
    assert tags.sum(1) == pytest.approx([1, 1], abs=1e-2)
    assert heads.matrix("tools").shape == (2, 2)
    assert heads.matrix("other") is None


def test_a_head_that_was_not_fitted_says_what_to_do(tmp_path):
    with pytest.raises(EncoderError, match="pointsman fit heads"):
        Heads(tmp_path / "none.npz", required=False)["domain"]


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 broken", b"no zip at all"])
def test_a_broken_or_missing_file_is_a_clear_error(tmp_path, content):
    path = tmp_path / "heads.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EncoderError, match=r"heads\.npz cannot be read"):
        Heads(path)
