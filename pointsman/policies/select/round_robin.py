"""Each of the listed models in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from pointsman.policies.select.base import SelectOptions, Selector
from pointsman.policies.types import Choice
from pointsman.signals.facts import PoolLoad

if TYPE_CHECKING:
    from random import Random


class RoundRobinOptions(SelectOptions):
    by: Literal["round_robin"]
    """Each model in turn."""


class RoundRobin(Selector[RoundRobinOptions]):
    """The propensity is the same for every model, because a turn does not depend on what a request says."""

    Options = RoundRobinOptions

    def __init__(self, options: RoundRobinOptions, models: Sequence[str]) -> None:
        super().__init__(options, models)
        self._turns = [self._rotated(turn) for turn in range(len(self.models))]
        self._next = 0

    def _rotated(self, turn: int) -> Choice:
        models = self.models
        return Choice(
            models[turn:] + models[:turn],
            by="round_robin",
            propensity=1 / len(models),
            reason=f"turn {turn + 1} of {len(models)}",
        )

    def choose(self, loads: Callable[[str], PoolLoad], random: Random) -> Choice:
        choice = self._turns[self._next]
        self._next = (self._next + 1) % len(self._turns)
        return choice

    def greedy(self, loads: Callable[[str], PoolLoad]) -> Choice:
        """Whose turn it is; it stays its turn."""
        return self._turns[self._next]
