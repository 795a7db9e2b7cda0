"""What each arm's outcome is expected to be, from requests that the model of it has not seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointsman.policies.select.context import Doubles

FOLDS = 5
_RIDGE = 10.0
_RIDGE_BIAS = 1.0


def predict(
    features: Doubles, action: NDArray[np.int64], values: Doubles, arms: int, folds: NDArray[np.int64]
) -> Doubles:
    """[n, arms]; cross-fitted over the `folds`. `values` are [n], NaN where there was no outcome.

    Ridge regression on all outcomes, and of each arm on what that leaves, so that an arm of which little is known is
    expected to do as the others."""
    size = len(values)
    found = np.zeros((size, arms))
    known = ~np.isnan(values)
    if not known.any():
        return found
    inputs = _standardised(features)
    for fold in range(FOLDS):
        fitted = known & (folds != fold)
        if not fitted.any():
            fitted = known
        asked = folds == fold
        found[asked] = _fit(inputs[fitted], action[fitted], values[fitted], arms, inputs[asked])
    return np.clip(found, values[known].min(), values[known].max())


def _fit(inputs: Doubles, action: NDArray[np.int64], values: Doubles, arms: int, asked: Doubles) -> Doubles:
    mean = float(values.mean())
    common = _ridge(inputs, values - mean)
    left = values - mean - inputs @ common
    own = np.stack([_ridge(inputs[action == arm], left[action == arm]) for arm in range(arms)])
    found: Doubles = mean + asked @ (common[:, None] + own.T)
    return found


def _ridge(inputs: Doubles, values: Doubles) -> Doubles:
    size = inputs.shape[1]
    penalty = np.full(size, _RIDGE)
    penalty[0] = _RIDGE_BIAS
    return np.asarray(np.linalg.solve(inputs.T @ inputs + np.diag(penalty), inputs.T @ values), np.float64)


def _standardised(features: Doubles) -> Doubles:
    """With a 1 before them."""
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return np.hstack([np.ones((len(features), 1)), scaled])
