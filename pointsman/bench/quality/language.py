from __future__ import annotations

from collections.abc import Iterable

from pointsman.bench.parts import is_test
from pointsman.bench.quality import labels
from pointsman.bench.quality.figures import Bench, Measured, Target, plain
from pointsman.bench.quality.labels import Labelled
from pointsman.bench.quality.metrics import accuracy
from pointsman.bench.quality.sets import Row, split, thin

SENTENCES = "lingua_langid/sentences.dev.jsonl"
FILES = (SENTENCES,)


def measure(bench: Bench) -> Measured:
    rows = thin(list(bench.sets.rows(SENTENCES)), bench.effort.others, "text")
    names = sorted({row["lang"] for row in rows})
    train, test = split(rows, lambda row: not is_test(row["text"]))
    floors = labels.floors(_labelled(train), _labelled(test), names, accuracy, characters=True)
    answers = labels.ask(bench, _labelled(rows), names, type="language")
    figure = answers.figure(bench, f"language, {len(names)} of them: accuracy", accuracy, Target(0.96), floors)
    each = [answers.within([row["lang"] == name for row in rows]).figure(bench, name, accuracy) for name in names]
    return Measured((figure,), (plain("language: accuracy by language", each),))


def _labelled(rows: Iterable[Row]) -> Labelled:
    pairs = [(row["text"], row["lang"]) for row in rows]
    return Labelled([text for text, _ in pairs], [label for _, label in pairs])
