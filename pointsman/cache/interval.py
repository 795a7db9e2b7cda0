"""How far a share that was counted can be trusted (Wilson 1927)."""

from __future__ import annotations

from math import sqrt

Z = 1.96
"""Deviations for 95 %."""


def interval(rate: float, of: float, z: float = Z) -> tuple[float, float]:
    """Of a share of so many; from 0 to 1 if there are none."""
    if of <= 0:
        return 0.0, 1.0
    z2 = z * z
    middle = (rate + z2 / (2 * of)) / (1 + z2 / of)
    half = z / (1 + z2 / of) * sqrt(rate * (1 - rate) / of + z2 / (4 * of * of))
    return min(rate, max(0.0, middle - half)), max(rate, min(1.0, middle + half))  # rounding does not shut it out
