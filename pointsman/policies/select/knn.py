"""The quality of a model is that of its answers to the most similar past prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, Strict

from pointsman.policies.select import past
from pointsman.policies.select.context import Candidate, Context
from pointsman.policies.select.scored import Estimates, Scored, ScoredOptions
from pointsman.signals.encoder.encoding import Encoder

_SHARPNESS = 4.0
"""A neighbour counts exp(-4 (1 - cosine)): 1 if it says the same, 0.14 at a cosine of a half, 0.03 at 0.1."""
_DOUBT = 0.5
"""What the prior counts beside them."""


class KnnOptions(ScoredOptions):
    by: Literal["knn"]
    """Predicts each model's quality from the most similar past prompts of a file."""
    data: past.Data
    """What `pointsman fit selector` made of past outcomes."""
    k: Annotated[int, Strict(), Field(ge=1, le=1000)] = 80
    """How many past prompts are looked at."""


class Knn(Scored[KnnOptions]):
    Options = KnnOptions

    def __init__(self, options: KnnOptions, candidates: Sequence[Candidate]) -> None:
        self.table = past.read(options.data, candidates)
        known = self.table.outcomes
        super().__init__(options, past.informed(known, candidates))
        self._vectors = np.ascontiguousarray(known.vectors)
        scores = past.of(past.columns(known, candidates), known.scores.astype(np.float64), np.nan)
        self._known = (~np.isnan(scores)).astype(np.float64)
        self._scores = np.nan_to_num(scores)

    def prepare(self, encoder: Encoder) -> None:
        self.table.check(encoder)

    def estimate(self, context: Context, view: None) -> Estimates:
        prior = self.priors.of(context.prompt)
        if context.prompt is None or len(context.prompt.vector) != self._vectors.shape[1]:
            return Estimates(prior)
        cosines = self._vectors @ np.asarray(context.prompt.vector, np.float32)
        k = min(self.options.k, len(cosines))
        places = np.argpartition(cosines, len(cosines) - k)[-k:]
        counts = np.exp(_SHARPNESS * (cosines[places].astype(np.float64) - 1))
        mean = (counts @ self._scores[places] + _DOUBT * prior) / (counts @ self._known[places] + _DOUBT)
        return Estimates(mean)
