"""The few statistics of the tables."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed (nearest rank); 0 without values."""
    if not values:
        return 0.0
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(0, min(len(ordered), rank) - 1)]


def median_ratio(values: Sequence[float], bases: Sequence[float]) -> float:
    """The median of the rounds' own ratios: a round that was slow for everyone does not count against anyone."""
    ratios = [value / base for value, base in zip(values, bases, strict=True) if base > 0]
    return median(ratios) if ratios else 0.0


def share(values: Sequence[float], bases: Sequence[float]) -> str:
    """Of the rounds that both have; empty without any."""
    count = min(len(values), len(bases))
    if not count:
        return ""
    ratio = median_ratio(values[:count], bases[:count])
    return f"{ratio:.1%}" if ratio < 0.1 else f"{ratio:.0%}"


def median_difference(values: Sequence[float], bases: Sequence[float]) -> float:
    return median(value - base for value, base in zip(values, bases, strict=True)) if values else 0.0


def spread(values: Sequence[float]) -> float:
    """Half of the range, relative to the median: how far the rounds lie apart."""
    middle = median(values) if values else 0.0
    return (max(values) - min(values)) / 2 / middle if middle else 0.0
