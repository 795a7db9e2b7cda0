"""Words that are nearly one of a vocabulary, in time that does not depend on its size.

Deletion neighbourhoods as in SymSpell: two words within distance d share a word that both reach by at most d
deletions. The distance is optimal string alignment: one insertion, deletion, replacement or swap of neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

_ONE, _TWO = 5, 8  # letters from which a word may differ by one, by two
_LONGEST = 32
_REMEMBERED = 16384


def tolerance(word: str, typos: int) -> int:
    """Edits that a word of the vocabulary bears: short words and numbers soon mean something else."""
    if not _ONE <= len(word) <= _LONGEST or any(c.isdigit() for c in word):
        return 0
    return min(typos, 1 if len(word) < _TWO else 2)


def distance(a: str, b: str) -> int:
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        older, before, row = before, row, [i + 1]
        for j, y in enumerate(b):
            best = min(before[j] + (x != y), before[j + 1] + 1, row[j] + 1)
            if i and j and x == b[j - 1] and y == a[i - 1]:
                best = min(best, older[j - 1] + 1)
            row.append(best)
    return row[-1]


def deletions(word: str, count: int) -> Iterator[str]:
    """The word, and what is left of it without one letter, …, without `count` letters."""
    level = {word: None}
    yield word
    for _ in range(count):
        level = {w[:i] + w[i + 1 :]: None for w in level for i in range(len(w))}
        yield from level


class Vocabulary:
    def __init__(self, words: Iterable[str], typos: int) -> None:
        self._words = dict.fromkeys(words)
        self._tolerance = {w: t for w in self._words if (t := tolerance(w, typos))}
        self._most = max(self._tolerance.values(), default=0)
        self._by_deletion: dict[str, list[str]] = {}
        for word, edits in self._tolerance.items():
            for rest in deletions(word, edits):
                self._by_deletion.setdefault(rest, []).append(word)
        lengths = [len(word) for word in self._tolerance]
        self._lengths = range(min(lengths, default=0) - self._most, max(lengths, default=0) + self._most + 1)
        self.nearest = lru_cache(_REMEMBERED)(self._nearest)

    def _nearest(self, word: str) -> str | None:
        """The word of the vocabulary that this one is or is meant to be, the nearest if there are several."""
        if word in self._words:
            return word
        if len(word) not in self._lengths:
            return None
        found = ((distance(word, near), near) for near in self._candidates(word))
        close = [(edits, near) for edits, near in found if edits <= self._tolerance[near]]
        return min(close)[1] if close else None

    def _candidates(self, word: str) -> Iterable[str]:
        index = self._by_deletion
        return dict.fromkeys(near for rest in deletions(word, self._most) if rest in index for near in index[rest])
