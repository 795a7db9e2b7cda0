"""`domain`: the field that a text belongs to, as one of the 14 categories of MMLU-Pro (arXiv 2406.01574)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pointsman.signals.base import SignalValue
from pointsman.signals.learned import LearnedLabel, Probability
from pointsman.signals.options import TextOptions

LABELS = (
    "biology", "business", "chemistry", "computer_science", "economics", "engineering", "health", "history", "law",
    "math", "other", "philosophy", "physics", "psychology",
)  # fmt: skip


class DomainOptions(TextOptions):
    type: Literal["domain"]
    threshold: Probability = 0.0
    """A label less probable than this is `other`."""


class Domain(LearnedLabel[DomainOptions]):
    Options = DomainOptions
    head = "domain"
    labels = LABELS

    def value(self, labels: Mapping[str, float]) -> SignalValue:
        best = max(labels, key=labels.__getitem__)
        label = best if labels[best] >= self.options.threshold else "other"
        return SignalValue(label, labels[label], labels)
