"""Files of past outcomes that tests can see through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pointsman.policies.select.context import Context
from pointsman.signals import outcomes
from tests.support.encoders import DIMENSION, LetterEncoder
from tests.support.select import context, prompt


def towards(place: int, strength: float = 1.0, aside: int = 7) -> Any:
    """A unit vector in the direction of one axis, as far as `strength`, and else of another."""
    vector = np.zeros(DIMENSION, np.float32)
    vector[place] = strength
    vector[aside] += np.sqrt(1 - strength**2)
    return vector


def table(path: Path, models: Sequence[str], vectors: ArrayLike, scores: ArrayLike) -> str:
    """The name of the file."""
    gathered = outcomes.gather(models, np.asarray(vectors, np.float32), np.asarray(scores, np.float32))
    outcomes.save(path, gathered, LetterEncoder())
    return str(path)


def two_kinds(path: Path, models: Sequence[str] = ("small", "large"), each: int = 60) -> str:
    """Of prompts along axis 0 the first model answers well and the second badly; along axis 1 it is the other way."""
    random = np.random.default_rng(3)
    vectors = np.repeat([towards(0), towards(1)], each, 0) + random.normal(0, 0.05, (2 * each, DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = np.repeat([[0.9, 0.2], [0.2, 0.9]], each, 0)
    return table(path, models, vectors, scores)


def asking(vector: ArrayLike, **given: Any) -> Context:
    return context(prompt=prompt()._replace(vector=np.asarray(vector, np.float32)), **given)
