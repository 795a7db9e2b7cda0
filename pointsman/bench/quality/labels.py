"""Signals whose value is one of several labels, or a yes and a no, on texts of which the right one is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from pointsman.bench.quality.figures import Bench, Figure, Target
from pointsman.bench.quality.floors import Floors, of_classes
from pointsman.bench.quality.metrics import Classes, encode_labels
from pointsman.signals.base import SignalValue

Measure: TypeAlias = Callable[[Classes, Classes], float]


class Labelled(NamedTuple):
    texts: list[str]
    labels: list[str]


class Answers(NamedTuple):
    """Beside the truth, what the signal says; unknown is wrong."""

    truth: Classes
    found: Classes
    values: Sequence[SignalValue]

    def __len__(self) -> int:
        return len(self.truth)

    def figure(
        self, bench: Bench, name: str, measure: Measure, target: Target | None = None, floors: Floors | None = None
    ) -> Figure:
        def statistic(rows: Classes) -> float:
            return measure(self.truth[rows], self.found[rows])

        return bench.figure(name, len(self.truth), statistic, target, floors)

    def within(self, chosen: Sequence[bool]) -> Answers:
        values = [value for value, kept in zip(self.values, chosen, strict=True) if kept]
        rows = np.flatnonzero(chosen)
        return Answers(self.truth[rows], self.found[rows], values)


def ask(bench: Bench, measured: Labelled, names: Sequence[str], **options: Any) -> Answers:
    return judged(measured.labels, bench.asker.ask_texts(measured.texts, **options), names)


def judged(labels: Sequence[str], values: Sequence[SignalValue], names: Sequence[str]) -> Answers:
    said = [_label(value) for value in values]
    return Answers(encode_labels(labels, names), encode_labels(said, names), values)


def _label(value: SignalValue) -> str:
    if isinstance(value.value, bool):
        return "yes" if value.value else "no"
    return value.value if isinstance(value.value, str) else ""


def floors(
    train: Labelled, measured: Labelled, names: Sequence[str], measure: Measure, characters: bool = False
) -> Floors:
    if not train.texts or not measured.texts:
        return {}
    truth = encode_labels(measured.labels, names)
    return of_classes(
        train.texts,
        encode_labels(train.labels, names),
        measured.texts,
        lambda found: measure(truth, found),
        characters,
    )
