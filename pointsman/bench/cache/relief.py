"""What loosening takes off models that have too much to do.

The generator assumes: one pool answers all categories, which are asked equally often, those that may not be loosened
among them; questions come three times as fast at the peaks as between them; an answer takes two minutes; and the pool
takes so many at once that the busiest moments are a quarter above that. The load is that of requests in flight, as the
gateway tells it. The first wave fills the cache and is not counted: no threshold helps an empty one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import nan, pi, sin

import numpy as np
from numpy.typing import NDArray

from pointsman.bench.cache.playing import Became, Judge, Played, Policy, Vectors, Watch, play
from pointsman.bench.cache.world import HOUR, Ask
from pointsman.bench.quality.figures import Figure, Target
from pointsman.bench.quality.metrics import Classes, interval
from pointsman.bench.report import Table
from pointsman.cache.cache import Cache
from pointsman.cache.categories import default

STIFF, LOOSE = Policy("as usual"), Policy("loosened under load", loosens=True)
_LEAST, _MORE_WRONG = 0.09, 0.01
_SERVICE = 120.0
"""Seconds of an answer: long, so that a stream of a few thousand questions keeps a pool busy."""
_PEAK = 1.25
"""Load of the busiest hundredth, without loosening."""
_WAVES = 3
_BUSY = 0.8


@dataclass(frozen=True, slots=True)
class Course:
    """What happened, ask by ask."""

    played: Played
    load: NDArray[np.float64]
    relief: NDArray[np.float64]  # mean over the categories that may be loosened

    @property
    def called(self) -> NDArray[np.bool_]:
        misses: NDArray[np.bool_] = self.played.became == Became.MISS
        return misses


@dataclass(frozen=True, slots=True)
class Relieved:
    asks: Sequence[Ask]
    stiff: Course
    loose: Course
    busy: NDArray[np.bool_]  # asks that came while the load would have been high


def waves(asks: Sequence[Ask], seconds: float) -> list[Ask]:
    """The same asks, three times as close together at the peaks as between them."""
    grid = np.linspace(0.0, seconds, 2000)
    rate = np.array([1.0 + 0.5 * sin(2 * pi * _WAVES * at / seconds - pi / 2) for at in grid])
    passed = np.cumsum(rate) / rate.sum() * seconds
    return [ask._replace(when=float(np.interp(ask.when, passed, grid))) for ask in asks]


def measure(asks: Sequence[Ask], vectors: Vectors, hours: float) -> Relieved:
    judge, moved = Judge(), waves(asks, hours * HOUR)
    probe = _course(moved, vectors, STIFF, judge, 1.0)
    counted = np.array([ask.when >= hours * HOUR / _WAVES for ask in moved])
    room = max(1.0, float(np.percentile(probe.load[counted], 99)) / _PEAK) if counted.any() else 1.0
    stiff, loose = (_course(moved, vectors, policy, judge, room) for policy in (STIFF, LOOSE))
    return Relieved(moved, stiff, loose, counted & (stiff.load >= _BUSY))


def _course(asks: Sequence[Ask], vectors: Vectors, policy: Policy, judge: Judge, room: float) -> Course:
    running: list[float] = []  # when each answer will be there
    loads, reliefs = np.zeros(len(asks)), np.zeros(len(asks))
    names = sorted({ask.category for ask in asks})

    def begun(cache: Cache, place: int, now: float) -> None:
        while running and running[0] <= now:
            heappop(running)
        loads[place] = len(running) / room
        for name in names:
            cache.told_load(name, loads[place], now)
        found = cache.stats(now).values()
        reliefs[place] = sum(stats.relief for stats in found) / len(found)

    def missed(now: float) -> None:
        heappush(running, now + _SERVICE)

    return Course(play(asks, vectors, policy, judge, Watch(begun, missed)), loads, reliefs)


def figures(found: Relieved, resamples: int) -> list[Figure]:
    bends = np.array([default(ask.category).loosen.threshold > 0 for ask in found.asks], np.bool_)
    beginning = found.stiff.load >= _BUSY
    wrong = "wrong hits more, share of the lookups meanwhile"
    return [
        _figure("calls of an overloaded pool that loosening takes off", found, found.busy, _saved, resamples,
                Target(_LEAST)),
        _figure("likewise, of the categories that may be loosened", found, found.busy & bends, _saved, resamples),
        _figure("likewise, of all from an empty cache on", found, beginning, _saved, resamples),
        _figure(wrong, found, found.busy, _more, resamples, Target(_MORE_WRONG, at_most=True)),
    ]  # fmt: skip


def _figure(
    name: str,
    found: Relieved,
    counted: NDArray[np.bool_],
    statistic: Callable[[Relieved, Classes], float],
    resamples: int,
    target: Target | None = None,
) -> Figure:
    rows = np.flatnonzero(counted)
    if not len(rows):
        return Figure(name, nan, 0, (nan, nan), target)
    groups = [f"{found.asks[row].category} {found.asks[row].meaning}" for row in rows.tolist()]
    limits = interval(lambda chosen: statistic(found, rows[chosen]), len(rows), resamples, groups)
    return Figure(name, statistic(found, rows), len(rows), limits, target)


def _saved(found: Relieved, rows: Classes) -> float:
    return float(1 - found.loose.called[rows].sum() / max(1, found.stiff.called[rows].sum()))


def _more(found: Relieved, rows: Classes) -> float:
    loose, stiff = (course.played.became[rows] == Became.WRONG for course in (found.loose, found.stiff))
    return float(loose.mean() - stiff.mean())


def table(found: Relieved) -> Table:
    rows = []
    for policy, course in ((STIFF, found.stiff), (LOOSE, found.loose)):
        became = course.played.became[found.busy]
        shares = (course.called[found.busy].mean(), (became == Became.WRONG).mean(), (became == Became.OUTDATED).mean())
        rows.append((
            policy.name, f"{int(found.busy.sum()):,}", *(f"{share:.2%}" for share in shares),
            f"{course.load[found.busy].mean():.2f}", f"{course.load.max():.2f}",
        ))  # fmt: skip
    columns = ("", "asks while busy", "models asked", "wrong hits", "outdated", "mean load", "highest")
    return Table("Loosening under load", columns, tuple(rows))
