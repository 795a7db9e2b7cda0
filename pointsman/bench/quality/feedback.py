"""Own messages, of which none was trained on: twenty-four for each label, in `feedback.jsonl` beside this file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import orjson

from pointsman.bench.quality import labels
from pointsman.bench.quality.asking import chat
from pointsman.bench.quality.figures import Bench, Measured, Target, plain
from pointsman.bench.quality.labels import Labelled
from pointsman.bench.quality.metrics import accuracy, macro_f1
from pointsman.bench.quality.sets import Row, thin
from pointsman.signals.feedback import LABELS

MESSAGES = Path(__file__).with_name("feedback.jsonl")
FILES: tuple[str, ...] = ()
_TRAINED = Path(__file__).parents[3] / "training/examples/feedback.jsonl"  # only in a checkout
_ANSWER = "Here is what I would suggest."


def measure(bench: Bench) -> Measured:
    rows = thin(_rows(MESSAGES), bench.effort.others, "text")
    bodies = [chat(row["text"], ("user", row["asked"]), ("assistant", _ANSWER)) for row in rows]
    values = bench.asker.ask(bench.asker.build(type="feedback"), bodies)
    measured = _labelled(rows)
    answers = labels.judged(measured.labels, values, LABELS)
    floors = labels.floors(_labelled(_rows(_TRAINED)), measured, LABELS, macro_f1) if _TRAINED.exists() else {}
    figure = answers.figure(bench, "feedback, own messages: macro-F1", macro_f1, Target(0.75), floors)
    each = [answers.within([row["label"] == label for row in rows]).figure(bench, label, accuracy) for label in LABELS]
    return Measured((figure,), (plain("feedback: recall by label", each),))


def _rows(path: Path) -> list[Row]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def _labelled(rows: Iterable[Row]) -> Labelled:
    pairs = [(row["text"], row["label"]) for row in rows]
    return Labelled([text for text, _ in pairs], [label for _, label in pairs])
