from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pointsman.signals import kmeans

DIMENSION = 8


def test_vectors_that_gather_find_their_centres():
    axes = np.eye(DIMENSION, dtype=np.float32)[:3]
    noise = np.random.default_rng(4).normal(0, 0.05, (90, DIMENSION)).astype(np.float32)
    vectors = np.repeat(axes, 30, 0) + noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    centres = kmeans.centres(vectors, 3)
    assert np.abs(np.sort(centres @ axes.T, axis=0)[-1] - 1).max() < 0.01
    assert len({int(owner) for owner in kmeans.nearest(vectors, centres)}) == 3


@settings(max_examples=40)
@given(arrays(np.float32, st.tuples(st.integers(1, 30), st.just(DIMENSION)), elements=st.floats(0.125, 1, width=32)),
       st.integers(1, 8))  # fmt: skip
def test_centres_are_of_length_1_and_the_same_every_time(raw: Any, number: int):
    vectors = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    centres = kmeans.centres(vectors, number)
    assert 1 <= len(centres) <= min(number, len(vectors))
    assert np.allclose(np.linalg.norm(centres, axis=1), 1, atol=1e-3)
    assert np.array_equal(centres, kmeans.centres(vectors, number))
