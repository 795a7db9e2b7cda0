"""What quality costs: the ways of choosing between the cheapest models and the best, and where two of them compare."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Rows = NDArray[np.int64]

WEIGHTS = np.concatenate(([0.0], np.geomspace(0.005, 5, 40)))
"""Of cost relative to the dearest model's, beside a weight of quality of 1."""


class Way(NamedTuple):
    """How each row fares, [ways, rows]: one way for each weight of cost."""

    quality: Doubles
    cost: Doubles

    def points(self, rows: Rows | None = None) -> tuple[Doubles, Doubles]:
        """[ways] mean quality and cost."""
        if rows is None:
            return self.quality.mean(1), self.cost.mean(1)
        return self.quality[:, rows].mean(1), self.cost[:, rows].mean(1)


def sweep(predicted: Doubles, foreseen: Doubles, quality: Doubles, cost: Doubles) -> Way:
    """[rows, models] each: the quality and cost that a selector expects, and those that there are."""
    most = foreseen.max(1, keepdims=True)
    relative = np.divide(foreseen, most, out=np.zeros_like(foreseen), where=most > 0)
    rows = np.arange(len(predicted))
    chosen = [(predicted - weight * relative).argmax(1) for weight in WEIGHTS]
    return Way(np.stack([quality[rows, each] for each in chosen]), np.stack([cost[rows, each] for each in chosen]))


def cost_at(quality: float, qualities: Doubles, costs: Doubles) -> float:
    """The least cost at which a way, or a mixture of two of them, reaches this quality; NaN if none does. It is on the
    convex hull, as requests may be shared out at random between two ways."""
    order = np.lexsort((-qualities, costs))
    hull: list[tuple[float, float]] = []
    for place in order:
        point = float(costs[place]), float(qualities[place])
        if hull and point[1] <= hull[-1][1]:
            continue
        while len(hull) > 1 and _below(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    if not hull or hull[-1][1] < quality:
        return float("nan")
    places = next(place for place, point in enumerate(hull) if point[1] >= quality)
    if not places:
        return hull[0][0]
    (cost, low), (dear, high) = hull[places - 1], hull[places]
    return cost + (dear - cost) * (quality - low) / (high - low)


def _below(left: tuple[float, float], middle: tuple[float, float], right: tuple[float, float]) -> bool:
    """Whether the line between the others passes above the middle."""
    return (middle[1] - left[1]) * (right[0] - left[0]) <= (right[1] - left[1]) * (middle[0] - left[0])
