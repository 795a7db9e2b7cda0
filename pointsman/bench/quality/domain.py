from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pointsman.bench.quality import labels
from pointsman.bench.quality.figures import Bench, Figure, Measured, Target
from pointsman.bench.quality.labels import Answers, Labelled
from pointsman.bench.quality.metrics import Classes, calibration_error, macro_f1
from pointsman.bench.quality.sets import MMLU, Row, thin
from pointsman.signals.domain import LABELS

CASES = "vllm_sr_e2e/domain_classify_cases.dev.json"
MORE_CASES = "vllm_sr_e2e/bench_test_data.dev.json"
FILES = (MMLU, CASES, MORE_CASES)


def measure(bench: Bench) -> Measured:
    train, test = bench.sets.parts(MMLU)
    known = _exams(train)
    exams, chat = _exams(thin(test, bench.effort.rows)), _chat(bench, [*train, *test])
    figures = []
    for name, questions, target in (("exam questions", exams, 0.84), ("free chat questions", chat, 0.75)):
        answers = labels.ask(bench, questions, LABELS, type="domain")
        floors = labels.floors(known, questions, LABELS, macro_f1)
        figures.append(answers.figure(bench, f"domain, {name}: macro-F1", macro_f1, Target(target), floors))
        figures.append(_calibration(bench, name, answers))
    return Measured(tuple(figures))


def _calibration(bench: Bench, name: str, answers: Answers) -> Figure:
    confidence = np.array([value.score or 0.0 for value in answers.values])
    right = answers.truth == answers.found

    def statistic(rows: Classes) -> float:
        return calibration_error(confidence[rows], right[rows])

    return bench.figure(f"domain, {name}: calibration error", len(right), statistic)


def _exams(rows: Iterable[Row]) -> Labelled:
    pairs = [(row["question"], _label(row["category"])) for row in rows]
    return Labelled([text for text, _ in pairs], [label for _, label in pairs])


def _chat(bench: Bench, exams: Iterable[Row]) -> Labelled:
    """Once each, and none of them an exam's."""
    seen = {_same(row["question"]) for row in exams}
    cases = [(row["question"], row["category"]) for row in bench.sets.json(CASES)]
    cases += [(row["text"], row["true_label"]) for row in bench.sets.json(MORE_CASES)]
    found = Labelled([], [])
    for text, label in cases:
        if _same(text) not in seen:
            seen.add(_same(text))
            found.texts.append(text)
            found.labels.append(_label(label))
    return found


def _same(text: str) -> str:
    return " ".join(text.split()).lower()


def _label(category: str) -> str:
    return category.replace(" ", "_")
