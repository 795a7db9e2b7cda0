"""What selectors learn: sums over outcomes, in which each outcome makes the earlier ones count a little less.

Sums of two gateways, or of two spans of time, are merged by addition, so no replica has to lead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sums:
    """`count` outcomes, and arrays by key; a key that is missing stands for zeros."""

    count: int = 0
    arrays: Mapping[str, Array] = field(default_factory=lambda: MappingProxyType({}))


NOTHING = Sums()

Discount: TypeAlias = float | Mapping[str, float]
"""Weight of an outcome relative to the next one, in (0, 1]; or that of the arrays whose keys begin so. The first that
fits counts, and an array whose key begins with none of them is never forgotten."""


def merged(earlier: Sums, later: Sums, discount: Discount = 1.0) -> Sums:
    """As if `later` had happened right after `earlier`; associative. An array whose shape has changed starts anew."""
    if not later.count and not later.arrays:
        return earlier
    arrays = _aged(earlier.arrays, discount, later.count)
    for key, array in later.arrays.items():
        before = arrays.get(key)
        arrays[key] = array if before is None or before.shape != array.shape else before + array
    return Sums(earlier.count + later.count, arrays)


def _aged(arrays: Mapping[str, Array], discount: Discount, outcomes: int) -> dict[str, Array]:
    if not outcomes or discount == 1:
        return dict(arrays)
    if isinstance(discount, Mapping):
        return {key: _rate(key, discount) ** outcomes * array for key, array in arrays.items()}
    return {key: discount**outcomes * array for key, array in arrays.items()}


def _rate(key: str, discount: Mapping[str, float]) -> float:
    return next((rate for beginning, rate in discount.items() if key.startswith(beginning)), 1.0)


def total(parts: Iterable[Sums], discount: Discount = 1.0) -> Sums:
    found = NOTHING
    for part in parts:
        found = merged(found, part, discount)
    return found


def under(prefix: str, sums: Sums) -> Sums:
    """With the prefix before each key."""
    return Sums(sums.count, {f"{prefix}{key}": array for key, array in sums.arrays.items()})


def within(prefix: str, sums: Sums) -> Sums:
    """The part whose keys have the prefix, without it."""
    size = len(prefix)
    return Sums(sums.count, {k[size:]: array for k, array in sums.arrays.items() if k.startswith(prefix)})
