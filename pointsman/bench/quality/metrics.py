"""The measures of the tables, in their textbook form. Classes are numbers from 0; -1 is no answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Classes: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Extent: TypeAlias = tuple[int, int, str]
"""Start, end and type of a span."""

_SEED = 4
_BINS = 15


def encode_labels(labels: Iterable[str], names: Sequence[str]) -> Classes:
    places = {name: place for place, name in enumerate(names)}
    return np.array([places.get(label, -1) for label in labels], np.int64)


def accuracy(truth: Classes, found: Classes) -> float:
    return float((truth == found).mean())


def macro_f1(truth: Classes, found: Classes) -> float:
    """Over the classes that occur in the truth."""
    size = 1 + int(max(truth.max(initial=0), found.max(initial=0)))
    hits = np.bincount(truth[truth == found], minlength=size)
    there, claimed = np.bincount(truth, minlength=size), np.bincount(found[found >= 0], minlength=size)
    occurs = there > 0
    return float((2 * hits[occurs] / (there + claimed)[occurs]).mean())


def calibration_error(confidence: Numbers, right: Flags) -> float:
    """Expected calibration error (Naeini et al., 2015), with bins of equal width."""
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    counts = np.bincount(bins, minlength=_BINS)
    gaps = np.bincount(bins, weights=confidence - right, minlength=_BINS)
    return float(np.abs(gaps).sum() / counts.sum())


def auroc(positive: Flags, scores: Numbers) -> float:
    """NaN without both kinds. Ties count half."""
    there, absent = int(positive.sum()), int((~positive).sum())
    if not there or not absent:
        return float("nan")
    above = _ranks(scores)[positive].sum() - there * (there + 1) / 2
    return float(above / (there * absent))


def spearman(left: Numbers, right: Numbers) -> float:
    """0 if either is constant."""
    a, b = _ranks(left), _ranks(right)
    a, b = a - a.mean(), b - b.mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread else 0.0


def _ranks(values: Numbers) -> Numbers:
    """From 1; equal values share the mean of their ranks."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    shared: Numbers = np.cumsum(counts) - (counts - 1) / 2
    return shared[places]


def threshold_at(share: float, benign: Numbers) -> float:
    """The lowest threshold that at most `share` of the benign scores reach."""
    ordered = np.sort(benign)[::-1]
    allowed = int(share * len(ordered))
    return float(np.nextafter(ordered[allowed], np.inf)) if allowed < len(ordered) else -np.inf


class Counts(NamedTuple):
    """Of spans: right, claimed wrongly, missed."""

    right: int
    wrong: int
    missed: int


def count_spans(truth: Sequence[Extent], found: Sequence[Extent], strict: bool) -> Counts:
    """Strict: the same type and bounds. Relaxed: the same type, and at least a character in common; one for one."""
    waiting, right = sorted(truth), 0
    for start, end, kind in sorted(found):
        for other in waiting:
            same = other == (start, end, kind)
            if same or (not strict and other[2] == kind and other[0] < end and start < other[1]):
                waiting.remove(other)
                right += 1
                break
    return Counts(right, len(found) - right, len(truth) - right)


def span_f1(counts: NDArray[np.int64]) -> float:
    """Of rows of `Counts`; NaN if there is nothing to find, and nothing was found."""
    right, wrong, missed = counts.sum(0)
    total = 2 * right + wrong + missed
    return float(2 * right / total) if total else float("nan")


def interval(
    statistic: Callable[[Classes], float], rows: int, resamples: int, groups: Sequence[object] | None = None
) -> tuple[float, float]:
    """95 % by the bootstrap. `statistic` of the chosen row numbers; rows of one group are chosen together."""
    random = np.random.default_rng(_SEED)
    clusters = _clusters(rows, groups)
    found = []
    for _ in range(resamples):
        chosen = random.integers(0, len(clusters), len(clusters))
        found.append(statistic(np.concatenate([clusters[place] for place in chosen]) if groups else chosen))
    known = np.array(found)
    known = known[~np.isnan(known)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)


def _clusters(rows: int, groups: Sequence[object] | None) -> list[Classes]:
    if groups is None:
        return [np.array([row]) for row in range(rows)]
    members: dict[object, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    return [np.array(found) for found in members.values()]
