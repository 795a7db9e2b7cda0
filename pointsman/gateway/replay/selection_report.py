"""What another selector would have been worth: tables for people, objects for programs."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any, NamedTuple

from pointsman.gateway.replay.report import Table, shown
from pointsman.gateway.replay.selecting import Evaluated
from pointsman.policies.offpolicy.estimate import Estimate, Measured
from pointsman.policies.offpolicy.verdict import Answer

_UNITS = {"cost": "cost, USD per 1,000", "latency": "latency, s", "failed": "failed, share"}
_COLUMNS = ("", "known", "effective", "logged", "IPS", "SNIPS", "DR", "DR - logged", "verdict")
_ESTIMATES = ("logged", "ips", "snips", "dr", "difference")


class Part(NamedTuple):
    """Of what is printed: one decision's."""

    table: Table
    notes: tuple[str, ...]


def part(evaluated: Evaluated) -> Part:
    rows = tuple(_row(name, measured, verdict.answer) for name, (measured, verdict) in evaluated.measures.items())
    table = Table(_title(evaluated), _COLUMNS, frozenset(range(1, 8)), rows, 0)
    return Part(table, tuple(_notes(evaluated)))


def form(evaluated: Evaluated) -> dict[str, Any]:
    overlap, utility = evaluated.overlap, evaluated.utility
    return {
        "decision": evaluated.decision,
        "by": evaluated.by,
        "then": dict(evaluated.then),
        "requests": evaluated.requests,
        "left_out": dict(evaluated.left_out),
        "evaluated": evaluated.evaluated,
        "sampled": evaluated.sampled,
        "rewarded": evaluated.rewarded,
        "overlap": {
            "known": overlap.choices,
            "unknown": overlap.unknown,
            "deterministic": overlap.deterministic,
            "outside": _number(overlap.outside),
            "largest_weight": _number(overlap.most),
            "mean_weight": _number(overlap.mean),
        },
        "utility": {
            "weights": utility.weights.model_dump(),
            "usd": _number(utility.usd),
            "seconds": _number(utility.seconds),
        },
        "measures": {
            name: {"verdict": verdict.answer, "why": verdict.why or None, **_measured(measured)}
            for name, (measured, verdict) in evaluated.measures.items()
        },
        "notes": list(evaluated.notes),
    }


def _measured(measured: Measured | None) -> dict[str, Any]:
    if measured is None:
        return {"known": 0, "effective": 0.0, "outside": None, **dict.fromkeys(_ESTIMATES)}
    estimates = {name: _estimate(getattr(measured, name)) for name in _ESTIMATES}
    return {
        "known": measured.known,
        "effective": _number(measured.effective),
        "outside": _number(measured.outside),
        **estimates,
    }


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    return {name: _number(value) for name, value in estimate._asdict().items()}


def _number(value: float) -> float | None:
    return round(value, 6) if isfinite(value) else None


def _title(evaluated: Evaluated) -> str:
    then = ", ".join(f"{shown(by)} {count:,}" for by, count in sorted(evaluated.then.items(), key=lambda i: -i[1]))
    return f"{evaluated.decision}: {evaluated.by}" + (f", where the log has {then}" if then else "")


def _row(name: str, measured: Measured | None, answer: Answer) -> tuple[str, ...]:
    title = _UNITS.get(name, name)
    if measured is None:
        return (title, "0", "–", "–", "–", "–", "–", "–", answer)
    estimates = (_interval(getattr(measured, each), signed=each == "difference") for each in _ESTIMATES)
    return (title, f"{measured.known:,}", f"{measured.effective:,.0f}", *estimates, answer)


def _interval(estimate: Estimate, signed: bool) -> str:
    if not isfinite(estimate.value):
        return "–"
    value, low, high = (_figure(each, "+" if signed else "") for each in estimate)
    return f"{value} [{low}, {high}]"


def _figure(value: float, sign: str) -> str:
    return f"{value:{sign}.3g}" if abs(value) < 1000 else f"{value:{sign},.0f}"


def _notes(evaluated: Evaluated) -> Iterator[str]:
    of = f" of {evaluated.requests:,}" if evaluated.evaluated != evaluated.requests else ""
    more = ", an even sample" if evaluated.sampled else ""
    rewarded = f"{evaluated.rewarded / evaluated.evaluated:.1%}" if evaluated.evaluated else "none"
    yield f"{evaluated.evaluated:,}{of} requests{more}; {rewarded} with a reward"
    for why, count in evaluated.left_out.items():
        yield f"left out: {count:,}, {why}"
    overlap = evaluated.overlap
    if overlap.choices:
        outside = f"{overlap.outside:.1%} of its choices were never or hardly tried"
        yield f"weights up to {overlap.most:.1f}, {overlap.mean:.2f} on average; {outside}"
    yield f"utility = {_formula(evaluated)}"
    told: dict[str, list[str]] = {}
    for name, (_measured_of, verdict) in evaluated.measures.items():
        if verdict.answer is Answer.CANNOT_TELL:
            told.setdefault(verdict.why, []).append(name)
    for why, names in told.items():
        yield f"cannot tell {', '.join(names)}: {why}"
    yield from evaluated.notes


def _formula(evaluated: Evaluated) -> str:
    utility = evaluated.utility
    weights, text = utility.weights, f"{utility.weights.quality:g} quality"
    if weights.cost and utility.usd:
        text += f" - {weights.cost:g} cost / {1000 * utility.usd:.4g}"
    if weights.latency and utility.seconds:
        text += f" - {weights.latency:g} latency / {utility.seconds:.3g}"
    return text
