"""May this candidate be served, so that no more than a given share of the hits is wrong? Learned from hits that were
not served, but whose question went to the model: there the two answers can be compared.

As vCache (Schroeder et al., 2502.03771) decides for every entry, with what it observed there. Different from it:
- entries share what is known (`pooled`), so that an entry is of use before it was explored six times;
- the bound is on the share of the hits. vCache's is on the share of all lookups, which a cache keeps that is wrong with
  half of its hits, if it has few enough of them;
- the model's chances are set right by what came of them, and a few hits go on being explored: where chances are wrong
  or change, that is noticed."""

from __future__ import annotations

from collections import OrderedDict, deque
from statistics import fmean
from typing import NamedTuple

import numpy as np

from pointsman.cache import pooled
from pointsman.cache.calibrated import STRAIGHT, Calibration
from pointsman.cache.interval import interval
from pointsman.cache.pooled import UNKNOWN, Own

ENTRIES = 4096
"""With observations of their own; of those that were not looked at for longest they are dropped."""
OWN = 32
"""Observations that an entry keeps, the latest ones."""
POOL = 1024
"""And a category, of all entries."""
EXPLORED = 0.03
"""Share of the hits that is explored for ever."""

_BEGINNING = 10
"""Explored hits after which half of them are served."""
_CANDIDATES = 512
_LOOK = 32
"""Candidates after which the limit is set anew."""
_MARGIN = 0.8
"""Of the bound: what is aimed at, since it is learned from what happened and so overshot now and then."""
_WORST = 3.0
"""As many times as likely to be wrong as the bound may one hit be, if others make up for it."""
_DOUBTFUL = 0.2
"""Chance of being wrong up to which it matters whether chances are right."""
_ENOUGH, _SURE = 30, 0.84
"""Explored hits from which it is asked whether too many were wrong, and the deviations for 80 %, one-sided."""
_FIRST, _OFTEN = 8, 64
"""Observations after which the curve is fitted anew: the fewer there are, the sooner."""


class Considered(NamedTuple):
    """A candidate. It goes to `learn` once it is known whether its answer was right."""

    entry: str
    similarity: float
    guessed: float  # chance that it is wrong, as the curve has it
    wrong: float  # likewise, set right
    hit: bool  # whether it is good enough
    explore: float  # probability with which its question goes to the model
    serve: bool


class Estimate(NamedTuple):
    """Share of the hits that is wrong, with its interval (95 %)."""

    wrong: float | None  # None while no hit was explored
    low: float
    high: float
    labels: int


class _Known:
    __slots__ = ("own", "seen")

    def __init__(self) -> None:
        self.seen: deque[tuple[float, bool]] = deque(maxlen=OWN)
        self.own: Own | None = None


class Verifier:
    """Of one category."""

    def __init__(self, error: float) -> None:
        self.error = error
        self.observed = 0
        self._curve = UNKNOWN
        self._calibration = STRAIGHT
        self._entries: OrderedDict[str, _Known] = OrderedDict()
        self._pool: deque[tuple[str, float, bool]] = deque(maxlen=POOL)
        self._guesses: deque[tuple[float, bool]] = deque(maxlen=POOL)
        self._explored: deque[bool] = deque(maxlen=POOL // 2)  # of hits: whether they were wrong
        self._candidates: deque[float] = deque(maxlen=_CANDIDATES)
        self._considered = 0
        self._hits = 0  # that were explored
        self._limit = 0.0
        self._is_stopped = False
        self._fit_at = _FIRST

    def consider(self, entry: str, similarity: float, draw: float) -> Considered:
        """`draw` is uniform in [0, 1)."""
        known = self._entries.get(entry)
        if known is None:
            own = self._curve.own(())
        else:
            self._entries.move_to_end(entry)
            own = known.own = known.own or self._curve.own(known.seen)
        guessed = self._curve.wrong(similarity, own)
        wrong = self._calibration.right(guessed)
        self._candidates.append(wrong)
        self._considered += 1
        if self._considered < _LOOK or self._considered % _LOOK == 0:
            self._set_limit()
        hit = wrong <= self._limit
        served = hit and not self._is_stopped
        explore = max(EXPLORED, _BEGINNING / (_BEGINNING + self._hits)) if served else 1.0
        return Considered(entry, similarity, guessed, wrong, hit, explore, draw >= explore)

    def learn(self, considered: Considered, correct: bool) -> None:
        """In any order and at any time later. Of one that was served, too, if somebody says what it was worth."""
        if considered.hit and not considered.serve:
            self._hits += 1
            self._explored.append(not correct)
            self._is_stopped = self._is_too_wrong()
        if considered.guessed <= _DOUBTFUL:
            self._guesses.append((considered.guessed, not correct))
        self.observe(considered.entry, considered.similarity, correct)

    def observe(self, entry: str, similarity: float, correct: bool) -> None:
        """Of a pair that was no candidate."""
        known = self._entries.get(entry)
        if known is None:
            known = self._entries[entry] = _Known()
            if len(self._entries) > ENTRIES:
                self._entries.popitem(last=False)
        known.seen.append((similarity, correct))
        known.own = None
        self._pool.append((entry, similarity, correct))
        self.observed += 1
        if self.observed >= self._fit_at:
            self._fit_at = self.observed + max(_FIRST, min(_OFTEN, self.observed // 8))
            self._fit()

    def look(self, entry: str, similarity: float) -> tuple[float, bool]:
        """For people: the chance that it is wrong, and whether it would be a hit. Nothing is counted."""
        known = self._entries.get(entry)
        guessed = self._curve.wrong(similarity, self._curve.own(known.seen if known else ()))
        wrong = self._calibration.right(guessed)
        return wrong, wrong <= self._limit and not self._is_stopped

    def estimate(self) -> Estimate:
        """Of the hits that were explored lately. Which ones are is up to chance alone, so they stand for all."""
        if not self._explored:
            return Estimate(None, 0.0, 1.0, 0)
        rate, labels = fmean(self._explored), len(self._explored)
        return Estimate(rate, *interval(rate, labels), labels)

    @property
    def stopped(self) -> bool:
        """More hits turned out wrong than chance explains: until that is over, all are explored."""
        return self._is_stopped

    def _is_too_wrong(self) -> bool:
        labels = len(self._explored)
        return labels >= _ENOUGH and interval(fmean(self._explored), labels, _SURE)[0] > self.error

    def _set_limit(self) -> None:
        """So that the hits among the last candidates are wrong as often as is aimed at, all together."""
        ordered = np.sort(np.fromiter(self._candidates, np.float64))
        means = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
        count = int(np.searchsorted(means, _MARGIN * self.error, "right"))
        self._limit = min(float(ordered[count - 1]), _WORST * self.error) if count else 0.0

    def _fit(self) -> None:
        names: dict[str, int] = {}
        numbers = [names.setdefault(entry, len(names)) for entry, _, _ in self._pool]
        similarity = np.array([one[1] for one in self._pool])
        correct = np.array([one[2] for one in self._pool])
        self._curve = pooled.fit(similarity, correct, np.array(numbers, np.intp), len(names), self._curve)
        self._calibration = Calibration.of(self._guesses)
        for known in self._entries.values():
            known.own = None
