"""How much better the stronger of two models will answer, fitted on their scores for a user's own prompts.

Ridge regression of the difference of the scores, which may be negative, orders prompts better than a classifier of
where the stronger one wins; a logistic curve over it (Platt 1999) then makes it about the probability that the stronger
model is right where the weaker one is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pointsman.signals import linear
from pointsman.signals.encoder.heads import Head
from pointsman.signals.fitted import BUCKETS, only_sentence
from pointsman.signals.linear import Doubles, Floats, Rows
from pointsman.signals.prompt import Prompt

LABELS = ("need",)

_PENALTY = 30.0
_PART = 0.3
"""What a log-odds of the shipped score counts beside a vector of length 1."""
_SURE = 0.01


def dense(prompt: Prompt) -> Floats:
    """What the regression reads beside the words: the sentence, and what the shipped heads say."""
    need = min(max(prompt.need, _SURE), 1 - _SURE)
    told = (_PART * np.log(need / (1 - need)), prompt.difficulty, *prompt.domains.values())
    return np.concatenate((prompt.vector, np.asarray(told, np.float32)))


def score(head: Head, prompt: Prompt) -> float | None:
    """In [0, 1]; None if the prompt has not been read as those of the fit were."""
    if prompt.encoding is None:
        return None
    told = dense(prompt)[len(prompt.vector) :]
    width = head.weights.shape[1] - len(prompt.vector)
    if width not in (0, len(told)):
        return None
    return head.probability(only_sentence(prompt.encoding), told if width else None)


def rows(prompts: Sequence[Prompt], words: linear.Words) -> Rows:
    return Rows(np.stack([dense(prompt) for prompt in prompts]), words)


def fit(given: Rows, gaps: Doubles) -> Head:
    """`gaps` [rows]: the score of the stronger model less that of the weaker one."""
    found = _ridge(given, gaps)
    wins = np.clip(gaps, 0, 1)
    slope, offset = _curve(_crossed(given, gaps), wins)
    assert found.words is not None
    factor = np.float32(slope)
    words = (found.words * factor).astype(np.float16)
    return Head(LABELS, found.weights * factor, found.bias * factor + np.float32(offset), words)


def _crossed(given: Rows, gaps: Doubles) -> Doubles:
    """What is said of each fifth after learning from the others."""
    said = np.zeros(len(gaps))
    for known, judged in linear.folds(np.stack((gaps <= 0, gaps > 0), 1).astype(np.float32)):
        said[judged] = _ridge(given.take(known), gaps[known]).logits(given.take(judged))[:, 0]
    return said


def _ridge(given: Rows, gaps: Doubles) -> linear.Linear:
    mean, usual = given.dense.mean(0), float(gaps.mean())
    centred, wanted = given.dense - mean, (gaps - usual).astype(np.float32)[:, None]
    width, number = centred.shape[1], len(gaps)

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        weights = flat.astype(np.float32)[:, None]
        rest = centred @ weights[:width] + given.words.used_sums(weights[width:-1]) + weights[-1] - wanted
        slopes = np.concatenate((centred.T @ rest, given.words.used_gradient(rest), rest.sum(0, keepdims=True)))
        kept = flat.copy()
        kept[-1] = 0  # the bias may be what it likes
        value = float((rest.astype(np.float64) ** 2).sum() + _PENALTY * (kept @ kept)) / (2 * number)
        return value, (slopes[:, 0].astype(np.float64) + _PENALTY * kept) / number

    found = linear.minimise(loss, np.zeros(width + len(given.words.used) + 1)).astype(np.float32)
    words = np.zeros((BUCKETS, 1), np.float32)
    words[given.words.used, 0] = found[width:-1]
    weights = found[None, :width]
    return linear.Linear(weights, np.float32(usual) + found[-1:] - weights @ mean, words)


def _curve(said: Doubles, wins: Doubles) -> tuple[float, float]:
    """Slope, which is positive, and offset of the log-odds."""
    scale = max(float(said.std()), 1e-6)
    standard = (said - said.mean()) / scale

    def loss(given: Doubles) -> tuple[float, Doubles]:
        slope, offset = np.exp(given[0]), given[1]
        logits = slope * standard + offset
        rest = 1 / (1 + np.exp(-logits)) - wins
        value = float((np.logaddexp(0, logits) - wins * logits).mean()) + 0.01 * float(given @ given)
        slopes = np.array([slope * float((rest * standard).mean()), float(rest.mean())])
        return value, slopes + 0.02 * given

    steepness, offset = linear.minimise(loss, np.zeros(2))
    slope = float(np.exp(steepness)) / scale
    return slope, float(offset) - slope * float(said.mean())
