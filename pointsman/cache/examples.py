"""Kept answers of a large model as examples for a small one: which of them, of those that are near to a question.

After IC-Cache (Yu et al., 2501.12689): the nearest by vector first, then a cheap estimate of what each is worth, which
learns from what became of the answers that it was an example for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pointsman.cache.entry import Bytes, Entry

NEAREST = 32
"""Kept texts that are looked at."""
ALIKE = 0.95
"""Cosine of two examples from which the second says little that is new."""
ENTRIES = 4096
"""Of which it is known what they were worth; of those that were not shown for longest that is dropped."""

_PRIOR = 2.0
"""As many outcomes of full weight as it takes before an entry's own count as much as those of all."""
_LENGTH = 0.05
"""What an example that takes the whole budget is worth less than a short one."""
_TOKEN = 4
"""Bytes of a document."""
_SCALE = 127.0


class Reuse(NamedTuple):
    """A decision's rule. It is also what outcomes are known by: with another rule they are counted anew."""

    sources: frozenset[str]  # pools whose answers may be examples
    into: frozenset[str]  # pools that are shown them
    examples: int  # at most
    tokens: int  # of all of them together, at most
    similarity: float  # least cosine
    share: float  # of the requests that have examples, which are shown them
    auto: bool  # whether they are left out for a while if they do harm


class Example(NamedTuple):
    entry: Entry
    similarity: float
    vector: Bytes


class Past:
    """What the answers were worth that entries were examples for: sums of weights and of weights × rewards, so that
    what was said before can be taken back."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._weight = self._reward = 0.0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: str, weight: float, reward: float) -> None:
        """`reward` in [0, 1]; a negative weight takes back."""
        before = self._entries.pop(entry, (0.0, 0.0))
        self._entries[entry] = before[0] + weight, before[1] + weight * reward
        self._weight += weight
        self._reward += weight * reward
        if len(self._entries) > ENTRIES:
            self._entries.popitem(last=False)

    def mean(self, entry: str) -> float:
        """Drawn towards that of all while little is known."""
        overall = (self._reward + 0.5) / (self._weight + 1.0)
        weight, reward = self._entries.get(entry, (0.0, 0.0))
        return (reward + _PRIOR * overall) / (weight + _PRIOR)


def ranked(found: Sequence[Example], past: Past, tokens: int) -> list[Example]:
    """The most useful first, without those that are all but another one again."""
    kept: list[Example] = []
    for example in sorted(found, key=lambda each: -_worth(each, past, tokens)):
        if all(_cosine(example, other) < ALIKE for other in kept):
            kept.append(example)
    return kept


def _worth(example: Example, past: Past, tokens: int) -> float:
    length = min(1.0, example.entry.size / (_TOKEN * tokens))
    return example.similarity + past.mean(example.entry.id) - _LENGTH * length


def _cosine(one: Example, other: Example) -> float:
    return float(np.dot(one.vector.astype(np.float32), other.vector.astype(np.float32))) / _SCALE**2
