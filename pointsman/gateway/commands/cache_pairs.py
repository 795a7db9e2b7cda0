"""What `pointsman cache tune` learns from: pairs of questions, and whether they have the same answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pointsman.cache.guard import compare
from pointsman.signals.encoder.encoding import Encoder, Vector
from pointsman.signals.exemplars import read_lines
from pointsman.signals.linear import Doubles

MAX_PAIRS = 50_000
"""To encode them takes a few minutes."""

_BATCH = 256


class Pair(NamedTuple):
    a: str | None  # the kept question; None where only the similarity was logged
    b: str | None  # the one asked
    similarity: float | None  # None: to be measured
    same: bool
    category: str | None


class Scored(NamedTuple):
    similarity: Doubles
    same: NDArray[np.bool_]
    passes: NDArray[np.bool_] | None  # the guard; None where texts are missing
    keys: Sequence[str]  # by which they are divided

    def take(self, rows: NDArray[np.intp]) -> Scored:
        passes = None if self.passes is None else self.passes[rows]
        return Scored(self.similarity[rows], self.same[rows], passes, [self.keys[row] for row in rows])


def read_pairs(path: Path) -> list[Pair]:
    """ValueError with the place and the fix if the file cannot be used."""
    lines = read_lines(path)
    logged = any("event" in form or "decision" in form for _, form in lines)
    if logged:
        pairs = [_pair(place, form) for place, form in lines if form.get("event") == "cache"]
    else:
        pairs = [_pair(place, form) for place, form in lines]
    if not pairs and logged:
        raise ValueError(
            f"{path} is a decision log without lines of the event `cache`; they come with "
            "`verify` in the category, and with `log: {decisions: {text: true}}` they have the texts, too"
        )
    if not pairs:
        raise ValueError(f'{path} has no pairs; write one {{"a": …, "b": …, "same": true}} a line')
    if len(pairs) > MAX_PAIRS:
        raise ValueError(f"{path} has {len(pairs):,} pairs; give it at most {MAX_PAIRS:,} of them")
    return pairs


def _pair(place: str, form: Mapping[str, Any]) -> Pair:
    a, b, similarity, category = (form.get(key) for key in ("a", "b", "similarity", "category"))
    if form.get("same") not in (True, False):  # 1 and 0 are equal to them
        raise ValueError(f'{place}: "same" must be true or false')
    if not isinstance(category, str | None):
        raise ValueError(f'{place}: "category" must be a name')
    same = bool(form["same"])
    if isinstance(a, str) and isinstance(b, str) and a.strip() and b.strip():
        return Pair(a, b, None, same, category)
    measured = isinstance(similarity, int | float) and -1 <= similarity <= 1.001
    if a is not None or b is not None or not measured:
        raise ValueError(f'{place}: "a" and "b" must be text that is not empty')
    return Pair(None, None, float(similarity or 0), same, category)


def score(pairs: Sequence[Pair], encoder: Encoder) -> Scored:
    vectors = _vectors([text for pair in pairs for text in (pair.a, pair.b) if text is not None], encoder)
    similarity, passes, keys = [], [], []
    for pair in pairs:
        if pair.a is None or pair.b is None:
            similarity.append(pair.similarity or 0.0)
            keys.append(f"{pair.similarity}")
            continue
        found = float(vectors[pair.a] @ vectors[pair.b])
        similarity.append(found)
        passes.append(compare(pair.b, pair.a, found).same)
        keys.append(f"{pair.a}\0{pair.b}")
    guarded = np.array(passes, bool) if len(passes) == len(pairs) else None
    return Scored(np.array(similarity), np.array([pair.same for pair in pairs], bool), guarded, keys)


def _vectors(texts: Sequence[str], encoder: Encoder) -> dict[str, Vector]:
    unique = list(dict.fromkeys(texts))
    found: dict[str, Vector] = {}
    for start in range(0, len(unique), _BATCH):
        some = unique[start : start + _BATCH]
        found |= {text: each.vector for text, each in zip(some, encoder.encode(some), strict=True)}
    return found
