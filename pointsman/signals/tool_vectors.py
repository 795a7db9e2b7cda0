"""Tools' descriptions as vectors, remembered because the same tools are offered again and again."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

from pointsman.signals.encoder.encoding import Encoder, Encoding, Vector

_LEARNED, _OWN = sqrt(2 / 3), sqrt(1 / 3)  # so that a cosine is to two thirds the learned one

REMEMBERED = 4096
"""Descriptions, a KB or two each."""


class Projection:
    """Where queries lie close to the descriptions of the tools that answer them: the learned projection, and beside it
    the sentence's own vector, which knows what tools are about that nobody had when it was learned."""

    def __init__(self, encoder: Encoder) -> None:
        self._matrix = encoder.matrix("tools")
        self.dimension = encoder.dimension + (0 if self._matrix is None else len(self._matrix))

    def __call__(self, encoding: Encoding) -> Vector:
        """Of length 1."""
        if self._matrix is None:
            return encoding.vector
        learned = self._matrix @ encoding.features
        learned *= _LEARNED / max(float(np.linalg.norm(learned)), 1e-9)
        vector: Vector = np.concatenate((learned, _OWN * encoding.vector))
        return vector


class ToolVectors:
    def __init__(self, project: Projection) -> None:
        self._project = project
        self._known: dict[str, Vector] = {}

    def unknown(self, texts: Sequence[str]) -> list[str]:
        """Those that are not remembered."""
        return [text for text in texts if text not in self._known]

    def learn(self, text: str, encoding: Encoding) -> None:
        if len(self._known) >= REMEMBERED:
            self._known.clear()  # seldom, and cheaper than to keep an order
        self._known[text] = self._project(encoding)

    def of(self, texts: Sequence[str]) -> tuple[list[int], Vector]:
        """Places of those that are remembered, and their vectors [places, dimension]."""
        known = self._known
        places = [place for place, text in enumerate(texts) if text in known]
        vectors = np.empty((len(places), self._project.dimension), np.float32)
        for row, place in enumerate(places):
            vectors[row] = known[texts[place]]
        return places, vectors
