"""Cascades of two models against a random mix of the two, at the prices that were paid.

The data have no answers, hence no confidences: what judges an answer is simulated, with a stated AUROC. It errs
without regard to whether the strong model would be right; real confidences err more where both are wrong, which makes
less of a difference. What it costs to judge is not simulated, and neither is the choice by the prompt alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import NormalDist
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from pointsman.bench.quality.metrics import interval
from pointsman.bench.quality.sets import thin
from pointsman.bench.report import Table
from pointsman.bench.selection.bench import Bench, Measured
from pointsman.gateway.commands.fit_judge import Prompts, read_prompts
from pointsman.signals.linear import Doubles, Indices

ROUTERBENCH = "routerbench_subset/scores_cost.dev.jsonl.gz"
FILES = (ROUTERBENCH,)

STRONG = "gpt-4-1106-preview"
CHEAP = ("zero-one-ai/Yi-34B-Chat", "mistralai/mixtral-8x7b-chat")
AUROCS = (0.7, 0.75, 0.8)
"""Of telling right answers from wrong ones: what is reported of token probabilities and self-checks."""
SHARES = (0.25, 0.5, 0.75)
"""Of the prompts that the strong model answers in the end."""

NEED = "need, fitted on four fifths"

_FOLDS = 5
_RIDGE = 3.0
_STEPS = 60
_NORMAL = NormalDist()


class Pair(NamedTuple):
    """[rows] each; costs in USD."""

    cheap: Doubles
    strong: Doubles
    cheap_cost: Doubles
    strong_cost: Doubles


class Way(NamedTuple):
    """[rows]: what is to be expected of each prompt."""

    quality: Doubles
    cost: Doubles


def measure(bench: Bench) -> Measured:
    rows = thin(list(bench.sets.rows(ROUTERBENCH)), bench.effort.rows)
    prompts = read_prompts(bench.encoder, [row["prompt"] for row in rows])
    folds = np.array([crc32(str(row["id"]).encode()) % _FOLDS for row in rows])
    found = {}
    for name in CHEAP:
        columns = [[row[kind][model] for row in rows] for kind in ("scores", "cost") for model in (name, STRONG)]
        pair = Pair(*(np.array(column, np.float64) for column in columns))
        found[name] = {title: _figures(way, pair, bench.effort.resamples) for title, way in _ways(pair, prompts, folds)}
    return Measured(
        tuple(_table(name, figures, len(rows)) for name, figures in found.items()),
        found,
        tuple(problem for name, figures in found.items() for problem in _problems(name, figures)),
    )


def _ways(pair: Pair, prompts: Prompts, folds: Indices) -> list[tuple[str, Way]]:
    shipped = np.array([read.need for read in prompts.read])
    fitted = _cross_fitted(prompts.vectors.astype(np.float64), pair.strong - pair.cheap, folds)
    ways = [("cheap alone", Way(pair.cheap, pair.cheap_cost)), ("strong alone", Way(pair.strong, pair.strong_cost))]
    mixed = Way(_mix(pair.cheap, pair.strong, 0.5), _mix(pair.cheap_cost, pair.strong_cost, 0.5))
    ways += [("random, 50% strong", mixed), ("test no better than chance, 50% rejected", cascade(pair, 0.5, 0.5))]
    for title, scores in (("need, as shipped", shipped), (NEED, fitted)):
        ways += [(f"{title}, {share:.0%} strong", _routed(pair, scores, share)) for share in SHARES]
    for auroc in AUROCS:
        for share in SHARES:
            ways.append((f"logprob of AUROC {auroc:.2f}, {share:.0%} rejected", cascade(pair, auroc, share)))
    for share in SHARES:
        ways.append((f"self-check of AUROC 0.75, {share:.0%} rejected", cascade(pair, 0.75, share, checks=True)))
    ways.append(("skip 20% by need, logprob of AUROC 0.75, 25% rejected", _skipping(pair, fitted, 0.2, 0.75, 0.25)))
    return [*ways, ("judge that is always right", cascade(pair, 1.0, float(1 - pair.cheap.mean()))), _oracle(pair)]


def cascade(pair: Pair, auroc: float, share: float, *, checks: bool = False) -> Way:
    """The cheap model first; `share` of its answers are rejected. Confidences are normal, those of right answers so far
    above those of wrong ones that the AUROC comes out. No draw is made: these are expectations. A check costs as much
    as the cheap answer did: it reads prompt and answer once more."""
    rejected = _rejected(pair.cheap, auroc, share)
    judged = pair.cheap_cost * (2 if checks else 1)
    return Way(_mix(pair.cheap, pair.strong, rejected), judged + rejected * pair.strong_cost)


def _rejected(right: Doubles, auroc: float, share: float) -> Doubles:
    """[rows]: the probability of each."""
    if auroc >= 1:
        return 1 - right
    apart = 2**0.5 * _NORMAL.inv_cdf(auroc)
    low, high = -10.0, 10.0 + apart
    for _ in range(_STEPS):
        limit = (low + high) / 2
        good, bad = _NORMAL.cdf(limit - apart), _NORMAL.cdf(limit)
        rejected = right * good + (1 - right) * bad
        low, high = (limit, high) if rejected.mean() < share else (low, limit)
    return rejected


def _routed(pair: Pair, scores: Doubles, share: float) -> Way:
    """The strong model alone for those with the highest scores, the cheap one alone for the others."""
    strong = _highest(scores, share)
    return Way(np.where(strong, pair.strong, pair.cheap), np.where(strong, pair.strong_cost, pair.cheap_cost))


def _skipping(pair: Pair, scores: Doubles, skip: float, auroc: float, share: float) -> Way:
    """`skip` of the prompts begin with the strong model; of the others' answers `share` are rejected."""
    strong = _highest(scores, skip)
    rest = Pair(*(column[~strong] for column in pair))
    judged, quality, cost = cascade(rest, auroc, share), pair.strong.copy(), pair.strong_cost.copy()
    quality[~strong], cost[~strong] = judged
    return Way(quality, cost)


def _oracle(pair: Pair) -> tuple[str, Way]:
    needed = pair.strong > pair.cheap
    quality = np.where(needed, pair.strong, pair.cheap)
    return "oracle", Way(quality, np.where(needed, pair.strong_cost, pair.cheap_cost))


def _highest(scores: Doubles, share: float) -> Any:
    chosen = np.zeros(len(scores), bool)
    chosen[np.argsort(-scores, kind="stable")[: round(share * len(scores))]] = True
    return chosen


def _mix(cheap: Doubles, strong: Doubles, share: Doubles | float) -> Doubles:
    found: Doubles = cheap + share * (strong - cheap)
    return found


def _cross_fitted(vectors: Doubles, gains: Doubles, folds: Indices) -> Doubles:
    """[rows]: the gain that ridge regression on the other folds expects."""
    found = np.zeros(len(gains))
    for fold in np.unique(folds):
        known = folds != fold
        mean, usual = vectors[known].mean(0), gains[known].mean()
        rows = vectors[known] - mean
        gram = rows.T @ rows + _RIDGE * np.eye(rows.shape[1])
        found[~known] = (vectors[~known] - mean) @ np.linalg.solve(gram, rows.T @ (gains[known] - usual)) + usual
    return found


def _figures(way: Way, pair: Pair, resamples: int) -> dict[str, Any]:
    rows = len(way.quality)

    def lead(at: Indices) -> float:
        return _lead(way, pair, at)

    return {
        "quality": float(way.quality.mean()),
        "usd_per_1000": 1000 * float(way.cost.mean()),
        "above_hull": lead(np.arange(rows)),
        "above_hull_interval": interval(lead, rows, resamples),
    }


def _lead(way: Way, pair: Pair, at: Indices) -> float:
    """Of the way's quality over that of the mix of the two models that costs the same."""
    quality, cost = way.quality[at].mean(), way.cost[at].mean()
    low, high = pair.cheap_cost[at].mean(), pair.strong_cost[at].mean()
    base, top = pair.cheap[at].mean(), pair.strong[at].mean()
    mix = top if cost >= high else base + (cost - low) / (high - low) * (top - base)
    return float(quality - mix)


def _problems(name: str, figures: Mapping[str, Any]) -> Iterator[str]:
    """Three operating points must lie on the hull of the two models or above it."""
    for title, points in (
        (NEED, [f"{NEED}, {share:.0%} strong" for share in SHARES]),
        ("logprob of AUROC 0.75", [f"logprob of AUROC 0.75, {share:.0%} rejected" for share in SHARES]),
    ):
        above = sum(figures[point]["above_hull"] >= 0 for point in points)
        if above < len(points):
            yield f"{name} and {STRONG}, {title}: only {above} of {len(points)} points lie on or above the hull"


def _table(name: str, figures: Mapping[str, Mapping[str, Any]], rows: int) -> Table:
    title = f"Cascades of {name} and {STRONG}, {rows:,} RouterBench prompts; AUROCs are simulated, costs are real"
    return Table(
        title,
        ("", "quality", "USD per 1,000", "above the mix of the two at that cost"),
        tuple(_row(each, found) for each, found in figures.items()),
    )


def _row(title: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    low, high, lead = (f"{_points(value):+.1f}" for value in (*found["above_hull_interval"], found["above_hull"]))
    return title, f"{found['quality']:.3f}", f"{found['usd_per_1000']:.2f}", f"{lead} ({low} to {high})"


def _points(share: float) -> float:
    return round(100 * share, 1) + 0.0  # no -0.0
