"""How much better or worse than its prior quality each model's answers are, as a linear function of the prompt.

Bayesian linear regression of that residual. Model a's weights are a part that all models share plus its own:
θ_a = θ_0 + δ_a with θ_0 ~ N(0, common·Λ) and δ_a ~ N(0, Λ_a), Λ diagonal. The sums per model are those of disjoint
LinUCB (A_a = Σ x xᵀ, b_a = Σ residual·x); the shared part follows from them in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar
from zlib import crc32

import numpy as np
from pydantic import Field

from pointsman.policies.select.base import Rewarded
from pointsman.policies.select.context import Candidate, Context, Doubles
from pointsman.policies.select.learned import STATED, Learned, LearnedOptions
from pointsman.policies.select.scored import Estimates, Number
from pointsman.policies.select.sums import Sums
from pointsman.signals.encoder.encoding import Encoder
from pointsman.signals.prompt import FEATURES

SIZE = FEATURES + 2
"""1, the features, and by how much the model's prior for this prompt differs from its usual one."""
NOISE = 0.45
"""Standard deviation of one answer's quality around what is expected of it."""
_WEIGHT, _SLOPE = 0.035, 0.5
"""A-priori standard deviations: of a feature's weight, and of how far the prior's dependence on the prompt is off."""
_TOGETHER = 0.25
"""Most of `common` for the mean: that one model is better than was said does not make the others so."""
_RECENT = 0.995
"""Weight of an outcome relative to the next one in what says whether a model has changed: about the last 200."""
_SURE = 2.0
"""Standard errors by which recent answers must differ from what is expected before they are believed."""
_FEWEST = 2.0
"""Recent answers that are too few to tell."""
_FARTHEST = 8.0
"""Features are about 1 in size; beyond this they are clipped."""
_ROUNDING = 1e-9


class LinearOptions(LearnedOptions):
    discount: Number = Field(default=0.9995, gt=0, le=1)
    """Weight of an outcome relative to the next one: 0.9995 remembers about 2,000 of them; 1 never forgets."""
    common: Number = Field(default=10.0, ge=0)
    """How much of what is learned of one model is expected of the others; 0 learns each on its own."""


class Posterior(NamedTuple):
    """Of each model's residual; in units of quality."""

    weights: Doubles  # [models, SIZE]
    covariance: Doubles  # [models, SIZE, SIZE]
    change: Doubles  # [models]: what recent answers say beyond that

    def mean(self, x: Doubles) -> Doubles:
        """[models, SIZE] → [models]"""
        found: Doubles = (self.weights * x).sum(1) + self.change
        return found

    def deviation(self, x: Doubles) -> Doubles:
        """[models, SIZE] → [models]"""
        along = np.matmul(self.covariance, x[:, :, None])[:, :, 0]
        found: Doubles = np.sqrt(np.maximum((along * x).sum(1), 0.0))
        return found


LinearT = TypeVar("LinearT", bound=LinearOptions)


class Linear(Learned[LinearT]):
    contextual = True
    """Whether it learns of which prompts a model is good at."""

    def __init__(self, options: LinearT, candidates: Sequence[Candidate]) -> None:
        super().__init__(options, candidates)
        self.discount = {"recent/": min(_RECENT, options.discount), "": options.discount}
        self._space = ""

    def prepare(self, encoder: Encoder) -> None:
        """Weights of another encoder's features mean nothing: what is learned is kept by where they come from."""
        matrix = encoder.matrix("route")
        self._space = f"{crc32(b'' if matrix is None else matrix.tobytes(), crc32(encoder.name.encode())):08x}/"

    def view(self, sums: Sums) -> Posterior:
        moments = self._stacked(sums, "moments", (SIZE, SIZE))
        residuals = self._stacked(sums, "residuals", (SIZE,))
        weights, covariance = posterior(moments, residuals, self.doubt, self.options.common)
        return Posterior(weights, covariance, change(self._stacked(sums, "recent", (SIZE + 1,)), weights))

    def estimate(self, context: Context, view: Posterior) -> Estimates:
        prior = self.priors.of(context.prompt)
        features = context.prompt.features if context.prompt is not None and self.contextual else None
        x = points(features, prior - self.usual)
        return Estimates(prior + view.mean(x), view.deviation(x))

    def learned(self, rewarded: Rewarded, prior: float) -> Sums:
        """Linear in weight and reward, so that corrections add up."""
        offset = np.array([prior - self.usual[self.models.index(rewarded.arm)]])
        x = points(rewarded.seen.features if self.contextual else None, offset)[0]
        residual = rewarded.reward - rewarded.weight * prior
        found = {
            "moments": rewarded.weight * np.outer(x, x),
            "residuals": residual * x,
            "recent": np.append(rewarded.weight * x, residual),
        }
        return Sums(rewarded.outcomes, {self._key(kind, rewarded.arm): array for kind, array in found.items()})

    def _key(self, kind: str, model: str) -> str:
        return f"{kind}/{self._space}{model}"

    def _stacked(self, sums: Sums, kind: str, shape: tuple[int, ...]) -> Doubles:
        found = [sums.arrays.get(self._key(kind, model)) for model in self.models]
        usable = [a if a is not None and a.shape == shape and np.isfinite(a).all() else np.zeros(shape) for a in found]
        return np.stack(usable)


def points(features: Doubles | None, offsets: Doubles) -> Doubles:
    """[models, SIZE]; `offsets` [models] is the last element. Without features that can be used those are 0."""
    x = np.zeros((len(offsets), SIZE))
    x[:, 0] = 1.0
    x[:, -1] = offsets
    if features is not None and features.shape == (FEATURES,) and np.isfinite(features).all():
        x[:, 1:-1] = np.clip(features, -_FARTHEST, _FARTHEST)
    return x


def posterior(moments: Doubles, residuals: Doubles, doubt: Doubles, common: float) -> tuple[Doubles, Doubles]:
    """Weights [models, SIZE] and their covariance. `moments` [models, SIZE, SIZE] and `residuals` [models, SIZE] are
    the sums of x xᵀ and of residual·x; `doubt` [models] is the a-priori standard deviation of each one's mean; `common`
    the variance of the part that all models have in common, relative to that of each one's own; 0: none."""
    usual = np.concatenate(([STATED], np.full(FEATURES, _WEIGHT), [_SLOPE]))
    scale = np.tile(usual, (len(doubt), 1))
    scale[:, 0] = doubt
    squares = scale[:, :, None] * scale[:, None, :]
    unit = np.eye(SIZE)
    known = residuals * scale / NOISE**2
    own = np.linalg.inv(_positive(moments * squares / NOISE**2) + unit)
    weights = np.einsum("aij,aj->ai", own, known)
    if common:
        ratio = usual / scale  # of a shared weight, as the models' own are scaled
        told = (ratio[:, :, None] * (unit - own) * ratio[:, None, :]).sum(0)
        spread = np.full(SIZE, common)
        spread[0] = min(common, _TOGETHER)
        pooled = np.linalg.inv(np.diag(1 / spread) + told)
        shift = own * ratio[:, None, :]
        weights = weights + shift @ (pooled @ (ratio * weights).sum(0))
        own = own + shift @ pooled @ shift.transpose(0, 2, 1)
    return weights * scale, own * squares


def change(recent: Doubles, weights: Doubles) -> Doubles:
    """[models]: by how much the last answers were better or worse than expected, if that is hardly chance. `recent`
    [models, SIZE + 1] are sums of x and of residuals."""
    count = np.maximum(recent[:, 0], _FEWEST)
    error = (recent[:, -1] - (recent[:, :-1] * weights).sum(1)) / count
    beyond = np.maximum(np.abs(error) - _SURE * NOISE / np.sqrt(count), 0.0)
    found: Doubles = np.where(recent[:, 0] >= _FEWEST, np.sign(error) * np.minimum(beyond, 1.0), 0.0)
    return found


def _positive(moments: Doubles) -> Doubles:
    """The nearest that are moments of something: a late correction may take away more than forgetting has left."""
    moments = (moments + moments.transpose(0, 2, 1)) / 2
    slack = _ROUNDING * (1 + np.abs(np.trace(moments, axis1=1, axis2=2)))
    try:
        np.linalg.cholesky(moments + slack[:, None, None] * np.eye(SIZE))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(moments)
        found: Doubles = (vectors * np.maximum(values, 0.0)[:, None, :]) @ vectors.transpose(0, 2, 1)
        return found
    return moments
