"""`kb`: the label that the nearest of a file's labelled texts have (k nearest neighbours)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from pointsman.signals.base import UNKNOWN, Shape, SignalValue
from pointsman.signals.encoder.encoding import Encoder, Encoding, excerpt
from pointsman.signals.exemplars import read_exemplars
from pointsman.signals.facts import Facts
from pointsman.signals.learned import Probability
from pointsman.signals.neural import NeuralSignal
from pointsman.signals.options import Text, TextOptions
from pointsman.signals.prototypes import vectors
from pointsman.signals.similar import THRESHOLD

MAX_EXEMPLARS = 20_000
"""Their vectors take 30 MB. As float16 it would be half of that, and the comparison fifteen times as slow."""


class KbOptions(TextOptions):
    type: Literal["kb"]
    data: Text
    """JSON Lines of {"text", "label"}."""
    k: int = Field(5, ge=1, le=100)
    """How many of the nearest vote."""
    threshold: Probability = THRESHOLD
    """The least similarity of one that votes."""


class Kb(NeuralSignal[KbOptions]):
    Options = KbOptions

    def __init__(self, name: str, options: KbOptions) -> None:
        super().__init__(name, options)
        self._texts, labels, self._labels = read_exemplars(Path(options.data), MAX_EXEMPLARS)
        places = {label: place for place, label in enumerate(self._labels)}
        self._owners = np.asarray([places[label] for label in labels])

    @property
    def shape(self) -> Shape:
        return Shape.LABEL

    @property
    def known_labels(self) -> frozenset[str] | None:
        return frozenset(self._labels)

    def prepare(self, encoder: Encoder) -> None:
        self._vectors = vectors(encoder, self._texts)

    def passages(self, facts: Facts) -> Sequence[str]:
        text = excerpt(facts.text(self.options.scope))
        return (text,) if text.strip() else ()

    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        """The labels hold the shares of the votes, each of which weighs as much as it is similar."""
        if not encodings:
            return UNKNOWN
        similar = np.clip(self._vectors @ encodings[0].vector, 0, 1)
        nearest = np.argpartition(similar, -self.options.k)[-self.options.k :] if len(similar) > self.options.k else ...
        near, owners = similar[nearest], self._owners[nearest]
        voting = near >= self.options.threshold
        if not voting.any():
            return SignalValue((), float(near.max()))
        votes = np.bincount(owners[voting], near[voting], len(self._labels))
        best = int(votes.argmax())
        shares = votes / votes.sum()
        labels = {self._labels[place]: float(shares[place]) for place in np.flatnonzero(shares)}
        return SignalValue(self._labels[best], float(near[owners == best].max()), labels)
