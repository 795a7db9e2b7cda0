"""Model and endpoint in one choice, or one after the other: thirteen instances of four models under rising load."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from random import Random
from statistics import fmean, stdev
from typing import Any
from zlib import crc32

from pydantic import TypeAdapter

from pointsman.bench.quality.sets import Sets
from pointsman.bench.report import Table
from pointsman.bench.selection.bench import Bench, Measured
from pointsman.bench.selection.crowd import ENDPOINTS, LIMIT, MODELS, choice_time
from pointsman.bench.selection.town import KINDS, Ask, Contender, Question, Told, Town
from pointsman.bench.summary import percentile
from pointsman.policies.select.base import Selector
from pointsman.policies.select.context import Candidate, Context
from pointsman.policies.select.registry import SelectConfig, build
from pointsman.signals.encoder.encoding import Encoder
from pointsman.signals.prompt import PromptReader
from pointsman.signals.tokens import estimate_tokens

SCORES = "llmrouter_9model/scores.dev.jsonl.gz"
FILES = (SCORES,)

STAND_INS = (
    "mistral-7b-instruct-v0.3",
    "qwen2.5-7b-instruct",
    "llama-3.1-8b-instruct",
    "llama-3.1-nemotron-51b-instruct",
)
"""Of the set's models those that are as good, relative to each other, as is to be expected of the four sizes."""
_LENGTH, _SPREAD, _SHORTEST, _LONGEST = 110, 0.7, 8, 600
"""Tokens of an answer: median, sigma of the logarithm, limits."""
_WEIGHTS = (0.045, 0.06, 0.07, 0.08, 0.1)
"""Of the quality, among which those that choose the model first get their best."""
_EQUAL = 0.01
"""Of quality that counts as none."""
_RATIO, _STATIC, _COLLAPSE = 1.3, 0.05, 3.0
_SERIAL = (0.03, 0.13)
"""Seconds of a decision of published routers, one at a time."""

_ROUND_ROBIN, _SPLIT, _THEN_LOAD, _THEN_LATENCY, _FUSED, _STATED, _SERIALLY = (
    "round robin",
    "split by capacity, then least load",
    "model by quality and cost, then least load",
    "model by quality and cost, then latency",
    "fused",
    "fused, static latencies",
    "fused behind a serial scorer",
)


@dataclass(frozen=True, slots=True)
class Effort:
    prompts: int = 1000
    rates: tuple[float, ...] = (10.0, 18.0, 26.0)  # requests per second; the last one is the high load
    seeds: int = 5
    warm: int = 200
    measured: int = 1000
    choices: int = 4000


QUICK = Effort(prompts=40, rates=(24.0,), seeds=2, warm=20, measured=80, choices=20)


@dataclass(frozen=True, slots=True)
class Found:
    """The means of one run."""

    seconds: float
    p95: float
    first: float
    quality: float
    cost: float  # USD per 1000 requests
    mix: tuple[float, ...]

    @classmethod
    def of(cls, told: Sequence[Told]) -> Found:
        waits, kinds = [one.seconds for one in told], [one.kind for one in told]
        return cls(
            fmean(waits), percentile(waits, 0.95), fmean(one.first for one in told),
            fmean(one.quality for one in told), 1000 * fmean(one.cost for one in told),
            tuple(kinds.count(kind) / len(kinds) for kind in range(len(KINDS))),
        )  # fmt: skip


Runs = Mapping[tuple[str, float], Sequence[Found]]
"""By contender and rate; one of each seed."""


def measure(bench: Bench) -> Measured:
    effort = QUICK if bench.effort.rows < 1000 else Effort()
    candidates, questions = _world(bench.sets, bench.encoder, effort)
    runs: dict[tuple[str, float], Sequence[Found]] = {}
    for rate in effort.rates:
        for contender in _contenders(candidates):
            runs[contender.name, rate] = _runs(contender, candidates, questions, rate, effort)
            bench.say(f"fleet: {rate:g}/s, {contender.name}")
        weight, found = _best_weight(candidates, questions, rate, effort, _quality(runs[_FUSED, rate]) - _EQUAL)
        runs[_THEN_LOAD, rate] = found
        then = _model_first(_THEN_LATENCY, candidates, weight, then_latency=True)
        runs[_THEN_LATENCY, rate] = _runs(then, candidates, questions, rate, effort)
        bench.say(f"fleet: {rate:g}/s, {_THEN_LOAD}")
    data: dict[str, Any] = {"effort": asdict(effort)}
    data["runs"] = [{"policy": n, "rate": r, "seeds": [asdict(f) for f in found]} for (n, r), found in runs.items()]
    median, p95 = choice_time(questions[0].prompt, effort.choices)
    data["choice_us"] = {"p50": median, "p95": p95}
    problems = _problems(runs, effort.rates[-1], median) if effort is not QUICK else ()
    return Measured((_table(runs, effort), _comparisons(runs, effort), _times(median, p95)), data, problems)


def _best_weight(
    candidates: Sequence[Candidate], questions: Sequence[Question], rate: float, effort: Effort, least: float
) -> tuple[float, Sequence[Found]]:
    """Of the quality, with which a model that is chosen first answers soonest and as well."""
    tried = {}
    for weight in _WEIGHTS:
        contender = _model_first(_THEN_LOAD, candidates, weight, then_latency=False)
        tried[weight] = _runs(contender, candidates, questions, rate, effort)
    able = {weight: found for weight, found in tried.items() if _quality(found) >= least}
    best = min(able, key=lambda w: _seconds(able[w])) if able else max(tried, key=lambda w: _quality(tried[w]))
    return best, tried[best]


def _world(sets: Sets, encoder: Encoder, effort: Effort) -> tuple[list[Candidate], list[Question]]:
    """Priors are the means over one half of the rows, prompts come from the other."""
    rows = sorted(sets.rows(SCORES), key=lambda row: crc32(str(row["id"]).encode()))
    known, asked = rows[1::2], rows[: 2 * effort.prompts : 2]
    means = [fmean(row["scores"][model] for row in known) for model in STAND_INS]
    candidates = [Candidate(k.name, k.price, k.price, {"default": q}) for k, q in zip(KINDS, means, strict=True)]
    reader, questions = PromptReader(encoder), []
    for row in asked:
        text = row["prompt"]
        (encoding,) = encoder.encode([text])
        qualities = tuple(row["scores"][model] for model in STAND_INS)
        questions.append(Question(reader.read(encoding, text), estimate_tokens(text), qualities))
    return candidates, questions


def _asks(questions: Sequence[Question], rate: float, seed: int) -> Iterator[Ask]:
    """Poisson; the same for every contender."""
    random, time = Random(f"asks {seed}"), 0.0
    while True:
        time += random.expovariate(rate)
        length = round(random.lognormvariate(math.log(_LENGTH), _SPREAD))
        yield Ask(time, random.choice(questions), min(_LONGEST, max(_SHORTEST, length)))


def _runs(
    contender: Contender, candidates: Sequence[Candidate], questions: Sequence[Question], rate: float, effort: Effort
) -> list[Found]:
    found = []
    for seed in range(effort.seeds):
        town = Town(contender, candidates, Random(f"town {seed}"))
        found.append(Found.of(town.play(_asks(questions, rate, seed), effort.warm, effort.measured)))
    return found


# Who is compared

_read = TypeAdapter(SelectConfig).validate_python


def _contenders(candidates: Sequence[Candidate]) -> list[Contender]:
    whole = sum(kind.tokens_per_second for kind in KINDS)
    shares = {kind.name: kind.tokens_per_second / whole for kind in KINDS}
    return [
        _by(_ROUND_ROBIN, _selector(candidates, by="round_robin")),
        _by(_SPLIT, _selector(candidates, by="weighted", weights=shares)),
        _by(_FUSED, _selector(candidates, by="fused")),
        _by(_STATED, _selector(candidates, by="fused"), learns=False, stated=True),
        _by(_SERIALLY, _selector(candidates, by="fused"), service=_SERIAL),
    ]


def _selector(candidates: Sequence[Candidate], **options: object) -> Selector[Any]:
    return build(_read(options), candidates)


def _by(name: str, selector: Selector[Any], **more: Any) -> Contender:
    random = Random(name)

    def choose(context: Context) -> tuple[str, str | None]:
        choice = selector.choose(context, None, random)
        return choice.pools[0], choice.endpoint

    return Contender(name, choose, **more)


def _model_first(name: str, candidates: Sequence[Candidate], weight: float, *, then_latency: bool) -> Contender:
    """By predicted quality and cost as `fused` weighs them, whatever the load."""
    weights = {"quality": weight, "cost": 0.2, "latency": 0, "load": 0}
    by_worth = _selector(candidates, by="fused", weights=weights)
    within = {
        candidate.name: _selector([candidate], by="fused", weights={"quality": 0, "cost": 0, "latency": 1, "load": 0})
        for candidate in candidates
    }

    def choose(context: Context) -> tuple[str, str | None]:
        model = by_worth.choose(context, None, None).pools[0]
        return model, within[model].choose(context, None, None).endpoint if then_latency else None

    return Contender(name, choose)


# What comes of it


def _seconds(found: Sequence[Found]) -> float:
    return fmean(one.seconds for one in found)


def _quality(found: Sequence[Found]) -> float:
    return fmean(one.quality for one in found)


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean, and half of its 95 % interval over the seeds."""
    spread = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return fmean(values), _T.get(len(values), 1.96) * spread


_T = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36}
"""Student's t at 97.5 %, by the number of seeds."""


def _table(runs: Runs, effort: Effort) -> Table:
    rows = []
    for rate, name in product(effort.rates, _NAMES):
        found = runs[name, rate]
        mix = " / ".join(f"{100 * fmean(one.mix[kind] for one in found):.0f}" for kind in range(len(KINDS)))
        p95, cost = fmean(one.p95 for one in found), fmean(one.cost for one in found)
        rows.append(
            (name, f"{rate:g}", f"{_seconds(found):.2f}", f"{p95:.2f}", f"{_quality(found):.3f}", f"{cost:.3f}", mix)
        )
    columns = ("policy", "requests/s", "mean, s", "p95, s", "quality", "$ per 1000", f"% {_KINDS}")
    return Table("13 instances of four models: time to the whole answer", columns, tuple(rows))


_NAMES = (_ROUND_ROBIN, _SPLIT, _THEN_LOAD, _THEN_LATENCY, _FUSED, _STATED, _SERIALLY)
_KINDS = " / ".join(kind.name for kind in KINDS)


def _comparisons(runs: Runs, effort: Effort) -> Table:
    rows = []
    for rate, name in product(effort.rates, _NAMES):
        if name == _FUSED:
            continue
        ratio, around = _interval(ratios(runs, name, rate))
        pairs = zip(runs[name, rate], runs[_FUSED, rate], strict=True)
        quality, about = _interval([other.quality - fused.quality for other, fused in pairs])
        rows.append((name, f"{rate:g}", f"{ratio:.2f} ± {around:.2f}", f"{quality:+.3f} ± {about:.3f}"))
    columns = ("policy", "requests/s", "mean time, × fused", "quality, less fused's")
    return Table("The same next to `fused`: paired by seed, 95 % intervals", columns, tuple(rows))


def ratios(runs: Runs, name: str, rate: float) -> list[float]:
    """Mean times relative to `fused`, of each seed."""
    return [other.seconds / one.seconds for other, one in zip(runs[name, rate], runs[_FUSED, rate], strict=True)]


def _times(median: float, p95: float) -> Table:
    row = ("fused", f"{median:.0f}", f"{p95:.0f}", f"{LIMIT:g}")
    return Table(
        f"One choice among {MODELS} models of {ENDPOINTS} endpoints, in microseconds",
        ("selector", "p50", "p95", "limit of the p50"), (row,),
    )  # fmt: skip


def _problems(runs: Runs, rate: float, choice: float) -> tuple[str, ...]:
    """What the seeds leave no doubt of."""
    then, around = _interval(ratios(runs, _THEN_LOAD, rate))
    stated, about = _interval(ratios(runs, _STATED, rate))
    serial, _ = _interval(ratios(runs, _SERIALLY, rate))
    found = (
        (then - around < _RATIO, f"a model chosen first takes {then:.2f} times fused's time, not {_RATIO} times"),
        (stated - about > 1 + _STATIC, f"static latencies take {stated:.2f} times as long as learned ones"),
        (serial < _COLLAPSE, f"the serial scorer takes only {serial:.2f} times fused's time"),
    )
    lines = [f"fleet at {rate:g}/s: {line}" for wrong, line in found if wrong]
    return (*lines, f"fused takes {choice:.0f} µs for a choice") if choice > LIMIT else tuple(lines)
