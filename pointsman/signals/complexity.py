"""`complexity`: how likely language models are to fail at the text's task.

The score is learned from the share of 29 models that failed at each question of MMLU-Pro."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from math import log1p
from typing import Literal

import numpy as np

from pointsman.signals.base import UNKNOWN, LabelCount, Shape, SignalValue
from pointsman.signals.encoder.encoding import Encoding, Vector, excerpt
from pointsman.signals.facts import Facts
from pointsman.signals.learned import Learned
from pointsman.signals.options import TextOptions

Level = Literal["easy", "medium", "hard"]
LEVELS: tuple[Level, ...] = ("easy", "medium", "hard")
BOUNDS = (0.35, 0.55)
"""Of the score: below the first a text is easy, above the second it is hard."""

_DIGIT = re.compile(r"[0-9]")
_SIGN = re.compile(r"[=^_\\+*/<>{}$%|]")


class ComplexityOptions(TextOptions):
    type: Literal["complexity"]
    level: Level | None = None
    """Makes it a boolean: whether this is the level."""


class Complexity(Learned[ComplexityOptions]):
    Options = ComplexityOptions
    label_count = LabelCount.ONE
    head = "complexity"

    @property
    def shape(self) -> Shape:
        return Shape.LABEL if self.options.level is None else Shape.BOOL

    @property
    def known_labels(self) -> frozenset[str] | None:
        return frozenset(LEVELS) if self.options.level is None else None

    def read(self, facts: Facts, encodings: Sequence[Encoding]) -> SignalValue:
        if not encodings:
            return UNKNOWN
        more = statistics(encodings[0], excerpt(facts.text(self.options.scope)))
        difficulty = self._head.probability(encodings[0], more)
        level = LEVELS[bisect_right(BOUNDS, difficulty)]
        return SignalValue(level if self.options.level is None else level == self.options.level, difficulty)


STATISTICS = 4


def statistics(encoding: Encoding, passage: str) -> Vector:
    """[STATISTICS], what the head reads beside the encoding: how long the text is, how much is digits and formulas."""
    length = max(len(passage), 1)
    digits, signs = len(_DIGIT.findall(passage)), len(_SIGN.findall(passage))
    found = (log1p(len(encoding.words)) / 6, digits / length, signs / length, log1p(passage.count("\n")) / 3)
    return np.asarray(found, np.float32)
