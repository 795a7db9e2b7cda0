"""Hits, wrong hits and outdated ones of several policies over the same questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np

from pointsman.bench.cache.playing import Became, Judge, Played, Policy, Vectors, play
from pointsman.bench.cache.world import Ask
from pointsman.bench.quality.figures import Figure, Target
from pointsman.bench.quality.metrics import Classes, interval
from pointsman.bench.report import Table

EXACT = Policy("equal texts only", semantic=False, guard=False)
GPTCACHE = Policy("GPTCache-style 0.8", threshold=0.8, guard=False, expires=False)
OURS = Policy("Pointsman")
VERIFIED = Policy("Pointsman, verify 2 %", verify=0.02)
_GAIN, _ERROR = 1.5, 0.02
_FEW = 0.001
"""Share of the lookups that may be wrong of any single threshold, however few of ours are."""
_STRICT = (0.97, 0.975, 0.98, 0.985, 0.99, 0.995)
"""Close together where a single threshold has to be to have as few wrong hits."""
PUBLIC = frozenset(("general", "qqp"))
"""Categories whose questions people have asked; the others are made up."""


@dataclass(frozen=True, slots=True)
class Effort:
    asks: int = 3000  # of each category
    hours: float = 48.0
    rows: int = 1000  # at most, of a public set
    thresholds: tuple[float, ...] = (*(round(0.70 + 0.02 * step, 2) for step in range(14)), *_STRICT)
    resamples: int = 1000


QUICK = Effort(asks=60, rows=40, thresholds=(0.75, 0.85, 0.95), resamples=20)


@dataclass(frozen=True, slots=True)
class Streams:
    asks: Sequence[Ask]
    played: Mapping[str, Played]  # by policy
    singles: Mapping[float, Played]  # by threshold

    @property
    def groups(self) -> list[str]:
        """Asks of one meaning hang together."""
        return [f"{ask.category} {ask.scope} {ask.meaning}" for ask in self.asks]


def measure(asks: Sequence[Ask], vectors: Vectors, effort: Effort, say: Callable[[str], None]) -> Streams:
    judge = Judge()
    played = {}
    for policy in (EXACT, GPTCACHE, OURS, VERIFIED):
        say(f"cache: {policy.name} …")
        played[policy.name] = play(asks, vectors, policy, judge)
    say("cache: single thresholds …")
    singles = {
        threshold: play(asks, vectors, Policy("single", threshold=threshold, guard=False), judge)
        for threshold in effort.thresholds
    }
    return Streams(asks, played, singles)


def figures(streams: Streams, effort: Effort) -> list[Figure]:
    ours, verified = streams.played[OURS.name], streams.played[VERIFIED.name]
    rows, groups = np.arange(len(streams.asks)), streams.groups

    def figure(
        name: str, statistic: Callable[[Classes], float], target: Target | None = None, counted: int = len(rows)
    ) -> Figure:
        limits = interval(statistic, len(rows), effort.resamples, groups)
        return Figure(name, statistic(rows), counted, limits, target)

    def wrong(name: str, played: Played) -> Figure:
        found = figure(name, lambda chosen: _wrong(played, chosen), Target(_ERROR, at_most=True))
        return found if found.value else replace(found, interval=(0.0, _none(played, groups)))

    asked = np.array([ask.category in PUBLIC for ask in streams.asks])
    return [
        figure(
            "hits of similar texts ÷ those of the best single threshold with no more wrong hits, or 0.1 %",
            lambda chosen: _gain(streams, chosen, similar=True), Target(_GAIN),
        ),
        figure(
            "likewise, of the questions of public sets alone",
            lambda chosen: _gain(streams, chosen[asked[chosen]], similar=True), counted=int(asked.sum()),
        ),
        figure(
            "likewise, of public sets, with no more wrong hits at all",
            lambda chosen: _gain(streams, chosen[asked[chosen]], similar=True, few=0.0), counted=int(asked.sum()),
        ),
        figure(
            "likewise, of the others alone",
            lambda chosen: _gain(streams, chosen[~asked[chosen]], similar=True), counted=int((~asked).sum()),
        ),
        figure("all hits likewise, equal texts included", lambda chosen: _gain(streams, chosen, similar=False)),
        wrong("wrong hits, share of the hits", ours),
        wrong("wrong hits with verify, share of the hits", verified),
        Figure("hits past the ttl", float(ours.late), len(rows), (nan, nan), Target(0.0, at_most=True)),
    ]  # fmt: skip


def _wrong(played: Played, chosen: Classes) -> float:
    became = played.became[chosen]
    hits = int((became != Became.MISS).sum())
    return float((became == Became.WRONG).sum() / hits) if hits else nan


def _none(played: Played, groups: Sequence[str]) -> float:
    """How large a share may be of which nothing was seen (rule of three). Hits of one meaning count once; the bootstrap
    knows nothing of what did not happen."""
    meanings = {group for group, became in zip(groups, played.became, strict=True) if became != Became.MISS}
    return min(1.0, 3 / max(1, len(meanings)))


def _gain(streams: Streams, chosen: Classes, *, similar: bool, few: float = _FEW) -> float:
    def right(played: Played) -> int:
        counted = played.became[chosen] == Became.RIGHT
        return int((counted & ~played.exact[chosen]).sum() if similar else counted.sum())

    def wrong(played: Played) -> int:
        return int((played.became[chosen] == Became.WRONG).sum())

    ours = streams.played[OURS.name]
    most = max(wrong(ours), few * len(chosen))
    allowed = [played for played in streams.singles.values() if wrong(played) <= most]
    allowed.append(streams.played[EXACT.name])
    best = max(map(right, allowed))
    return right(ours) / best if best else nan


def tables(streams: Streams) -> tuple[Table, ...]:
    return _policies(streams), _categories(streams)


def _policies(streams: Streams) -> Table:
    named = dict(streams.played) | {f"single threshold {at:g}": played for at, played in streams.singles.items()}
    rows = tuple((name, *_shares(played, np.arange(len(streams.asks)))) for name, played in named.items())
    return Table(f"{len(streams.asks):,} questions through the cache", ("", *_COLUMNS), rows)


def _categories(streams: Streams) -> Table:
    names = sorted({ask.category for ask in streams.asks})
    rows: list[tuple[str, ...]] = []
    for name in names:
        chosen = np.flatnonzero([ask.category == name for ask in streams.asks])
        rows += [(f"{name}: {known}", *_shares(played, chosen)) for known, played in streams.played.items()]
    return Table("The same by category", ("", *_COLUMNS), tuple(rows))


_COLUMNS = ("right hits", "of similar texts", "wrong hits", "share of the hits", "outdated")


def _shares(played: Played, chosen: Classes) -> tuple[str, ...]:
    became, size = played.became[chosen], max(1, len(chosen))
    right = became == Became.RIGHT
    wrong = _wrong(played, chosen)
    parts = (right.sum(), (right & ~played.exact[chosen]).sum(), (became == Became.WRONG).sum())
    return (
        *(f"{part / size:.1%}" for part in parts), f"{wrong:.2%}" if wrong == wrong else "",
        f"{(became == Became.OUTDATED).sum() / size:.2%}",
    )  # fmt: skip


def points(streams: Streams) -> dict[str, list[tuple[str, float, float]]]:
    """Name, hit rate and precision, for the plot."""

    def point(name: str, played: Played) -> tuple[str, float, float]:
        hits = played.became != Became.MISS
        precision = float((played.became[hits] == Became.RIGHT).mean()) if hits.any() else 1.0
        return name, float(hits.mean()), precision

    return {
        "single": [point(f"{at:g}", played) for at, played in sorted(streams.singles.items())],
        "policies": [point(name, played) for name, played in streams.played.items()],
    }
