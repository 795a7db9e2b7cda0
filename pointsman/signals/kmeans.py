"""Where unit vectors gather: spherical k-means (Dhillon and Modha 2001), begun as k-means++ (Arthur and Vassilvitskii
2007)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Places = NDArray[np.int64]

_SEED = 7
_ROUNDS = 50


def centres(vectors: Floats, number: int) -> Floats:
    """At most `number` of them, [centres, dimension], each of length 1; the same for the same vectors."""
    found = _begun(vectors, number)
    owners = nearest(vectors, found)
    for _ in range(_ROUNDS):
        found = _means(vectors, owners, found)
        before, owners = owners, nearest(vectors, found)
        if (owners == before).all():
            break
    return found


def nearest(vectors: Floats, found: Floats) -> Places:
    """[vectors], the centre of each"""
    return np.asarray((vectors @ found.T).argmax(1), np.int64)


def _begun(vectors: Floats, number: int) -> Floats:
    """Far from each other, and where there are many; fewer if there are not so many different vectors."""
    random = np.random.default_rng(_SEED)
    chosen = [int(random.integers(len(vectors)))]
    far = _distance(vectors, vectors[chosen[0]])
    while len(chosen) < number and far.any():
        chosen.append(int(random.choice(len(vectors), p=far / far.sum())))
        far = np.minimum(far, _distance(vectors, vectors[chosen[-1]]))
    return vectors[chosen].copy()


def _distance(vectors: Floats, centre: Floats) -> NDArray[np.float64]:
    """Half the squared one; what is nearly the same is the same."""
    distance = 1 - (vectors @ centre).astype(np.float64)
    return np.where(distance > 1e-4, distance, 0.0)


def _means(vectors: Floats, owners: Places, before: Floats) -> Floats:
    """A centre that has lost all of its vectors stays where it is."""
    sums = np.zeros_like(before)
    np.add.at(sums, owners, vectors)
    sizes = np.linalg.norm(sums, axis=1, keepdims=True)
    found: Floats = np.where(sizes > 1e-6, sums / np.maximum(sizes, 1e-6), before).astype(np.float32)
    return found
