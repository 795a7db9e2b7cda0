"""Prompts fall into clusters; each model has a quality in each, fitted on past outcomes and corrected by new ones.

Avengers-Pro (2508.12631): the clusters nearest to a prompt say what to expect, by a softmax of their similarity. Beyond
it: outcomes are added to the clusters' sums, and what they say of a model as a whole moves it in all clusters at once,
so that one that has got worse is found out everywhere. [c] are clusters, [m] models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, Strict

from pointsman.policies.select import past
from pointsman.policies.select.base import Rewarded
from pointsman.policies.select.context import Candidate, Context, Doubles
from pointsman.policies.select.learned import Learned, LearnedOptions
from pointsman.policies.select.scored import Estimates, Number, certain
from pointsman.policies.select.sums import NOTHING, Sums
from pointsman.signals.encoder.encoding import Encoder

_DOUBT = 5.0
"""Outcomes that the prior counts for in a cluster."""
_SLUGGISH = 20.0
"""Outcomes that must speak against a model as a whole before half of what they say is believed."""


class ClustersOptions(LearnedOptions):
    by: Literal["clusters"]
    """Predicts each model's quality from clusters of past prompts of a file, and goes on learning."""
    data: past.Data
    """What `pointsman fit selector` made of past outcomes."""
    nearest: Annotated[int, Strict(), Field(ge=1, le=48)] = 3
    """How many clusters a prompt belongs to."""
    sharpness: Number = Field(default=9.0, ge=0)
    """How much more the nearest one counts: the factor before the cosines in the softmax."""
    trust: Number = Field(default=30.0, ge=0)
    """Outcomes that what was fitted counts for at most, in each cluster."""


class View(NamedTuple):
    """quality [c, m] = `learned` + `doubt` × prior"""

    learned: Doubles
    doubt: Doubles


class Clusters(Learned[ClustersOptions]):
    Options = ClustersOptions

    def __init__(self, options: ClustersOptions, candidates: Sequence[Candidate]) -> None:
        self.table = past.read(options.data, candidates)
        known = self.table.outcomes
        super().__init__(options, past.informed(known, candidates))
        self._centres = np.ascontiguousarray(known.centres)
        self._file = f"{known.fingerprint:08x}/"
        columns = past.columns(known, candidates)
        evidence, totals = past.of(columns, known.evidence), past.of(columns, known.totals)
        share = np.minimum(evidence, options.trust) / np.maximum(evidence, 1)
        self._evidence, self._totals = evidence * share, totals * share
        # what the fit expects, which the outcomes are compared with; the prior's part of it as for no prompt in special
        self._fitted = (totals + _DOUBT * self.priors.of(None)) / (evidence + _DOUBT)

    def prepare(self, encoder: Encoder) -> None:
        self.table.check(encoder)

    def view(self, sums: Sums) -> View:
        known, gained = self._learned(sums)
        moved = (gained - known * self._fitted).sum(0) / (known.sum(0) + _SLUGGISH)
        evidence = self._evidence + _DOUBT
        total = evidence + known
        return View((self._totals + evidence * moved + gained) / total, _DOUBT / total)

    def estimate(self, context: Context, view: View) -> Estimates:
        prior = self.priors.of(context.prompt)
        if context.prompt is None or len(context.prompt.vector) != self._centres.shape[1]:
            return Estimates(view.learned.mean(0) + view.doubt.mean(0) * prior)
        places, shares = self._near(context.prompt.vector)
        return Estimates(shares @ view.learned[places] + (shares @ view.doubt[places]) * prior)

    def preferred(self, utility: Doubles, estimates: Estimates) -> Doubles:
        return certain(utility)

    def learned(self, rewarded: Rewarded, prior: float) -> Sums:
        vector = rewarded.seen.vector
        if vector is None or len(vector) != self._centres.shape[1]:
            return NOTHING
        places, shares = self._near(vector)
        told = np.zeros((2, len(self._centres)))
        told[0, places] = rewarded.weight * shares
        told[1, places] = rewarded.reward * shares
        return Sums(rewarded.outcomes, {self._file + rewarded.arm: told})

    def _near(self, vector: NDArray[np.floating]) -> tuple[NDArray[np.int64], Doubles]:
        """The clusters that a prompt belongs to, and how much."""
        cosines = (self._centres @ np.asarray(vector, np.float32)).astype(np.float64)
        number = min(self.options.nearest, len(cosines))
        places = np.argpartition(cosines, len(cosines) - number)[-number:]
        shares = np.exp(self.options.sharpness * (cosines[places] - cosines[places].max()))
        return places, shares / shares.sum()

    def _learned(self, sums: Sums) -> tuple[Doubles, Doubles]:
        """[c, m] each: evidence, and evidence × quality"""
        shape = (2, len(self._centres))
        told = [sums.arrays.get(self._file + model) for model in self.models]
        found = np.stack([each if each is not None and each.shape == shape else np.zeros(shape) for each in told], 2)
        return np.maximum(found[0], 0.0), found[1]
