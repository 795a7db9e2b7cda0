from __future__ import annotations

from collections.abc import Iterable

from pointsman.bench.parts import is_test
from pointsman.bench.quality import labels
from pointsman.bench.quality.figures import Bench, Measured, Target, plain
from pointsman.bench.quality.labels import Labelled
from pointsman.bench.quality.metrics import accuracy, macro_f1
from pointsman.bench.quality.sets import Row, split, thin

PROMPTS = "factcheck_need/prompts.dev.jsonl"
FILES = (PROMPTS,)
_NAMES = ("no", "yes")


def measure(bench: Bench) -> Measured:
    rows = thin(list(bench.sets.rows(PROMPTS)), bench.effort.others)
    train, test = split(rows, lambda row: not is_test(row["id"]))
    floors = labels.floors(_labelled(train), _labelled(test), _NAMES, macro_f1)
    answers = labels.ask(bench, _labelled(rows), _NAMES, type="fact_check")
    figure = answers.figure(bench, "fact_check: macro-F1", macro_f1, Target(0.85), floors)
    each = [
        answers.within([(row["src"], row["needs_factcheck"]) == source for row in rows]).figure(
            bench, f"{source[0]}: {'needed' if source[1] else 'not needed'}", accuracy
        )
        for source in sorted({(row["src"], row["needs_factcheck"]) for row in rows})
    ]
    return Measured((figure,), (plain("fact_check: share of right answers by source", each),))


def _labelled(rows: Iterable[Row]) -> Labelled:
    pairs = [(row["text"], _NAMES[row["needs_factcheck"]]) for row in rows]
    return Labelled([text for text, _ in pairs], [label for _, label in pairs])
