"""`classifier`: a user's own labels, learned from a file of labelled texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from pointsman.signals import fitted
from pointsman.signals.base import FALSE, UNKNOWN, Shape, SignalValue
from pointsman.signals.encoder.encoding import Encoder, Encoding, excerpt
from pointsman.signals.exemplars import read_exemplars
from pointsman.signals.facts import Facts
from pointsman.signals.learned import Probability
from pointsman.signals.neural import NeuralSignal
from pointsman.signals.options import Text, TextOptions

MAX_ROWS = 2_000
"""That are learned from at every start; to encode them takes a few seconds."""

_LIKELIER_THAN_NOT = 0.5


class ClassifierOptions(TextOptions):
    type: Literal["classifier"]
    data: Text | None = None
    """JSON Lines of {"text", "label"}."""
    model: Text | None = None
    """What `pointsman fit classifier` made of such a file."""
    is_: Text | None = Field(None, alias="is")
    """Makes it a boolean: whether this is the label."""
    threshold: Probability | None = None
    """The least probability that counts."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.data is None and self.model is None:
            raise ValueError("a classifier signal needs `data`, labelled texts, or `model`, what was learned from them")
        return self


class Classifier(NeuralSignal[ClassifierOptions]):
    Options = ClassifierOptions

    def __init__(self, name: str, options: ClassifierOptions) -> None:
        super().__init__(name, options)
        if options.model is not None:
            self._model: fitted.Fitted | None = fitted.load(Path(options.model))
            self._labels = self._model.head.labels
        else:
            self._model = None
            self._exemplars = read_exemplars(Path(options.data or ""))
            self._labels = self._exemplars.known
            fitted.check(options.data or "", self._exemplars)
            if len(self._exemplars.texts) > MAX_ROWS:
                raise ValueError(
                    f"{options.data} has {len(self._exemplars.texts):,} rows; to learn from more than {MAX_ROWS:,} at "
                    f"every start takes too long: run `pointsman fit classifier {options.data} --out FILE.npz`, and "
                    "give FILE.npz as `model`"
                )
        if options.is_ is not None and options.is_ not in self._labels:
            raise ValueError(f"there is no label `{options.is_}`; there are {', '.join(self._labels[:20])}")
        self._threshold = options.threshold if options.threshold is not None else self._usual_threshold()

    def _usual_threshold(self) -> float:
        return 0.0 if self.options.is_ is None else _LIKELIER_THAN_NOT

    @property
    def shape(self) -> Shape:
        return Shape.LABEL if self.options.is_ is None else Shape.BOOL

    @property
    def known_labels(self) -> frozenset[str] | None:
        return frozenset(self._labels) if self.options.is_ is None else None

    def prepare(self, encoder: Encoder) -> None:
        if self._model is not None:
            self._model.check(encoder)
            self._head = self._model.head
        else:
            self._head = fitted.learn(fitted.encode(encoder, self._exemplars.texts), self._exemplars)

    def passages(self, facts: Facts) -> Sequence[str]:
        text = excerpt(facts.text(self.options.scope))
        return (text,) if text.strip() else ()

    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        if not encodings:
            return UNKNOWN if self.options.is_ is None else FALSE
        labels = self._head.probabilities(fitted.only_sentence(encodings[0]))
        if self.options.is_ is not None:
            probability = labels[self.options.is_]
            return SignalValue(probability >= self._threshold, probability, labels)
        best = max(labels, key=labels.__getitem__)
        return SignalValue(best if labels[best] >= self._threshold else (), labels[best], labels)
