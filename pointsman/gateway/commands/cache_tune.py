"""`pointsman cache tune`: thresholds chosen on one half of the pairs, reported on the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import floor
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from pointsman.cache.categories import GENERAL, Category, default
from pointsman.cache.interval import interval
from pointsman.gateway.commands.cache_pairs import Pair, Scored, read_pairs, score
from pointsman.gateway.commands.fit_common import Indices, Unfit, encoder_of, told
from pointsman.gateway.config import load
from pointsman.gateway.units import parse_share
from pointsman.signals.linear import Doubles

_FEWEST = 20
"""Pairs of a category, half of which are to choose by."""
_SURE = 0.84
"""Deviations by which the share of wrong hits has to be below the bound: chosen on few pairs, it is looser than it
looks (80 %, one-sided)."""
_LOWEST = 0.5  # that a file may say


class Measured(NamedTuple):
    threshold: float
    guard: bool
    hits: float  # share of the pairs
    found: float  # share of those that are the same
    wrong: float | None  # share of the hits; None if there are none
    low: float
    high: float


class Curve(NamedTuple):
    """Of all thresholds, the strictest first."""

    hits: Doubles
    right: Doubles  # share of the hits


class Tuned(NamedTuple):
    name: str
    pairs: int
    same: int
    chosen_on: int
    choices: Sequence[Measured]  # the one to take first
    unmet: Sequence[bool]  # with the guard, or without: no threshold keeps the bound
    now: Measured | None
    curves: Mapping[bool, Curve]  # on the half that is reported on, with the guard and without


def share_of(text: str) -> float:
    try:
        share = parse_share(text)
    except ValueError as error:
        raise Unfit(f"--error: {error}") from None
    if not 0 < share <= 0.5:
        raise Unfit("--error must be a share of more than 0 and at most 50%")
    return share


def tune_cache(config: Path, data: Path, error: float, plot: Path | None, as_json: bool) -> Iterator[str]:
    """The lines to print; Unfit with what to do."""
    categories = load(config).cache_categories
    with told():
        pairs = _by_category(read_pairs(data), categories)
        encoder = encoder_of(config)
        scored = {name: score(some, encoder) for name, some in pairs.items()}
    found = [_tuned(categories.get(name, default(name)), each, error) for name, each in scored.items()]
    if as_json:
        yield json.dumps({"error": error, "categories": {each.name: _form(each) for each in found}})
    else:
        for each in found:
            yield from _lines(each, error)
        yield from _yaml(found)
    if plot is not None:
        from pointsman.gateway.commands.cache_plot import draw

        with told():
            said = draw(found, error, plot)
        if said and not as_json:
            yield f"# {said}"


def _by_category(pairs: Sequence[Pair], categories: Mapping[str, Category]) -> dict[str, list[Pair]]:
    usual = next(iter(categories)) if len(categories) == 1 else GENERAL
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(pair.category or usual, []).append(pair)
    return found


def _tuned(category: Category, pairs: Scored, error: float) -> Tuned:
    first, second = _halves(pairs)
    known, judged = pairs.take(first), pairs.take(second)
    choices, unmet, curves = [], [], {}
    guards = [guard for guard in (True, False) if not guard or pairs.passes is not None]
    guards.sort(key=lambda guard: guard != category.guard)
    for guard in guards:
        threshold = choose(known, guard, error) if len(first) >= _FEWEST // 2 else None
        unmet.append(threshold is None)
        if threshold is not None:
            choices.append(measure(judged, threshold, guard))
        curves[guard] = _curve(judged, guard)
    present = category.threshold
    now = None if present is None else measure(judged, present, category.guard and pairs.passes is not None)
    return Tuned(
        category.name, len(pairs.same), int(pairs.same.sum()), len(first), choices,
        [guard for guard, is_unmet in zip(guards, unmet, strict=True) if is_unmet], now, curves,
    )  # fmt: skip


def _halves(pairs: Scored) -> tuple[Indices, Indices]:
    """Each with half of those that are the same, whatever the order of the lines."""
    keys = [crc32(key.encode("utf-8", "replace")) for key in pairs.keys]
    order = np.lexsort((np.asarray(keys), pairs.same))
    return np.sort(order[::2]), np.sort(order[1::2])


def choose(pairs: Scored, guard: bool, error: float) -> float | None:
    """The least in steps of a ten-thousandth that keeps the bound for sure enough; None if none does."""
    passes = _passing(pairs, guard)
    similarity, right = _ordered(pairs, passes)
    if not len(similarity):
        return None
    steps = np.arange(1, len(similarity) + 1)
    wrong = np.cumsum(~right) / steps
    best = None
    for place in range(len(similarity)):
        is_last = place + 1 == len(similarity) or similarity[place + 1] < similarity[place]
        if is_last and interval(float(wrong[place]), place + 1, _SURE)[1] <= error:
            best = float(similarity[place])
    return None if best is None else max(_LOWEST, floor(best * 10_000 + 1e-6) / 10_000)


def measure(pairs: Scored, threshold: float, guard: bool) -> Measured:
    hits = (pairs.similarity >= threshold) & _passing(pairs, guard)
    count, right = int(hits.sum()), int((hits & pairs.same).sum())
    wrong = (count - right) / count if count else None
    low, high = (0.0, 1.0) if wrong is None else interval(wrong, count)
    found = right / max(int(pairs.same.sum()), 1)
    return Measured(threshold, guard, count / max(len(pairs.same), 1), found, wrong, low, high)


def _passing(pairs: Scored, guard: bool) -> NDArray[np.bool_]:
    return pairs.passes if guard and pairs.passes is not None else np.ones(len(pairs.same), bool)


def _ordered(pairs: Scored, passes: NDArray[np.bool_]) -> tuple[Doubles, NDArray[np.bool_]]:
    """Of those that pass, the most similar first."""
    order = np.argsort(-pairs.similarity[passes], kind="stable")
    return pairs.similarity[passes][order], pairs.same[passes][order]


def _curve(pairs: Scored, guard: bool) -> Curve:
    _, right = _ordered(pairs, _passing(pairs, guard))
    steps = np.arange(1, len(right) + 1)
    return Curve(steps / max(len(pairs.same), 1), np.cumsum(right) / np.maximum(steps, 1))


def _lines(tuned: Tuned, error: float) -> Iterator[str]:
    reported = tuned.pairs - tuned.chosen_on
    yield f"# {tuned.name}: {tuned.pairs:,} pairs, {tuned.same:,} of them the same"
    if tuned.pairs < _FEWEST:
        yield f"#   too few to choose by: {_FEWEST} are needed, and some hundred to tell {error:.2%} from twice that"
        return
    yield f"#   chosen on {tuned.chosen_on:,} for at most {error:.2%} of the hits wrong; on the other {reported:,}:"
    yield f"#   {'':<26}{'threshold':>9}{'hits':>8}{'found':>8}   wrong of the hits"
    for each in tuned.choices:
        yield _line("with the guard" if each.guard else "without the guard", each)
    if tuned.now is not None:
        yield _line(f"as it is, {'with' if tuned.now.guard else 'without'} guard", tuned.now)
    for guard in tuned.unmet:
        yield f"#   {'with' if guard else 'without'} the guard no threshold keeps that with so few pairs"


def _line(what: str, each: Measured) -> str:
    wrong = "no hits" if each.wrong is None else f"{each.wrong:.1%} ({each.low:.1%} to {each.high:.1%})"
    return f"#   {what:<26}{each.threshold:>9.4f}{each.hits:>8.1%}{each.found:>8.1%}   {wrong}"


def _yaml(found: Sequence[Tuned]) -> Iterator[str]:
    chosen = [each for each in found if each.choices]
    if not chosen:
        yield "# nothing to propose: add pairs, or let `verify` learn while it serves"
        return
    yield "cache:"
    yield "  categories:"
    for each in chosen:
        best = each.choices[0]
        guard = "" if best.guard or True not in each.curves else ", guard: false"
        yield f"    {each.name}: {{threshold: {best.threshold:.4f}{guard}}}  # and its other options"


def _form(tuned: Tuned) -> dict[str, Any]:
    return {
        "pairs": tuned.pairs,
        "same": tuned.same,
        "chosen_on": tuned.chosen_on,
        "choices": [each._asdict() for each in tuned.choices],
        "unmet": [{"guard": guard} for guard in tuned.unmet],
        "now": None if tuned.now is None else tuned.now._asdict(),
        "curves": [
            {"guard": guard, "hits": curve.hits.round(4).tolist(), "precision": curve.right.round(4).tolist()}
            for guard, curve in tuned.curves.items()
        ],
    }
