"""What choosing a model needs to know of a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from math import exp
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pointsman.signals.asked import asked
from pointsman.signals.complexity import STATISTICS, statistics
from pointsman.signals.effort import BY_DOMAIN, SIZE, Effort, by_domain, guessed_need
from pointsman.signals.encoder.encoding import Encoder, EncoderError, Encoding, Vector, excerpt
from pointsman.signals.encoder.heads import Head, Stack, softmax
from pointsman.signals.encoder.onnx import SHIPPED, tokenizer

FEATURES = 32


class Prompt(NamedTuple):
    need: float  # of the stronger model: about the probability that it is right where a weaker one is wrong
    difficulty: float  # in [0, 1]
    domains: Mapping[str, float]  # probability of each
    features: NDArray[np.float64]  # [FEATURES], about 1 in size: what learned selectors read
    vector: Vector  # [dimension], of length 1: the sentence
    encoding: Encoding | None = None  # all that the encoder said: what fitted models read


def passage_of(text: str) -> str:
    """What is encoded of a user's message: answered examples before the question are left out."""
    return excerpt(asked(text))


class PromptReader:
    """Works with any encoder; what one has no head for is read from the others, or from the text's counts."""

    def __init__(self, encoder: Encoder) -> None:
        self._effort = _effort()
        heads = {name: head for name in _HEADS if (head := _head(encoder, name)) is not None}
        if len(heads) < len(_HEADS):
            heads = {name: head for name, head in heads.items() if name not in _NEED}
        self._labels = heads["domain"].labels if "domain" in heads else ()
        own = _own(len(self._labels))
        self._stack = Stack([*heads.values()], [own[name] for name in heads]) if heads else None
        self._places = dict(zip(heads, self._stack.parts, strict=True)) if self._stack else {}
        self._more = dict(zip(heads, self._stack.more, strict=True)) if self._stack else {}
        self._counts = _padded([self._more[name] for name in _NEED]) if "need" in heads else None
        matrix = encoder.matrix("route")
        self._matrix = None if matrix is None else np.ascontiguousarray(matrix[:FEATURES], np.float32)

    def read(self, encoding: Encoding, passage: str) -> Prompt:
        effort = self._effort.of(encoding.words, passage)
        logits = _NONE if self._stack is None else self._stack.logits(encoding)
        domains = softmax(logits[self._places["domain"]]) if self._labels else _NONE
        difficulty = self._difficult(logits, encoding, passage)
        if self._counts is not None:
            counts = self._counts @ np.concatenate((effort, by_domain(effort, domains)))
            need = _needed(logits[-len(_NEED) :] + counts)
        else:
            need = guessed_need(effort) if difficulty is None else _NEED_OF_DIFFICULTY * difficulty
        named = dict(zip(self._labels, domains.tolist(), strict=True))
        hard = need if difficulty is None else difficulty
        return Prompt(need, hard, named, self._features(encoding), encoding.vector, encoding)

    def _difficult(self, logits: Vector, encoding: Encoding, passage: str) -> float | None:
        if "complexity" not in self._places:
            return None
        own = self._more["complexity"] @ statistics(encoding, passage)
        return _logistic(float(logits[self._places["complexity"]][0] + own[0]))

    def _features(self, encoding: Encoding) -> NDArray[np.float64]:
        if self._matrix is not None and self._matrix.shape[1] == len(encoding.features):
            return (self._matrix @ encoding.features).astype(np.float64)
        values = np.zeros(FEATURES)
        part = encoding.vector[:FEATURES]
        values[: len(part)] = part * np.sqrt(len(encoding.vector))
        return values


_NEED = ("need", "steps", "story")
_HEADS = ("domain", "complexity", *_NEED)
_NONE = np.zeros(0, np.float32)
_NEED_OF_DIFFICULTY = 0.6
"""Of what all models fail at now and then, the part that a strong one gets right."""


def _needed(logits: Vector) -> float:
    """`need` reads everything, `steps` only counts, because of a story that ends in a sum to work out the number of
    steps says more than what it is about; `story` is how far a text is one."""
    general, steps, story = map(_logistic, logits.tolist())
    return general + story * (steps - general)


def _own(domains: int) -> Mapping[str, int]:
    """By head, how many numbers it reads beside the encoding."""
    return {"domain": 0, "complexity": STATISTICS, "need": SIZE + BY_DOMAIN * domains, "steps": SIZE, "story": SIZE}


def _padded(rows: Sequence[Vector]) -> Vector:
    found = np.zeros((len(rows), max(row.shape[1] for row in rows)), np.float32)
    for place, row in enumerate(rows):
        found[place, : row.shape[1]] = row[0]
    return found


def _logistic(logit: float) -> float:
    return 1 / (1 + exp(-max(-50.0, min(50.0, logit))))


def _head(encoder: Encoder, name: str) -> Head | None:
    try:
        found: Head = encoder.head(name)
    except EncoderError:
        return None
    return found


@cache
def _effort() -> Effort:
    return Effort(tokenizer(SHIPPED).get_vocab())
