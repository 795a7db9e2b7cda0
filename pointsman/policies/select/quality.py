"""How good an answer each model is expected to give to a prompt, before anything was learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pointsman.policies.select.context import Candidate, Doubles

if TYPE_CHECKING:
    from pointsman.signals.prompt import Prompt

DEFAULT = "default"
_LEAST, _MOST = 0.5, 0.75
"""Assumed of models whose quality nobody stated: of the cheapest and the dearest, or else of the last and the first."""
_TYPICAL_NEED = 0.33
_TYPICAL_DIFFICULTY = 0.49
"""Means over ordinary traffic: where the stated qualities hold as they are."""


class Priors:
    """The better-rated model's lead grows with the prompt's need, from nothing to all."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        assumed = _assumed(candidates)
        self._base = np.array(
            [c.quality.get(DEFAULT, other) for c, other in zip(candidates, assumed, strict=True)], np.float64
        )
        self._labels = [{k: v for k, v in c.quality.items() if k != DEFAULT} for c in candidates]
        self._labelled = any(self._labels)

    def of(self, prompt: Prompt | None) -> Doubles:
        """[models], in [0, 1]"""
        if prompt is None:
            return self._base
        base = self._in_domain(prompt.domains) if self._labelled else self._base
        best, least = float(base.max()), float(base.min())
        top = max(0.0, 1 - (1 - best) * prompt.difficulty / _TYPICAL_DIFFICULTY)
        if best == least:
            return np.full(len(base), top)
        lead = 1 - (1 - (best - least)) ** (prompt.need / _TYPICAL_NEED)
        behind: Doubles = (best - base) / (best - least)
        found: Doubles = max(top, lead) - behind * lead
        return found

    def _in_domain(self, domains: Mapping[str, float]) -> Doubles:
        found = self._base.copy()
        for place, labels in enumerate(self._labels):
            for label, quality in labels.items():
                found[place] += domains.get(label, 0.0) * (quality - self._base[place])
        return found


def _assumed(candidates: Sequence[Candidate]) -> list[float]:
    prices = [c.input_price + c.output_price for c in candidates]
    worth = prices if len(set(prices)) > 1 else [float(-place) for place in range(len(candidates))]
    ranks = {value: rank for rank, value in enumerate(sorted(set(worth)))}
    last = max(len(ranks) - 1, 1)
    return [_LEAST + (_MOST - _LEAST) * ranks[value] / last if len(ranks) > 1 else _MOST for value in worth]
