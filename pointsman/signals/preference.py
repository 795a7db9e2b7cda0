"""`preference`: which of a user's named kinds of request the last turns are like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from pointsman.signals.base import UNKNOWN, Shape, SignalOptions, SignalValue
from pointsman.signals.encoder.encoding import Encoder, Encoding
from pointsman.signals.facts import Facts
from pointsman.signals.learned import Probability
from pointsman.signals.neural import NeuralSignal
from pointsman.signals.prototypes import Prototypes
from pointsman.signals.similar import THRESHOLD, NamedExamples, best_name
from pointsman.signals.turns import MAX_TURNS, user_turns

_FADE = np.float32(0.9)  # what a turn counts of the one after it


class PreferenceOptions(SignalOptions):
    type: Literal["preference"]
    examples: NamedExamples
    """Texts by the name of the preference."""
    threshold: Probability = THRESHOLD
    """The least similarity that counts."""
    turns: int = Field(1, ge=1, le=MAX_TURNS)
    """How many of the user's last turns are regarded."""


class Preference(NeuralSignal[PreferenceOptions]):
    Options = PreferenceOptions

    @property
    def shape(self) -> Shape:
        return Shape.LABEL

    @property
    def known_labels(self) -> frozenset[str] | None:
        return frozenset(self.options.examples)

    def prepare(self, encoder: Encoder) -> None:
        self._prototypes = Prototypes(encoder, list(self.options.examples.values()))

    def passages(self, facts: Facts) -> Sequence[str]:
        return [turn for turn in user_turns(facts, self.options.turns) if turn.strip()]

    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        if not encodings:
            return UNKNOWN
        scores = [self._prototypes.similarities(encoding.vector) * _FADE**age for age, encoding in enumerate(encodings)]
        return best_name(tuple(self.options.examples), np.max(scores, 0), self.options.threshold)
