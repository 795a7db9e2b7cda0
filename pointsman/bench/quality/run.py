"""`pointsman bench quality`: how well the shipped signals judge, on public data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from pointsman.bench.quality import (
    complexity,
    domain,
    fact_check,
    feedback,
    jailbreak,
    language,
    modality,
    pii,
    similarity,
    tools,
)
from pointsman.bench.quality.asking import Asker
from pointsman.bench.quality.figures import Bench, Effort, Figure, Measured, summary
from pointsman.bench.quality.floors import have_words
from pointsman.bench.quality.sets import Sets
from pointsman.bench.report import Report, Table
from pointsman.signals.encoder.onnx import SHIPPED, OnnxEncoder
from pointsman.signals.registry import SIGNALS

Say = Callable[[str], None]

TITLE = "Quality of the signals"
_MODEL = ("encoder.onnx", "heads.npz", "tokenizer.json")


class Subject(StrEnum):
    DOMAIN = "domain"
    JAILBREAK = "jailbreak"
    PII = "pii"
    LANGUAGE = "language"
    COMPLEXITY = "complexity"
    FACT_CHECK = "fact_check"
    FEEDBACK = "feedback"
    MODALITY = "modality"
    TOOLS = "tools"
    SIMILARITY = "similarity"


_MODULES: Mapping[Subject, ModuleType] = {
    Subject.DOMAIN: domain,
    Subject.JAILBREAK: jailbreak,
    Subject.PII: pii,
    Subject.LANGUAGE: language,
    Subject.COMPLEXITY: complexity,
    Subject.FACT_CHECK: fact_check,
    Subject.FEEDBACK: feedback,
    Subject.MODALITY: modality,
    Subject.TOOLS: tools,
    Subject.SIMILARITY: similarity,
}


def run(folder: Path, subjects: Sequence[Subject] | None, effort: Effort, say: Say) -> Report | None:
    """None if nothing can be measured."""
    sets = Sets(folder)
    chosen = [subject for subject in subjects or Subject if _measurable(subject, sets, say)]
    if not chosen:
        return None
    if not have_words():
        say("The floor of TF-IDF is left out: it needs scikit-learn (pip install 'pointsman[bench]')")
    asker = Asker(OnnxEncoder())
    bench = Bench(sets, asker, effort)
    found = {}
    for subject in chosen:
        say(f"{subject} …")
        found[subject] = _MODULES[subject].measure(bench)
    return _report(found, effort, tuple(_problems(asker)))


def _measurable(subject: Subject, sets: Sets, say: Say) -> bool:
    missing = sets.missing(_MODULES[subject].FILES)
    if missing:
        say(f"{subject} is skipped: the data folder has no {', '.join(missing)}")
    elif subject is not Subject.SIMILARITY and subject.value not in SIGNALS:
        say(f"{subject} is skipped: there is no such signal")
    else:
        return True
    return False


def _report(found: Mapping[Subject, Measured], effort: Effort, problems: tuple[str, ...]) -> Report:
    figures = [figure for measured in found.values() for figure in measured.figures]
    details = [table for measured in found.values() for table in measured.details]
    data = {
        "effort": asdict(effort),
        "model": model_versions(),
        "figures": [_form(figure) for figure in figures],
        "details": [asdict(table) for table in details],
    }
    return Report("quality", (summary(TITLE, figures), *details), data, problems)


def _form(figure: Figure) -> dict[str, Any]:
    return {**asdict(figure), "reached": figure.reached}


def _problems(asker: Asker) -> Iterator[str]:
    for failure, count in asker.failures.items():
        yield f"{count:,} requests failed: {failure}"


def model_versions() -> dict[str, str]:
    """What was measured: the beginnings of the files' SHA-256."""
    return {name: sha256((SHIPPED / name).read_bytes()).hexdigest()[:12] for name in _MODEL}


def card(report: Report) -> tuple[Table, ...]:
    """What the model card shows of it."""
    return report.tables[:1]
