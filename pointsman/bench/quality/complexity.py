from __future__ import annotations

import numpy as np

from pointsman.bench.quality.figures import Bench, Measured, Target
from pointsman.bench.quality.floors import LENGTH, MAJORITY, WORDS, have_words, lengths, word_values
from pointsman.bench.quality.metrics import Classes, spearman
from pointsman.bench.quality.sets import MMLU, MMLU_CORRECT, failures, thin

FILES = (MMLU, MMLU_CORRECT)


def measure(bench: Bench) -> Measured:
    failed = failures(bench.sets)
    train, test = bench.sets.parts(MMLU)
    rows = thin(test, bench.effort.rows)
    texts = [row["question"] for row in rows]
    difficulty = np.array([failed[str(row["id"])] for row in rows])
    scores = np.array([value.score or 0.0 for value in bench.asker.ask_texts(texts, type="complexity")])
    floors = {MAJORITY: 0.0, LENGTH: spearman(lengths(texts), difficulty)}
    if have_words():
        known = np.array([failed[str(row["id"])] for row in train])
        floors[WORDS] = spearman(word_values([row["question"] for row in train], known, texts), difficulty)

    def statistic(chosen: Classes) -> float:
        return spearman(scores[chosen], difficulty[chosen])

    name = "complexity: Spearman with the share of models that fail"
    return Measured((bench.figure(name, len(texts), statistic, Target(0.45), floors),))
