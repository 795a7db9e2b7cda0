"""Which category a request belongs to: that of its decision, or of what a signal says of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from pointsman.cache.categories import BUILT_IN
from pointsman.signals.base import SignalValue
from pointsman.signals.text import as_label


class Sorting(NamedTuple):
    default: str
    signal: str | None = None  # None: all are of the default
    categories: Mapping[str, str] = {}  # by the signal's label

    def category(self, read: Callable[[str], SignalValue]) -> str:
        """`read` may raise what readings raise."""
        if self.signal is None:
            return self.default
        value = read(self.signal).value
        labels = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
        return next((self.categories[label] for label in labels if label in self.categories), self.default)

    @property
    def names(self) -> list[str]:
        """The categories that can occur, the default first."""
        return list(dict.fromkeys((self.default, *self.categories.values())))


def by_label(declared: Iterable[str], labels: Collection[str] | None) -> dict[str, str]:
    """Categories, `declared` and built in, by the labels that are named alike; None if any label may occur."""
    found: dict[str, str] = {}
    for name in (*declared, *BUILT_IN):
        label = as_label(name)
        if labels is None or label in labels:
            found.setdefault(label, name)
    return found
