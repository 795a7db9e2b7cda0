"""Each of the listed models in turn; a session keeps the one that it began with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal
from zlib import crc32

from pointsman.policies.select.base import SelectOptions, Selector
from pointsman.policies.select.context import Candidate, Context
from pointsman.policies.types import Choice

if TYPE_CHECKING:
    from random import Random


class RoundRobinOptions(SelectOptions):
    by: Literal["round_robin"]
    """Each model in turn."""


class RoundRobin(Selector[RoundRobinOptions]):
    """The propensity is the same for every model, because a turn does not depend on what a request says."""

    Options = RoundRobinOptions

    def __init__(self, options: RoundRobinOptions, candidates: Sequence[Candidate]) -> None:
        super().__init__(options, candidates)
        self._turns = [self._rotated(turn) for turn in range(len(self.models))]

    def _rotated(self, turn: int) -> Choice:
        models = self.models
        return Choice(
            models[turn:] + models[:turn],
            by="round_robin",
            propensity=1 / len(models),
            reason=f"turn {turn + 1} of {len(models)}",
            shares=dict.fromkeys(models, 1 / len(models)),
        )

    def choose(self, context: Context, view: None, random: Random | None) -> Choice:
        session = context.facts.session
        turn = context.turn if session is None else crc32(session.encode("utf-8", "surrogatepass"))
        return self._turns[turn % len(self._turns)]
