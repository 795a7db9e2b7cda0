"""Signals that are a head on one passage: the text that the signal's `in:` names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Generic, TypeAlias, TypeVar

from pydantic import Field

from pointsman.signals.base import FALSE, UNKNOWN, LabelCount, Shape, SignalValue
from pointsman.signals.encoder.encoding import Encoder, Encoding, excerpt
from pointsman.signals.encoder.heads import Head
from pointsman.signals.facts import Facts
from pointsman.signals.neural import NeuralSignal
from pointsman.signals.options import TextOptions

Probability: TypeAlias = Annotated[float, Field(ge=0, le=1)]

LearnedOptions = TypeVar("LearnedOptions", bound=TextOptions)


class Learned(NeuralSignal[LearnedOptions], Generic[LearnedOptions]):
    """Without words there is nothing to read: a label is unknown then, a flag false."""

    head: ClassVar[str]

    def prepare(self, encoder: Encoder) -> None:
        self._head: Head = encoder.head(self.head)

    def passages(self, facts: Facts) -> Sequence[str]:
        text = excerpt(facts.text(self.options.scope))
        return (text,) if text.strip() else ()


class LearnedLabel(Learned[LearnedOptions]):
    """The likeliest of several labels."""

    labels: ClassVar[tuple[str, ...]]
    label_count = LabelCount.ONE

    @property
    def shape(self) -> Shape:
        return Shape.LABEL

    @property
    def known_labels(self) -> frozenset[str] | None:
        return frozenset(self.labels)

    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        return self.value(self._head.probabilities(encodings[0])) if encodings else UNKNOWN

    def value(self, labels: Mapping[str, float]) -> SignalValue:
        best = max(labels, key=labels.__getitem__)
        return SignalValue(best, labels[best], labels)


class LearnedFlagOptions(TextOptions):
    threshold: Probability = 0.5
    """The least probability that counts."""


FlagOptions = TypeVar("FlagOptions", bound=LearnedFlagOptions)


class LearnedFlag(Learned[FlagOptions], Generic[FlagOptions]):
    """Whether something holds."""

    @property
    def shape(self) -> Shape:
        return Shape.BOOL

    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        if not encodings:
            return FALSE
        probability = self._head.probability(encodings[0])
        return SignalValue(probability >= self.options.threshold, probability)
