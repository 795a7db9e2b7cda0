"""`feedback`: what the user's turn says of the answer before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pointsman.signals.base import LabelCount, Shape, SignalOptions, SignalValue
from pointsman.signals.encoder.encoding import Encoder, Encoding, excerpt
from pointsman.signals.encoder.heads import Head
from pointsman.signals.facts import Facts
from pointsman.signals.neural import NeuralSignal

LABELS = ("satisfied", "dissatisfied", "clarification", "alternative", "none")
_NONE = SignalValue("none", 1.0, {"none": 1.0})


class FeedbackOptions(SignalOptions):
    type: Literal["feedback"]


class Feedback(NeuralSignal[FeedbackOptions]):
    """`none` without an earlier answer, or if the turn asks for something new."""

    Options = FeedbackOptions
    label_count = LabelCount.ONE

    @property
    def shape(self) -> Shape:
        return Shape.LABEL

    @property
    def known_labels(self) -> frozenset[str] | None:
        return frozenset(LABELS)

    def prepare(self, encoder: Encoder) -> None:
        self._head: Head = encoder.head("feedback")

    def passages(self, facts: Facts) -> Sequence[str]:
        messages = facts.messages
        if not messages or messages[-1].role != "user" or all(message.role != "assistant" for message in messages):
            return ()
        text = excerpt(messages[-1].text)
        return (text,) if text.strip() else ()

    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        if not encodings:
            return _NONE
        labels = self._head.probabilities(encodings[0])
        best = max(labels, key=labels.__getitem__)
        return SignalValue(best, labels[best], labels)
