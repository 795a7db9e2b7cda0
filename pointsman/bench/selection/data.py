"""Tables of which model answered which prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pointsman.bench.parts import is_test
from pointsman.bench.quality.metrics import Classes, Flags, Numbers
from pointsman.bench.quality.sets import MMLU, MMLU_CORRECT, Sets

LLMROUTER = "llmrouter_9model/scores.dev.jsonl.gz"
ROUTERDC = "routerdc_7model/scores.dev.jsonl.gz"
ROUTERBENCH = "routerbench_subset/scores_cost.dev.jsonl.gz"


@dataclass(frozen=True)
class Answers:
    texts: Sequence[str]
    groups: Sequence[str]  # subject or task of each
    models: tuple[str, ...]
    scores: Numbers  # [texts, models], in [0, 1]; NaN where it is not known
    test: Flags  # of rows that nothing was trained on

    def take(self, rows: Classes) -> Answers:
        return Answers(
            [self.texts[row] for row in rows],
            [self.groups[row] for row in rows],
            self.models,
            self.scores[rows],
            self.test[rows],
        )

    def of(self, *groups: str) -> Answers:
        return self.take(np.flatnonzero([group in groups for group in self.groups]))

    def only_test(self) -> Answers:
        return self.take(np.flatnonzero(self.test))

    def score(self, model: str) -> Numbers:
        return self.scores[:, self.models.index(model)]


def mmlu_pro(sets: Sets, options: int = 0) -> Answers:
    """Groups are its categories. With `options`, so many of them are part of the prompt, one of them the right one."""
    table = {row.pop("id"): row for row in sets.table(MMLU_CORRECT)}
    rows = list(sets.rows(MMLU))
    models = tuple(next(iter(table.values())))
    scores = [[float(table[str(row["id"])][model] or "nan") for model in models] for row in rows]
    texts = [_written(row["question"], row["options"], row["answer_index"], options) for row in rows]
    test = np.array([is_test(row["id"]) for row in rows])
    return Answers(texts, [row["category"] for row in rows], models, np.array(scores), test)


def _written(question: str, options: Sequence[str], right: int, most: int) -> str:
    """The right option stands where the length of the question says."""
    if not most:
        return question
    others = [option for place, option in enumerate(options) if place != right][: most - 1]
    place = len(question) % (len(others) + 1)
    shown = [*others[:place], options[right], *others[place:]]
    lines = (f"{letter}. {option}" for letter, option in zip("ABCDEFGHIJ", shown, strict=False))
    return "\n".join((question, *lines, "Answer:"))


def tasks(sets: Sets, path: str, key: str, all_are_test: bool) -> Answers:
    """`key` names the column of the group."""
    rows = list(sets.rows(path))
    models = tuple(rows[0]["scores"])
    scores = np.array([[float(row["scores"][model]) for model in models] for row in rows])
    test = np.array([all_are_test or is_test(row["id"]) for row in rows])
    return Answers([row["prompt"] for row in rows], [row[key] for row in rows], models, scores, test)


def llmrouter(sets: Sets) -> Answers:
    return tasks(sets, LLMROUTER, "task", all_are_test=False)


def routerdc(sets: Sets) -> Answers:
    """Nothing is ever trained on it."""
    return tasks(sets, ROUTERDC, "bench", all_are_test=True)


def routerbench(sets: Sets) -> Answers:
    """Nothing is ever trained on it."""
    return tasks(sets, ROUTERBENCH, "bench", all_are_test=True)
