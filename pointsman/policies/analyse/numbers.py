"""The numbers that a signal can have, cut where conditions compare: one of each piece."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import ceil, floor, inf, nextafter
from typing import TypeAlias

from pointsman.policies.expr import Operator
from pointsman.signals.base import Numbers

Span: TypeAlias = tuple[int, int]
"""From a place in a list up to another, without that."""


def pieces(cuts: Iterable[float], numbers: Numbers) -> list[float]:
    """A number of each piece, in order: of each cut and end, of what lies between two, and of what lies beyond."""
    ends = [end for end in (numbers.least, numbers.most) if abs(end) < inf]
    ordered = sorted({*cuts, *ends})
    found = [_below(ordered[0], numbers.whole)]
    for low, high in pairwise(ordered):
        found += [low, _between(low, high, numbers.whole)]
    found += [ordered[-1], _above(ordered[-1], numbers.whole)]
    return [number for number in found if number is not None and _occurs(number, numbers)]


def spans(values: Sequence[float], operator: Operator, number: float) -> list[Span]:
    """Which of the pieces compare so."""
    return [span for span in _spans(values, operator, number) if span[0] < span[1]]


def _spans(values: Sequence[float], operator: Operator, number: float) -> Iterator[Span]:
    low, high = bisect_left(values, number), bisect_right(values, number)
    if operator in ("<", "<=", "!="):
        yield 0, high if operator == "<=" else low
    if operator in (">", ">=", "!="):
        yield low if operator == ">=" else high, len(values)
    if operator == "==":
        yield low, high


def _occurs(number: float, numbers: Numbers) -> bool:
    return numbers.least <= number <= numbers.most and (not numbers.whole or float(number).is_integer())


def _below(cut: float, whole: bool) -> float | None:
    return ceil(cut) - 1 if whole else _finite(min(cut - 1, nextafter(cut, -inf)))


def _above(cut: float, whole: bool) -> float | None:
    return floor(cut) + 1 if whole else _finite(max(cut + 1, nextafter(cut, inf)))


def _between(low: float, high: float, whole: bool) -> float | None:
    if not whole:
        return _short(low, high)
    number = floor(low) + 1
    return number if number < high else None


def _finite(number: float) -> float | None:
    return number if -inf < number < inf else None


def _short(low: float, high: float) -> float | None:
    """Between both, with few digits if possible."""
    middle = (low + high) / 2 if -inf < low + high < inf else low / 2 + high / 2
    for digits in range(6):
        if low < round(middle, digits) < high:
            return round(middle, digits)
    return middle if low < middle < high else None
