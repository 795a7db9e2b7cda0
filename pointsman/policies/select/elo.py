"""Models are rated as players are: by whose answer was preferred, and by verdicts on single answers.

Elo's updates depend on the ratings at the time, so they cannot be added up over replicas. The model under them can:
what is kept are the discounted points of each pairing, and the ratings are the most probable ones under Bradley-Terry,
P(a over b) = σ(r_a − r_b). A verdict on a single answer is a game against the field, whose rating is 0, so that
σ(r_a) is the quality of a's answers; the prior quality is where a rating starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from pointsman.policies.select.base import Rewarded
from pointsman.policies.select.context import Candidate, Context, Doubles
from pointsman.policies.select.learned import STATED, Learned, LearnedOptions
from pointsman.policies.select.scored import Estimates, Number, certain
from pointsman.policies.select.sums import NOTHING, Sums

_PER_POINT = np.log(10) / 400
"""Of an Elo point, in units of a log-odds ratio."""
_STEPS, _STRIDE, _NEAR = 60, 1.0, 1e-9
_MOST = 1e4
"""Games of one pairing: beyond it all count for less, so that the numbers stay well conditioned."""
_EDGE = 0.01
"""Qualities nearer to 0 and 1 than this are taken as this."""


class EloOptions(LearnedOptions):
    by: Literal["elo"]
    """Rates models by which answers were preferred, and by verdicts on single ones."""
    explore: Number = Field(default=0.03, ge=0, le=1)
    """Share of the requests that are spread evenly over all models: nothing else tries those that seem worse."""
    k: Number = Field(default=32.0, gt=0, le=400)
    """Elo points that a new model's rating moves at most by its first game."""


class Elo(Learned[EloOptions]):
    Options = EloOptions

    def __init__(self, options: EloOptions, candidates: Sequence[Candidate]) -> None:
        super().__init__(options, candidates)
        self._start = logit(self.usual)
        self._variance = options.k * _PER_POINT * (self.doubt / STATED) ** 2

    def view(self, sums: Sums) -> Doubles:
        """[models]: by how much each one's rating is above where it started."""
        number = len(self.models)
        field, wins = np.zeros((number, 2)), np.zeros((number, number))
        for place, model in enumerate(self.models):
            field[place] = _usable(sums, _alone(model), 2)
            for other, loser in enumerate(self.models):
                if other != place:
                    wins[place, other] = _usable(sums, _against(model, loser), 1)[0]
        games, wins = np.maximum(field[:, 0], 0.0), np.maximum(wins, 0.0)
        points = np.clip(field[:, 1], 0.0, games)
        scale = _MOST / max(_MOST, float(games.max()), float(wins.max()))
        return gained(self._start, self._variance, games * scale, points * scale, wins * scale)

    def estimate(self, context: Context, view: Doubles) -> Estimates:
        return Estimates(sigmoid(logit(self.priors.of(context.prompt)) + view))

    def preferred(self, utility: Doubles, estimates: Estimates) -> Doubles:
        return certain(utility)

    def learned(self, rewarded: Rewarded, prior: float) -> Sums:
        """A verdict counts as if the prompt had been a usual one: more than its quality if much was not expected."""
        weight = rewarded.weight
        if rewarded.over is not None:
            if rewarded.over not in self.models or rewarded.over == rewarded.arm:
                return NOTHING
            return Sums(rewarded.outcomes, {_against(rewarded.arm, rewarded.over): np.array([weight])})
        if rewarded.under is not None:
            return NOTHING  # the winner's `over` says it
        usual = float(self.usual[self.models.index(rewarded.arm)])
        points = rewarded.reward + weight * (usual - prior)
        return Sums(rewarded.outcomes, {_alone(rewarded.arm): np.array([weight, points])})


def gained(start: Doubles, variance: Doubles, games: Doubles, points: Doubles, wins: Doubles) -> Doubles:
    """[models]: what to add to the ratings `start` to make them the most probable ones, in log-odds, by Newton's
    method. `games` and `points` [models] are those against the field; `wins` [models, models] those of row over column,
    and `variance` [models] that of the sum a priori."""
    both = wins + wins.T
    found = np.zeros(len(start))
    for _ in range(_STEPS):
        rating = start + found
        alone, pair = sigmoid(rating), sigmoid(rating[:, None] - rating[None, :])
        gradient = points - games * alone + (wins - both * pair).sum(1) - found / variance
        linked = both * pair * (1 - pair)
        curvature = np.diag(1 / variance + games * alone * (1 - alone) + linked.sum(1)) - linked
        step = np.clip(np.linalg.solve(curvature, gradient), -_STRIDE, _STRIDE)
        found = found + step
        if np.abs(step).max() < _NEAR:
            break
    return found


def sigmoid(x: Doubles) -> Doubles:
    found: Doubles = 0.5 * (1 + np.tanh(x / 2))
    return found


def logit(quality: Doubles) -> Doubles:
    near = np.clip(quality, _EDGE, 1 - _EDGE)
    found: Doubles = np.log(near / (1 - near))
    return found


def _alone(model: str) -> str:
    return f"verdicts/{model}"


def _against(winner: str, loser: str) -> str:
    return f"over/{winner}>{loser}"


def _usable(sums: Sums, key: str, size: int) -> Doubles:
    found = sums.arrays.get(key)
    return found if found is not None and found.shape == (size,) and np.isfinite(found).all() else np.zeros(size)
