"""Which pairs of texts share an answer: by cosine alone, and with the cache's guard behind it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from math import nan
from pathlib import Path
from time import process_time

import numpy as np

from pointsman.bench.cache.edits import GENERATORS, Pair, edits, generated, paraphrases
from pointsman.bench.parts import is_test
from pointsman.bench.quality.figures import Figure, Target, summary
from pointsman.bench.quality.metrics import Classes, Flags, Numbers, auroc, interval
from pointsman.bench.quality.run import model_versions
from pointsman.bench.quality.sets import Sets, thin
from pointsman.bench.report import Report, Table
from pointsman.cache.guard import compare
from pointsman.signals.encoder.encoding import Encoder, Vector, excerpt
from pointsman.signals.encoder.onnx import OnnxEncoder

QQP = "qqp_gptcache/pairs.dev.jsonl.gz"
STSB = "stsb_multi/pairs.en.dev.jsonl"
INTENTS = ("hwu64/intents.dev.jsonl.gz", "clinc150/intents.dev.jsonl.gz")
FILES = (QQP, STSB, *INTENTS)

THRESHOLDS = (0.75, 0.8, 0.85, 0.9)
GUARDED = 0.85
"""What figures are told at: the threshold of the built-in category `general`."""
_STSB_SAME = 4.5  # of 5
_BATCH = 32
_WRONG, _WRONG_SWAPS = Target(0.02, at_most=True), Target(0.005, at_most=True)
_GAIN = Target(1.5)


@dataclass(frozen=True, slots=True)
class Effort:
    rows: int = 1_000_000  # at most, of a public set
    swaps: int = 400  # generated pairs of each kind
    resamples: int = 1000


QUICK = Effort(rows=40, swaps=20, resamples=20)


@dataclass(frozen=True, slots=True)
class Judged:
    pairs: Sequence[Pair]
    cosine: Numbers
    passed: Flags  # by the guard, whatever the cosine
    micros: float  # of the guard, a pair

    @property
    def same(self) -> Flags:
        return np.array([pair.same for pair in self.pairs], np.bool_)

    def within(self, chosen: Flags) -> Judged:
        pairs = [pair for pair, there in zip(self.pairs, chosen, strict=True) if there]
        return Judged(pairs, self.cosine[chosen], self.passed[chosen], self.micros)

    def of_kind(self, kind: str) -> Judged:
        return self.within(np.array([pair.kind == kind for pair in self.pairs], np.bool_))

    def with_(self, other: Judged) -> Judged:
        return Judged(
            [*self.pairs, *other.pairs],
            np.concatenate([self.cosine, other.cosine]),
            np.concatenate([self.passed, other.passed]),
            self.micros,
        )

    def hits(self, threshold: float, guarded: bool) -> Flags:
        above: Flags = self.cosine >= threshold
        return above & self.passed if guarded else above


def run(folder: Path, effort: Effort, say: Callable[[str], None], encoder: Encoder | None = None) -> Report | None:
    sets = Sets(folder)
    if missing := sets.missing(FILES):
        say(f"The pairs of the cache are skipped: the data folder has no {', '.join(missing)}")
        return None
    found = judge_all(sets, effort, encoder or OnnxEncoder())
    figures = _figures(found, effort)
    tables = (
        summary("The cache's guard", figures),
        _thresholds(found["own"]),
        _kinds(found["own"]),
        _equal(found),
    )
    micros = float(np.average([part.micros for part in found.values()], weights=[len(p.pairs) for p in found.values()]))
    data = {"model": model_versions(), "guard_us": micros, "figures": [asdict(figure) for figure in figures]}
    return Report("cache-pairs", tables, data | {"details": [asdict(table) for table in tables[1:]]})


def judge_all(sets: Sets, effort: Effort, encoder: Encoder) -> dict[str, Judged]:
    """Only what is reported: a fifth of the public pairs and of the own, by the hash of each. Swaps are all new."""
    qqp = [row for row in sets.rows(QQP) if is_test(row["id"])]
    stsb = [row for row in sets.rows(STSB) if is_test(row["id"])]
    texts = [row["text"] for path in INTENTS for row in sets.rows(path) if is_test(row["id"])]
    texts += [row["a"] for row in qqp]
    public = {
        "qqp": [Pair(row["a"], row["b"], bool(row["dup"]), "qqp") for row in thin(qqp, effort.rows)],
        "stsb": [Pair(row["a"], row["b"], row["score"] >= _STSB_SAME, "stsb") for row in thin(stsb, effort.rows)],
        "swaps": [pair for kind in GENERATORS for pair in generated(texts, kind, effort.swaps)],
        "own": [pair for pair in (*edits(), *paraphrases()) if is_test(pair.key)],
    }
    return {name: judge(pairs, encoder) for name, pairs in public.items()}


def judge(pairs: Sequence[Pair], encoder: Encoder) -> Judged:
    places = {text: place for place, text in enumerate(dict.fromkeys(text for p in pairs for text in (p.a, p.b)))}
    vectors = _vectors(list(places), encoder)
    cosine = np.array([vectors[places[pair.a]] @ vectors[places[pair.b]] for pair in pairs], np.float64)
    started = process_time()
    passed = [compare(pair.b, pair.a, float(near)).same for pair, near in zip(pairs, cosine, strict=True)]
    return Judged(pairs, cosine, np.array(passed, np.bool_), (process_time() - started) / max(1, len(pairs)) * 1e6)


def _vectors(texts: Sequence[str], encoder: Encoder) -> list[Vector]:
    found: list[Vector] = []
    for start in range(0, len(texts), _BATCH):
        passages = [excerpt(text) for text in texts[start : start + _BATCH]]
        found += [encoding.vector for encoding in encoder.encode(passages)]
    return found


def _figures(found: dict[str, Judged], effort: Effort) -> list[Figure]:
    own, swaps, qqp = found["own"], found["swaps"], found["qqp"]
    wrong = own.within(~own.same)

    def separation(chosen: Classes) -> float:
        return auroc(own.same[chosen], own.cosine[chosen])

    figures = [
        _figure("AUC of cosine alone: paraphrases and minimal edits", separation, own, effort),
        _share("wrong hits on minimal edits, cosine alone", wrong, False, effort),
        _share("wrong hits on minimal edits, with the guard", wrong, True, effort, _WRONG),
        _share("right hits on paraphrases, cosine alone", own.within(own.same), False, effort),
        _share("right hits on paraphrases, with the guard", own.within(own.same), True, effort),
    ]
    for name in GENERATORS:
        part = swaps.of_kind(name)
        figures.append(_share(f"wrong hits on {name} swaps, cosine alone", part, False, effort))
        figures.append(_share(f"wrong hits on {name} swaps, with the guard", part, True, effort, _WRONG_SWAPS))
    figures.append(_gained("qqp alone", qqp, effort))
    figures.append(_gained("qqp and own pairs", qqp.with_(own), effort))
    return figures


def _gained(name: str, judged: Judged, effort: Effort) -> Figure:
    def statistic(chosen: Classes) -> float:
        return _gain(judged, chosen, GUARDED)[-1]

    return _figure(
        f"right hits at equal wrong hits, × the best single threshold: {name}", statistic, judged, effort, _GAIN
    )


def _figure(
    name: str, statistic: Callable[[Classes], float], judged: Judged, effort: Effort, target: Target | None = None
) -> Figure:
    rows = len(judged.pairs)
    if not rows:
        return Figure(name, nan, 0, (nan, nan), target)
    return Figure(name, statistic(np.arange(rows)), rows, interval(statistic, rows, effort.resamples), target)


def _share(name: str, judged: Judged, guarded: bool, effort: Effort, target: Target | None = None) -> Figure:
    hits = judged.hits(GUARDED, guarded)

    def statistic(chosen: Classes) -> float:
        return float(hits[chosen].mean())

    return _figure(name, statistic, judged, effort, target)


def _gain(judged: Judged, chosen: Classes, threshold: float) -> tuple[int, int, float, int, float]:
    """Hits and wrong hits with the guard, the lowest single threshold that has no more wrong ones, its hits, and the
    ratio of the hits."""
    same, cosine = judged.same[chosen], judged.cosine[chosen]
    hit = judged.hits(threshold, guarded=True)[chosen]
    right, wrong = int((hit & same).sum()), int((hit & ~same).sum())
    against = np.sort(cosine[~same])[::-1]
    single = float(against[wrong]) if wrong < len(against) else 0.0
    alone = int((cosine[same] > single).sum())
    return right, wrong, single, alone, right / alone if alone else nan


def _thresholds(own: Judged) -> Table:
    wrong, right = own.within(~own.same), own.within(own.same)
    rows = [
        (
            f"{threshold:.2f}",
            *(_percent(part.hits(threshold, guarded)) for part in (wrong, right) for guarded in (False, True)),
        )
        for threshold in THRESHOLDS
    ]
    columns = ("cosine at least", "wrong: alone", "wrong: with the guard", "right: alone", "right: with the guard")
    title = (
        f"Share that is answered of {len(wrong.pairs)} minimal edits (wrong) and {len(right.pairs)} paraphrases (right)"
    )
    return Table(title, columns, tuple(rows))


def _kinds(own: Judged) -> Table:
    wrong = own.within(~own.same)
    kinds = dict.fromkeys(pair.kind for pair in wrong.pairs)
    rows = [_kind(kind, wrong.of_kind(kind)) for kind in kinds]
    title = f"Minimal edits by kind, cosine at least {GUARDED:.2f}"
    return Table(title, ("", "pairs", "answered: alone", "answered: with the guard"), tuple(rows))


def _kind(kind: str, part: Judged) -> tuple[str, ...]:
    shares = (_percent(part.hits(GUARDED, guarded)) for guarded in (False, True))
    return (kind, str(len(part.pairs)), *shares)


def _percent(hits: Flags) -> str:
    return f"{hits.mean():.1%}" if len(hits) else ""


def _equal(found: dict[str, Judged]) -> Table:
    qqp, own = found["qqp"], found["own"]
    named = {"qqp": qqp, "stsb": found["stsb"], "own pairs": own, "qqp and own pairs": qqp.with_(own)}
    rows = [_equal_row(name, judged, threshold) for name, judged in named.items() for threshold in THRESHOLDS]
    columns = ("", "cosine at least", "right hits", "wrong hits", "single threshold", "its right hits", "ratio")
    title = "Right hits with the guard, and of the best single threshold with no more wrong hits"
    return Table(title, columns, tuple(rows))


def _equal_row(name: str, judged: Judged, threshold: float) -> tuple[str, ...]:
    right, wrong, single, alone, ratio = _gain(judged, np.arange(len(judged.pairs)), threshold)
    label = f"{name} ({int(judged.same.sum()):,} right of {len(judged.pairs):,})"
    return (
        label,
        f"{threshold:.2f}",
        str(right),
        str(wrong),
        f"{single:.3f}",
        str(alone),
        f"{ratio:.2f}" if alone else "",
    )


def main(arguments: Iterable[str]) -> None:
    from rich.console import Console

    from pointsman.bench.report import show

    folder = next(iter(arguments), "../shared/data")
    report = run(Path(folder), Effort(), lambda line: print(line, file=sys.stderr))
    if report is not None:
        show(report, Console(width=160))


if __name__ == "__main__":
    main(sys.argv[1:])
