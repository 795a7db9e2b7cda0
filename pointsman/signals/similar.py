"""What the signals share whose labels are the names of a user's examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

from pointsman.signals.base import SignalValue
from pointsman.signals.options import Text
from pointsman.signals.prototypes import Floats
from pointsman.signals.text import as_label

THRESHOLD = 0.5
"""Of sentence vectors like those of all-MiniLM-L6-v2: one in fifty texts of other topics reaches it."""

Examples: TypeAlias = Annotated[list[Text], Field(min_length=1, max_length=1000)]


def _label(name: str) -> str:
    label = as_label(name)
    if name != label:
        hint = f"; write `{label}`" if label else ""
        raise ValueError(f"a name of examples is a label: lower case, with underscores{hint}")
    return name


NamedExamples: TypeAlias = Annotated[
    dict[Annotated[str, AfterValidator(_label)], Examples], Field(min_length=1, max_length=256)
]


def best_name(names: Sequence[str], scores: Floats, threshold: float, above: float = 0.0) -> SignalValue:
    """The most similar name, no label if that is not similar enough; the score is its similarity either way."""
    labels: Mapping[str, float] = dict(zip(names, scores.tolist(), strict=True))
    best = max(labels, key=labels.__getitem__)
    score = labels[best]
    return SignalValue(best if score >= threshold and score > above else (), score, labels)
