"""`pointsman bench selection`: how well selectors choose, on public data of which model answers what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from pointsman.bench.quality.run import model_versions
from pointsman.bench.quality.sets import Sets
from pointsman.bench.report import Report
from pointsman.bench.selection import bandits, cascade, fleet, many, offpolicy, strong_weak
from pointsman.bench.selection.bench import Bench, Effort, Measured, Say
from pointsman.signals.encoder.onnx import OnnxEncoder


class Subject(NamedTuple):
    files: Sequence[str]  # in the data folder; without them it is skipped
    measure: Callable[[Bench], Measured]


SUBJECTS: Mapping[str, Subject] = {
    "strong_weak": Subject(strong_weak.FILES, strong_weak.measure),
    "many": Subject(many.FILES, many.measure),
    "bandits": Subject(bandits.FILES, bandits.measure),
    "cascade": Subject(cascade.FILES, cascade.measure),
    "offpolicy": Subject(offpolicy.FILES, offpolicy.measure),
    "fleet": Subject(fleet.FILES, fleet.measure),
}


def run(folder: Path, effort: Effort, say: Say) -> Report | None:
    """None if nothing can be measured."""
    sets = Sets(folder)
    chosen = {name: subject for name, subject in SUBJECTS.items() if _measurable(name, subject, sets, say)}
    if not chosen:
        return None
    bench = Bench(sets, OnnxEncoder(), effort, say)
    found = {}
    for name, subject in chosen.items():
        say(f"{name} …")
        found[name] = subject.measure(bench)
    data = {"effort": asdict(effort), "model": model_versions(), **{name: got.data for name, got in found.items()}}
    tables = tuple(table for measured in found.values() for table in measured.tables)
    return Report("selection", tables, data, tuple(line for got in found.values() for line in got.problems))


def _measurable(name: str, subject: Subject, sets: Sets, say: Say) -> bool:
    missing = sets.missing(subject.files)
    if missing:
        say(f"{name} is skipped: the data folder has no {', '.join(missing)}")
    return not missing
