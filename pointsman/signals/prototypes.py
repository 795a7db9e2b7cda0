"""A user's example texts as few vectors, and how similar a text is to each group of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pointsman.signals.encoder.encoding import Encoder, Vector, excerpt

Floats = NDArray[np.float32]

MOST = 64
"""Prototypes of a group."""

_BATCH = 256  # texts that are encoded at once, so that loading many needs little memory
_ALIKE = (0.9, 0.85, 0.8, 0.7, 0.6)  # cosine from which two examples say the same; the next if too many are left
_BEST = 0.75  # what the nearest prototype weighs beside the mean of the nearest two


def vectors(encoder: Encoder, texts: Sequence[str]) -> Floats:
    """[texts, dimension]; EncoderError if that fails."""
    found = np.empty((len(texts), encoder.dimension), np.float32)
    for start, batch in _batches(texts):
        found[start : start + len(batch)] = [encoding.vector for encoding in encoder.encode(batch)]
    return found


def _batches(texts: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    for start in range(0, len(texts), _BATCH):
        yield start, [excerpt(text) for text in islice(texts, start, start + _BATCH)]


def distinct(examples: Floats) -> Floats:
    """At most `MOST` of the examples: of each cluster of near duplicates the one that is most like the others."""
    for alike in _ALIKE:
        clusters = _clusters(examples, alike)
        if len(clusters) <= MOST:
            break
    largest = sorted(clusters, key=len, reverse=True)[:MOST]
    return np.stack([examples[members][_medoid(examples[members])] for members in largest])


def _clusters(examples: Floats, alike: float) -> list[list[int]]:
    """Each example joins the first one that it is alike, or begins a cluster of its own."""
    leaders: list[int] = []
    clusters: dict[int, list[int]] = {}
    for index, example in enumerate(examples):
        near = np.flatnonzero(examples[leaders] @ example >= alike)
        leader = leaders[near[0]] if len(near) else index
        if leader == index:
            leaders.append(index)
        clusters.setdefault(leader, []).append(index)
    return list(clusters.values())


def _medoid(members: Floats) -> int:
    return int(np.argmax(members @ members.sum(0)))


class Prototypes:
    """Encodes the examples of each group once; then all similarities of a text are one matrix product."""

    def __init__(self, encoder: Encoder, examples: Sequence[Sequence[str]]) -> None:
        groups = [distinct(vectors(encoder, list(dict.fromkeys(texts)))) for texts in examples]
        self._all = np.concatenate(groups)
        # [groups, longest]: places in `_all`, filled up with the place after the last, which is similar to nothing
        width = max(2, *map(len, groups))
        self._places = np.full((len(groups), width), len(self._all))
        start = 0
        for row, group in zip(self._places, groups, strict=True):
            row[: len(group)] = np.arange(start, start + len(group))
            if len(group) == 1:
                row[1] = start  # its own second
            start += len(group)

    def similarities(self, vector: Vector) -> Floats:
        """[groups], in [0, 1]."""
        similar = np.append(self._all @ vector, np.float32(-1))[self._places]
        two = np.partition(similar, -2, axis=1)[:, -2:]
        scores: Floats = np.clip(_BEST * two[:, 1] + (1 - _BEST) * two.mean(1), 0, 1)
        return scores
