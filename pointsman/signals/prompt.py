"""What choosing a model needs to know of a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pointsman.signals.complexity import statistics
from pointsman.signals.encoder.encoding import Encoder, EncoderError, Encoding, Vector
from pointsman.signals.encoder.heads import Head

FEATURES = 32


class Prompt(NamedTuple):
    need: float  # of the stronger model, in [0, 1]
    difficulty: float  # in [0, 1]
    domains: Mapping[str, float]  # probability of each
    features: NDArray[np.float64]  # [FEATURES], about 1 in size: what learned selectors read
    vector: Vector  # [dimension], of length 1: the sentence


class PromptReader:
    """Works with any encoder; what one has no head for is read from the others, or from nothing."""

    def __init__(self, encoder: Encoder) -> None:
        self._need = _head(encoder, "need")
        self._difficulty = _head(encoder, "complexity")
        self._domain = _head(encoder, "domain")
        matrix = encoder.matrix("route")
        self._matrix = None if matrix is None else matrix[:FEATURES].astype(np.float64)

    def read(self, encoding: Encoding, passage: str) -> Prompt:
        more = statistics(encoding, passage)
        difficulty = self._difficulty.probability(encoding, more) if self._difficulty else 0.5
        need = self._need.probability(encoding, more) if self._need else difficulty
        domains = self._domain.probabilities(encoding) if self._domain else {}
        return Prompt(need, difficulty, domains, self._features(encoding), encoding.vector)

    def _features(self, encoding: Encoding) -> NDArray[np.float64]:
        if self._matrix is not None and self._matrix.shape[1] == len(encoding.features):
            found: NDArray[np.float64] = self._matrix @ encoding.features
            return found
        values = np.zeros(FEATURES)
        part = encoding.vector[:FEATURES]
        values[: len(part)] = part * np.sqrt(len(encoding.vector))
        return values


def _head(encoder: Encoder, name: str) -> Head | None:
    try:
        found: Head = encoder.head(name)
    except EncoderError:
        return None
    return found
