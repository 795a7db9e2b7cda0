"""`embedding`: whether a text is like a user's own examples, or which of several kinds of examples it is like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pointsman.signals.base import FALSE, UNKNOWN, Shape, SignalValue
from pointsman.signals.encoder.encoding import Encoder, Encoding, excerpt
from pointsman.signals.facts import Facts
from pointsman.signals.learned import Probability
from pointsman.signals.neural import NeuralSignal
from pointsman.signals.options import TextOptions
from pointsman.signals.prototypes import Prototypes
from pointsman.signals.similar import THRESHOLD, Examples, NamedExamples, best_name


class EmbeddingOptions(TextOptions):
    type: Literal["embedding"]
    examples: Examples | NamedExamples
    """A list makes it a boolean, a mapping of lists a label."""
    against: Examples | None = None
    """A text that is as similar to one of these is not what is meant."""
    threshold: Probability = THRESHOLD
    """The least similarity that counts."""


class Embedding(NeuralSignal[EmbeddingOptions]):
    Options = EmbeddingOptions

    @property
    def _named(self) -> Mapping[str, Sequence[str]] | None:
        examples: Any = self.options.examples
        return examples if isinstance(examples, dict) else None

    @property
    def shape(self) -> Shape:
        return Shape.BOOL if self._named is None else Shape.LABEL

    @property
    def known_labels(self) -> frozenset[str] | None:
        return None if self._named is None else frozenset(self._named)

    def prepare(self, encoder: Encoder) -> None:
        examples: Any = self.options.examples
        groups = [*self._named.values()] if self._named is not None else [examples]
        names = [*self._named] if self._named is not None else [self.name]
        self._names = tuple(names)
        against = [] if self.options.against is None else [self.options.against]
        self._prototypes = Prototypes(encoder, [*groups, *against])

    def passages(self, facts: Facts) -> Sequence[str]:
        text = excerpt(facts.text(self.options.scope))
        return (text,) if text.strip() else ()

    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        if not encodings:
            return FALSE if self._named is None else UNKNOWN
        scores = self._prototypes.similarities(encodings[0].vector)
        above = float(scores[-1]) if self.options.against is not None else 0.0
        found = best_name(self._names, scores[: len(self._names)], self.options.threshold, above)
        if self._named is not None:
            return found
        score = found.score or 0.0
        # Nearer to the counter-examples there is nothing of what the signal is named for, whatever the threshold.
        return SignalValue(found.value != (), score if score > above else 0.0)
