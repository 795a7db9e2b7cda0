"""Not a signal: the sentence vectors that user-given examples and the cache compare."""

from __future__ import annotations

import numpy as np

from pointsman.bench.quality.figures import Bench, Measured, Target
from pointsman.bench.quality.floors import LENGTH, MAJORITY, WORDS, character_similarity, have_words, lengths
from pointsman.bench.quality.metrics import Classes, Numbers, spearman
from pointsman.bench.quality.sets import thin
from pointsman.signals.encoder.encoding import Vector, excerpt

PAIRS = "stsb_multi/pairs.en.dev.jsonl"
FILES = (PAIRS,)
ORIGINAL = 0.8672
"""Of all-MiniLM-L6-v2 itself, in 32 bits, on all pairs of this file."""
_NEAR = 0.01


def measure(bench: Bench) -> Measured:
    rows = thin(list(bench.sets.rows(PAIRS)), bench.effort.others)
    left, right = [row["a"] for row in rows], [row["b"] for row in rows]
    score = np.array([float(row["score"]) for row in rows])
    cosine = np.array([a @ b for a, b in zip(_vectors(bench, left), _vectors(bench, right), strict=True)], np.float64)
    floors = {MAJORITY: 0.0, LENGTH: spearman(-abs(lengths(left) - lengths(right)), score)}
    if have_words():
        floors[WORDS] = spearman(_by_characters(left, right), score)

    def statistic(chosen: Classes) -> float:
        return spearman(cosine[chosen], score[chosen])

    name = f"sentence vectors: Spearman on STS-B (all-MiniLM-L6-v2: {ORIGINAL:.3f})"
    return Measured((bench.figure(name, len(rows), statistic, Target(ORIGINAL - _NEAR), floors),))


def _vectors(bench: Bench, texts: list[str]) -> list[Vector]:
    return [encoding.vector for encoding in bench.asker.encoder.encode([excerpt(text) for text in texts])]


def _by_characters(left: list[str], right: list[str]) -> Numbers:
    return np.asarray(np.diagonal(character_similarity(left, right)), np.float64)
