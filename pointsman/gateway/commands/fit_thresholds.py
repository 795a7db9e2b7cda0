"""`pointsman fit thresholds`: chosen on one half of the rows, reported on the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from pointsman.gateway.commands.fit_common import Indices, Unfit, told
from pointsman.gateway.config import load
from pointsman.gateway.encoders import prepare
from pointsman.gateway.policy import build_policy
from pointsman.signals.base import Shape, Signal
from pointsman.signals.encoder.encoding import Encoder
from pointsman.signals.exemplars import read_lines
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.linear import Doubles
from pointsman.signals.neural import NeedsEncoding
from pointsman.signals.readings import Readings

_FEWEST = 4  # rows of each kind: two to choose by, two to report on


class Labelled(NamedTuple):
    messages: tuple[Message, ...]
    truth: Mapping[str, bool]  # by signal


class Measured(NamedTuple):
    found: float  # share of what should be found
    alarms: float  # share of the rest
    f1: float


def fit_thresholds(config: Path, data: Path, fpr: float | None) -> Iterator[str]:
    """The lines to print, which are YAML; Unfit with what to do."""
    loaded = load(config)
    signals = build_policy(loaded)[0]
    fitting = {name: signal for name, signal in signals.items() if _has_threshold(signal)}
    with told():
        rows = _rows(data, signals, fitting)
        named = [name for name in fitting if any(name in row.truth for row in rows)]
        if not named:
            known = ", ".join(fitting) or "none"
            raise Unfit(f"no line of {data} names a boolean signal with a threshold; {config} has: {known}")
        used = {name: fitting[name] for name in named}
        batcher = prepare(used.values(), loaded.encoder)
        assert batcher is not None
        scores = [_scores(used, row, batcher.encoder) for row in rows]
    for name in named:
        judged = [index for index, row in enumerate(rows) if name in row.truth]
        truth = np.array([rows[index].truth[name] for index in judged])
        keys = [crc32(repr(rows[index].messages).encode("utf-8", "replace")) for index in judged]
        found = np.array([scores[index][name] for index in judged])
        yield from _proposal(name, fitting[name], truth, found, keys, fpr)


def _has_threshold(signal: Signal[Any]) -> bool:
    return signal.shape is Shape.BOOL and hasattr(signal.options, "threshold")


def _rows(data: Path, signals: Mapping[str, Signal[Any]], fitting: Mapping[str, Signal[Any]]) -> list[Labelled]:
    lines = read_lines(data)
    labels = {row["label"] for _, row in lines if isinstance(row.get("label"), str)}
    labelled = [name for name in fitting if name in labels]
    rows = []
    for place, row in lines:
        truth = {name: _flag(place, name, row[name]) for name in fitting if name in row}
        if "label" in row:
            truth |= {name: row["label"] == name for name in labelled if name not in row}
        rows.append(Labelled(_messages(place, row), truth))
    return rows


def _flag(place: str, name: str, value: object) -> bool:
    if value not in (True, False):  # 1 and 0 are equal to them
        raise ValueError(f'{place}: "{name}" must be true or false')
    return bool(value)


def _messages(place: str, row: Mapping[str, Any]) -> tuple[Message, ...]:
    text, previous = row.get("text"), row.get("previous")
    if not isinstance(text, str) or not isinstance(previous, str | None):
        raise ValueError(f'{place}: "text", and "previous" if there is one, must be text')
    earlier = () if previous is None else (Message("user", previous), Message("assistant", ""))
    return (*earlier, Message("user", text))


def _scores(signals: Mapping[str, Signal[Any]], row: Labelled, encoder: Encoder) -> dict[str, float]:
    readings = Readings(signals, Facts(Route.CHAT, read_messages=lambda: row.messages))
    found = {}
    for name in signals:
        while True:
            try:
                found[name] = readings[name].score or 0.0
                break
            except NeedsEncoding as needed:
                readings.encoded(dict(zip(needed.passages, encoder.encode(needed.passages), strict=True)), 0)
    return found


def _proposal(
    name: str, signal: Signal[Any], truth: Any, scores: Doubles, keys: Sequence[int], fpr: float | None
) -> Iterator[str]:
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if min(positives, negatives) < _FEWEST:
        yield f"# {name}: {positives} lines say true and {negatives} false; {_FEWEST} of each are needed"
        return
    first, second = _halves(truth, keys)
    if fpr is not None and fpr * int((~truth[first]).sum()) < 1:
        yield f"# {name}: {negatives} lines that say false are too few to tell {fpr:.2%} false alarms from none"
    threshold = choose(truth[first], scores[first], fpr)
    was = measure(truth[second], scores[second], float(signal.options.threshold or 0))
    now = measure(truth[second], scores[second], threshold)
    yield f"# {name}: chosen on {len(first)} lines; on the other {len(second)}:"
    yield f"#   threshold {threshold:.4f}: {_shown(now)}"
    yield f"#   threshold {signal.options.threshold} as it is: {_shown(was)}"
    yield f"{name}: {{type: {signal.options.type}, threshold: {threshold:.4f}}}  # and its other options"


def _shown(measured: Measured) -> str:
    return f"{measured.found:.1%} found, {measured.alarms:.1%} false alarms, F1 {measured.f1:.3f}"


def _halves(truth: Any, keys: Sequence[int]) -> tuple[Indices, Indices]:
    """Each with half of what should be found, whatever the order of the lines."""
    order = np.lexsort((np.asarray(keys), truth))
    return np.sort(order[::2]), np.sort(order[1::2])


def choose(truth: Any, scores: Doubles, fpr: float | None) -> float:
    """In steps of a ten-thousandth: the least one with no more false alarms, or that of the best F1."""
    steps: list[float] = sorted({min(ceil(score * 10_000 - 1e-6), 10_000) / 10_000 for score in scores.tolist()})
    if fpr is None:
        return max(steps, key=lambda step: (measure(truth, scores, step).f1, -step))
    above = [*steps, min(steps[-1] + 0.0001, 1.0)]
    return next((step for step in above if measure(truth, scores, step).alarms <= fpr), above[-1])


def measure(truth: Any, scores: Doubles, threshold: float) -> Measured:
    said = scores >= threshold
    hits = int((said & truth).sum())
    f1 = 2 * hits / max(int(said.sum() + truth.sum()), 1)
    return Measured(hits / max(int(truth.sum()), 1), int((said & ~truth).sum()) / max(int((~truth).sum()), 1), f1)
