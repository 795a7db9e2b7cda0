"""What was measured, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, nan

import numpy as np

from pointsman.bench.quality.asking import Asker
from pointsman.bench.quality.floors import LENGTH, MAJORITY, WORDS
from pointsman.bench.quality.metrics import Classes, interval
from pointsman.bench.quality.sets import Sets
from pointsman.bench.report import Table

_FLOORS = (MAJORITY, LENGTH, WORDS)


@dataclass(frozen=True, slots=True)
class Effort:
    rows: int = 1200  # at most, of a set that is large
    others: int = 1_000_000  # at most, of the others
    resamples: int = 1000


QUICK = Effort(rows=40, others=40, resamples=20)


@dataclass(frozen=True, slots=True)
class Target:
    value: float
    at_most: bool = False

    def reached(self, value: float) -> bool:
        return value <= self.value if self.at_most else value >= self.value

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {shown(self.value)}"


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: float
    rows: int
    interval: tuple[float, float]
    target: Target | None = None
    floors: Mapping[str, float] = field(default_factory=dict)

    @property
    def reached(self) -> bool | None:
        return None if self.target is None or isnan(self.value) else self.target.reached(self.value)


@dataclass(frozen=True, slots=True)
class Measured:
    """One signal's outcome: the figures that have a target or come near one, and what explains them."""

    figures: tuple[Figure, ...]
    details: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Bench:
    """What a measurement works with."""

    sets: Sets
    asker: Asker
    effort: Effort

    def figure(
        self,
        name: str,
        rows: int,
        statistic: Callable[[Classes], float],
        target: Target | None = None,
        floors: Mapping[str, float] | None = None,
        groups: Sequence[object] | None = None,
    ) -> Figure:
        """`statistic` of the chosen row numbers: of all of them, and of resamples for the interval."""
        if not rows:
            return Figure(name, nan, 0, (nan, nan), target, floors or {})
        limits = interval(statistic, rows, self.effort.resamples, groups)
        return Figure(name, statistic(np.arange(rows)), rows, limits, target, floors or {})


def summary(title: str, figures: Iterable[Figure]) -> Table:
    columns = ("", "rows", "value", "95 % interval", "target", "reached", *_FLOORS)
    return Table(title, columns, tuple(_row(figure) for figure in figures))


def _row(figure: Figure) -> tuple[str, ...]:
    reached = {None: "", True: "yes", False: "no"}[figure.reached]
    target = "" if figure.target is None else str(figure.target)
    floors = (shown(figure.floors[name]) if name in figure.floors else "" for name in _FLOORS)
    return (figure.name, f"{figure.rows:,}", shown(figure.value), shown_interval(figure), target, reached, *floors)


def plain(title: str, figures: Iterable[Figure]) -> Table:
    """Without targets and floors."""
    rows = ((f.name, f"{f.rows:,}", shown(f.value), shown_interval(f)) for f in figures)
    return Table(title, ("", "rows", "value", "95 % interval"), tuple(rows))


def shown_interval(figure: Figure) -> str:
    low, high = figure.interval
    return "" if isnan(low) else f"{shown(low)} to {shown(high)}"


def shown(value: float) -> str:
    return "" if isnan(value) else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
