"""Multinomial logistic regression on dense features and hashed words: what heads and classifiers are fitted with.

The loss is cross-entropy, each class weighted as if all were equally frequent, plus an L2 penalty; it is convex, and
minimised by L-BFGS (Nocedal 1980; Liu and Nocedal 1989) from zero, so that the same rows always give the same model.
The penalty, and the temperature that makes probabilities honest (Guo et al. 2017, arXiv 1706.04599), are chosen on
rows that the model was not fitted on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]

FOLDS = 5

_PENALTIES = (0.05, 0.3, 2.0)  # divided by the number of rows
_TEMPERATURES = np.geomspace(0.25, 4, 41)
_HELD_OUT = 500  # rows that are enough to choose the penalty: of large sets not all folds are tried
_STEPS, _MEMORY = 100, 6
_SMALL_GRADIENT, _SMALL_GAIN = 1e-6, 2e-5


class Linear(NamedTuple):
    """logits = weights @ features + bias + words[buckets of the row].sum(0) / sqrt(their number)"""

    weights: Floats  # [classes, features]
    bias: Floats  # [classes]
    words: Floats | None  # [buckets, classes]

    def logits(self, rows: Rows) -> Floats:
        found: Floats = rows.dense @ self.weights.T + self.bias
        return found if self.words is None else found + rows.words.sums(self.words)

    def divided(self, temperature: float) -> Linear:
        words = None if self.words is None else self.words / np.float32(temperature)
        return Linear(self.weights / np.float32(temperature), self.bias / np.float32(temperature), words)

    def flag(self) -> Linear:
        """Of two classes one logit, that of the second."""
        words = None if self.words is None else self.words[:, 1:] - self.words[:, :1]
        return Linear(self.weights[1:] - self.weights[:1], self.bias[1:] - self.bias[:1], words)


class Words:
    """The word buckets of each row; a row counts each with 1 / sqrt(their number)."""

    def __init__(self, rows: Sequence[Indices]) -> None:
        self.rows = list(rows)
        lengths = np.array([len(row) for row in self.rows], np.int64)
        self._filled = np.flatnonzero(lengths)
        self._starts = np.concatenate(([0], np.cumsum(lengths[self._filled])))[:-1].astype(np.int64)
        self._buckets = np.concatenate([np.empty(0, np.int64), *self.rows])
        self._owners = np.repeat(np.arange(len(self.rows)), lengths)
        self._scale = (1 / np.sqrt(np.maximum(lengths, 1))).astype(np.float32)[:, None]
        # the same by bucket, for gradients
        order = np.argsort(self._buckets, kind="stable")
        self._by_bucket = self._owners[order]
        self.used, self._bucket_starts = np.unique(self._buckets[order], return_index=True)
        self._places = np.searchsorted(self.used, self._buckets)

    def take(self, indices: Indices) -> Words:
        return Words([self.rows[index] for index in indices])

    def sums(self, weights: Floats) -> Floats:
        """[buckets, classes] → [rows, classes]"""
        return self._reduced(weights, self._buckets)

    def used_sums(self, weights: Floats) -> Floats:
        """[used buckets, classes] → [rows, classes]"""
        return self._reduced(weights, self._places)

    def used_gradient(self, residuals: Floats) -> Floats:
        """[rows, classes] → [used buckets, classes]"""
        if not len(self.used):
            return np.zeros((0, residuals.shape[1]), np.float32)
        found: Floats = np.add.reduceat((residuals * self._scale)[self._by_bucket], self._bucket_starts)
        return found

    def _reduced(self, weights: Floats, places: Indices) -> Floats:
        found = np.zeros((len(self.rows), weights.shape[1]), np.float32)
        if len(places):
            found[self._filled] = np.add.reduceat(weights[places], self._starts)
        return found * self._scale


class Rows(NamedTuple):
    """`dense` [rows, features], which may have no columns, and the words of the same rows."""

    dense: Floats
    words: Words

    def take(self, indices: Indices) -> Rows:
        return Rows(self.dense[indices], self.words.take(indices))


def fit(rows: Rows, targets: Floats, buckets: int) -> Linear:
    """`targets` [rows, classes] are probabilities. `buckets` of 0: without words."""
    penalty, temperature = _chosen(rows, targets, buckets)
    return _fit(rows, targets, buckets, penalty).divided(temperature)


def folds(targets: Floats) -> Iterator[tuple[Indices, Indices]]:
    """`FOLDS` times rows to fit on and rows to judge by, with about the same share of each class."""
    order = np.lexsort((np.arange(len(targets)), targets.argmax(1)))
    fold = np.empty(len(targets), np.int64)
    fold[order] = np.arange(len(targets)) % FOLDS
    for held_out in range(FOLDS):
        judged = np.flatnonzero(fold == held_out)
        if len(judged) and len(judged) < len(targets):
            yield np.flatnonzero(fold != held_out), judged


def one_hot(classes: Sequence[int], number: int) -> Floats:
    return np.eye(number, dtype=np.float32)[np.asarray(classes, np.int64)]


def probabilities(logits: Floats) -> Doubles:
    raised = np.exp((logits - logits.max(1, keepdims=True)).astype(np.float64))
    found: Doubles = raised / raised.sum(1, keepdims=True)
    return found


def _chosen(rows: Rows, targets: Floats, buckets: int) -> tuple[float, float]:
    """Penalty and temperature of the least loss on held-out rows."""
    parts = list(folds(targets))[: max(1, _HELD_OUT * FOLDS // max(len(targets), 1))]
    if not parts:
        return max(_PENALTIES), 1.0
    judged = np.concatenate([part[1] for part in parts])
    truth, weights = _unsure(targets[judged]), _balance(targets[judged])
    tried = []
    for penalty in _PENALTIES:
        logits = [_fit(rows.take(a), targets[a], buckets, penalty).logits(rows.take(b)) for a, b in parts]
        tried += [
            (_loss(np.concatenate(logits) / np.float32(temperature), truth, weights), penalty, temperature)
            for temperature in _TEMPERATURES
        ]
    _, penalty, temperature = min(tried)
    return penalty, float(temperature)


def _loss(logits: Floats, targets: Floats, weights: Floats) -> float:
    found = np.log(np.maximum(probabilities(logits), 1e-12))
    return float((weights * -(targets * found).sum(1)).sum() / weights.sum())


def _unsure(targets: Floats) -> Floats:
    """From few rows without a mistake it does not follow that there will be none (Platt 1999)."""
    doubt = np.float32(1 / (len(targets) + 2))
    found: Floats = targets * (1 - doubt) + doubt / np.float32(targets.shape[1])
    return found


def _balance(targets: Floats) -> Floats:
    """Weights of the rows that make each class that occurs count the same; their mean is 1."""
    mass = targets.sum(0)
    present = mass > 0
    of_class = np.where(present, len(targets) / (max(int(present.sum()), 1) * np.maximum(mass, 1e-9)), 0)
    found: Floats = (targets @ of_class).astype(np.float32)
    return found


def _fit(rows: Rows, targets: Floats, buckets: int, penalty: float) -> Linear:
    mean, spread = _scale(rows.dense)
    dense = (rows.dense - mean) / spread
    shape = (dense.shape[1] + (len(rows.words.used) if buckets else 0) + 1, targets.shape[1])
    weights = _balance(targets)[:, None] / np.float32(len(targets))
    strength = penalty / len(targets)
    last = dense.shape[1]

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        given = flat.reshape(shape).astype(np.float32)
        logits = dense @ given[:last] + given[-1]
        if buckets:
            logits = logits + rows.words.used_sums(given[last:-1])
        top = logits - logits.max(1, keepdims=True)
        raised = np.exp(top)
        total = raised.sum(1, keepdims=True)
        fits = -float((weights * targets * (top - np.log(total))).sum(dtype=np.float64))
        residuals = weights * (raised / total - targets)
        parts = [dense.T @ residuals, residuals.sum(0, keepdims=True)]
        if buckets:
            parts.insert(1, rows.words.used_gradient(residuals))
        gradient = np.concatenate(parts).astype(np.float64)
        kept = flat.reshape(shape).copy()
        kept[-1] = 0  # the bias may be what it likes
        return fits + strength / 2 * float((kept**2).sum()), (gradient + strength * kept).ravel()

    found = minimise(loss, np.zeros(shape[0] * shape[1])).reshape(shape).astype(np.float32)
    dense_weights = found[:last] / spread[:, None]
    words = np.zeros((buckets, shape[1]), np.float32) if buckets else None
    if words is not None:
        words[rows.words.used] = found[last:-1]
    return Linear(dense_weights.T.copy(), found[-1] - mean @ dense_weights, words)


def _scale(dense: Floats) -> tuple[Floats, Floats]:
    """Mean and spread of each feature, such that a row has about length 1, as its words have."""
    if not dense.shape[1]:
        return np.zeros(0, np.float32), np.ones(0, np.float32)
    spread = dense.std(0)
    even = np.where(spread > 1e-6, spread, 1) * np.float32(np.sqrt(dense.shape[1]))
    return dense.mean(0), even.astype(np.float32)


def minimise(loss: Callable[[Doubles], tuple[float, Doubles]], start: Doubles) -> Doubles:
    """Of a convex function with its gradient."""
    point = start
    value, gradient = loss(point)
    moves: list[tuple[Doubles, Doubles]] = []
    for _ in range(_STEPS):
        if np.abs(gradient).max(initial=0) < _SMALL_GRADIENT:
            break
        direction = _direction(gradient, moves)
        slope = float(direction @ gradient)
        step = 1.0 if moves else min(1.0, 1 / float(np.sqrt(gradient @ gradient)))
        for _ in range(20):  # back until the value falls as the slope promises (Armijo 1966)
            after, new_gradient = loss(point + step * direction)
            if after <= value + 1e-4 * step * slope:
                break
            step /= 2
        else:
            break
        moved, turned = step * direction, new_gradient - gradient
        if float(moved @ turned) > 1e-12:
            moves = [*moves[-_MEMORY + 1 :], (moved, turned)]
        gain, point, value, gradient = value - after, point + moved, after, new_gradient
        if gain < _SMALL_GAIN * max(abs(value), 1e-3):
            break
    return point


def _direction(gradient: Doubles, moves: Sequence[tuple[Doubles, Doubles]]) -> Doubles:
    """Downhill, as the last moves say that the slope turns."""
    found = -gradient
    shares = []
    for moved, turned in reversed(moves):
        share = float(moved @ found) / float(moved @ turned)
        shares.append(share)
        found = found - share * turned
    if moves:
        moved, turned = moves[-1]
        found = found * (float(moved @ turned) / float(turned @ turned))
    for (moved, turned), share in zip(moves, reversed(shares), strict=True):
        found = found + moved * (share - float(turned @ found) / float(moved @ turned))
    return found
