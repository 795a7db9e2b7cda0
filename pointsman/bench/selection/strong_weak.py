"""Which prompts need the stronger of two models: the shipped score and fitted ones beside floors and the oracle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from pointsman.bench.quality.floors import have_words, word_values
from pointsman.bench.quality.metrics import Numbers
from pointsman.bench.quality.sets import MMLU, MMLU_CORRECT
from pointsman.bench.report import Table
from pointsman.bench.selection import data
from pointsman.bench.selection.bench import Bench, Measured
from pointsman.bench.selection.data import Answers
from pointsman.bench.selection.metrics import apgr, apgr_interval, call_share
from pointsman.signals import fitted, gap, linear
from pointsman.signals.encoder.heads import word_buckets
from pointsman.signals.prompt import Prompt, PromptReader, passage_of

FILES = (MMLU, MMLU_CORRECT, data.LLMROUTER, data.ROUTERDC, data.ROUTERBENCH)

MIXTRAL, GEMINI = "Mixtral-8x7B-Instruct-v0.1", "gemini-1.5-pro-002"
_LEAST_GAP = 0.12
"""Between the accuracies of two models that are called weak and strong."""
_FOLDS = 5
_TARGET, _FITTED_TARGET = 0.62, 0.72


class Case(NamedTuple):
    """One weak and one strong model, or several of each, on one set."""

    name: str
    answers: Answers  # what is reported
    gains: Numbers  # the strong model's score less the weak one's, mean over the pairs; none is unknown
    pairs: int = 1
    known: Answers | None = None  # rows that may be fitted on
    known_gains: Numbers | None = None  # [known rows], the mean over pairs
    target: bool = False


def measure(bench: Bench) -> Measured:
    lines, found = [], {}
    for case in _cases(bench):
        bench.say(f"  {case.name}: {len(case.answers.texts):,} prompts, {case.pairs} pairs")
        scores = _scores(bench, case)
        found[case.name] = {name: _figures(bench, values, case) for name, values in scores.items()}
        lines += [_line(case, name, figures) for name, figures in found[case.name].items()]
    columns = ("", "prompts", "pairs", "score", "APGR", "95 % interval", "target", "reached", "CPT 50", "CPT 80")
    return Measured((Table("Strong or weak: which prompts need the stronger model", columns, tuple(lines)),), found)


def _cases(bench: Bench) -> list[Case]:
    sets, cases = bench.sets, []
    for options, told in ((0, ""), (4, ", with options")):
        exam = data.mmlu_pro(sets, options)
        cases.append(_one_pair(f"MMLU-Pro{told}: Mixtral 8x7B, Gemini 1.5 Pro", exam, MIXTRAL, GEMINI))
        cases.append(_pairs(f"MMLU-Pro{told}: all pairs", exam.only_test()))
    routed, other, costed = data.llmrouter(sets), data.routerdc(sets), data.routerbench(sets)
    for name, sums in (
        ("GSM8K, MGSM (LLMRouter)", routed.of("gsm8k", "agentverse-mgsm").only_test()),
        ("GSM8K (RouterDC)", other.of("gsm8k-train")),
    ):
        cases.append(_pairs(name, sums))
        cases.append(_against_the_best(f"{name}: any, one that is always right", sums))
    cases.append(_pairs("14 tasks together (LLMRouter)", routed.only_test()))
    cases.append(_pairs("ARC (RouterDC)", other.of("arc_challenge_train", "arc_easy_train"), gap=0.05))
    cases += [_pairs(f"{group} (RouterBench)", costed.of(group)) for group in sorted(set(costed.groups))]
    return [_thinned(case, bench.effort.rows) for case in cases if case.pairs]


def _one_pair(name: str, exam: Answers, weak: str, strong: str) -> Case:
    gains = exam.score(strong) - exam.score(weak)
    known = np.flatnonzero(~np.isnan(gains))
    exam, gains = exam.take(known), gains[known]
    test, train = np.flatnonzero(exam.test), np.flatnonzero(~exam.test)
    return Case(name, exam.take(test), gains[test], 1, exam.take(train), gains[train], target=True)


def _pairs(name: str, answers: Answers, gap: float = _LEAST_GAP) -> Case:
    """Every two models of which one is better by the gap, and the other better than chance."""
    scores = answers.scores
    if not len(scores):
        return Case(name, answers, np.zeros(0), 0)
    columns = [place for place in range(scores.shape[1]) if not np.isnan(scores[:, place]).any()]
    means = scores.mean(0)
    pairs = [(w, s) for w in columns for s in columns if means[s] - means[w] >= gap and means[w] > 0.2]
    gains = [scores[:, s] - scores[:, w] for w, s in pairs]
    return Case(name, answers, np.mean(gains, axis=0) if pairs else np.zeros(len(scores)), len(pairs))


def _against_the_best(name: str, answers: Answers) -> Case:
    """As if the strong model made no mistakes: of these sums the best models make few, and none is in the sets."""
    if not len(answers.texts):
        return Case(name, answers, np.zeros(0), 0)
    weak = [place for place, mean in enumerate(answers.scores.mean(0)) if 0.4 < mean < 0.9]
    return Case(name, answers, 1 - answers.scores[:, weak].mean(1), len(weak), target=True)


def _thinned(case: Case, rows: int) -> Case:
    if len(case.answers.texts) <= rows:
        return case
    chosen = np.sort(np.argsort([crc32(text.encode()) for text in case.answers.texts])[:rows])
    return case._replace(answers=case.answers.take(chosen), gains=case.gains[chosen])


def _scores(bench: Bench, case: Case) -> dict[str, Numbers]:
    texts, random = case.answers.texts, np.random.default_rng(3)
    read = _read(bench, texts)
    found: dict[str, Numbers] = {
        "random": random.random(len(texts)),
        "prompt length": np.array([len(text) for text in texts], np.float64),
    }
    if case.known is not None and case.known_gains is not None:
        found["true category"] = _by_category(case.known, case.known_gains, case.answers.groups)
        if have_words():
            found["TF-IDF, fitted"] = word_values(case.known.texts, case.known_gains, texts)
    found["shipped"] = np.array([prompt.need for prompt in read])
    if case.known is not None and case.known_gains is not None:
        found["fitted"] = fitted_scores(_read(bench, case.known.texts), case.known_gains, read)
    elif len(texts) >= 200:
        gains = case.gains
        found["fitted"] = _crossed(len(texts), lambda a, b: fitted_scores(_of(read, a), gains[a], _of(read, b)))
        if have_words():
            found["TF-IDF, fitted"] = _crossed(
                len(texts), lambda a, b: word_values(_of(texts, a), gains[a], _of(texts, b))
            )
    found["oracle"] = case.gains
    return found


def _of(items: Sequence[Any], rows: Any) -> list[Any]:
    return [items[row] for row in rows]


def _read(bench: Bench, texts: Sequence[str]) -> list[Prompt]:
    reader = PromptReader(bench.encoder)
    passages = [passage_of(text) for text in texts]
    encodings = bench.encoder.encode(passages)
    return [reader.read(encoding, passage) for encoding, passage in zip(encodings, passages, strict=True)]


def _by_category(known: Answers, gains: Numbers, groups: Sequence[str]) -> Numbers:
    labels = np.array(known.groups)
    means = {group: float(gains[labels == group].mean()) for group in set(known.groups)}
    return np.array([means.get(group, 0.0) for group in groups])


def _crossed(count: int, fit: Callable[[Any, Any], Numbers]) -> Numbers:
    """Each fifth scored by what was fitted on the other four, as ranks, because fits differ in scale."""
    places = np.random.default_rng(5).permutation(count)
    found = np.zeros(count)
    bounds = np.linspace(0, count, _FOLDS + 1).astype(int)
    for start, end in pairwise(bounds):
        judged = places[start:end]
        known = np.concatenate((places[:start], places[end:]))
        scores = fit(known, judged)
        found[judged] = np.argsort(np.argsort(scores)) / len(judged)
    return found


def fitted_scores(known: Sequence[Prompt], gains: Numbers, judged: Sequence[Prompt]) -> Numbers:
    """As `pointsman fit selector` does it."""
    encodings = [prompt.encoding for prompt in known if prompt.encoding is not None]
    words = linear.Words([word_buckets(encoding.words, fitted.BUCKETS) for encoding in encodings])
    head = gap.fit(gap.rows(known, words), gains)
    return np.array([gap.score(head, prompt) or 0.0 for prompt in judged])


def _figures(bench: Bench, scores: Numbers, case: Case) -> dict[str, Any]:
    return {
        "prompts": len(scores),
        "pairs": case.pairs,
        "apgr": apgr(scores, case.gains),
        "interval": apgr_interval(scores, case.gains, bench.effort.resamples),
        "cpt50": call_share(scores, case.gains, 0.5),
        "cpt80": call_share(scores, case.gains, 0.8),
    }


def _line(case: Case, name: str, figures: dict[str, Any]) -> tuple[str, ...]:
    wanted = {"shipped": _TARGET, "fitted": _FITTED_TARGET}.get(name) if case.target else None
    low, high = figures["interval"]
    return (
        case.name,
        f"{figures['prompts']:,}",
        str(figures["pairs"]),
        name,
        f"{figures['apgr']:.3f}",
        f"{low:.3f} to {high:.3f}",
        "" if wanted is None else f"≥ {wanted:.2f}",
        "" if wanted is None else "yes" if figures["apgr"] >= wanted else "no",
        f"{figures['cpt50']:.1%}",
        f"{figures['cpt80']:.1%}",
    )
