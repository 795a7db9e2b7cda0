"""The first of the listed models that can serve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from pointsman.policies.select.base import SelectOptions, Selector
from pointsman.policies.types import Choice
from pointsman.signals.facts import PoolLoad

if TYPE_CHECKING:
    from random import Random


class StaticOptions(SelectOptions):
    by: Literal["static"] = "static"
    """Always the same order."""


class Static(Selector[StaticOptions]):
    Options = StaticOptions

    def __init__(self, options: StaticOptions, models: Sequence[str]) -> None:
        super().__init__(options, models)
        self._choice = Choice(self.models, by="static", reason="first of the listed models")

    def choose(self, loads: Callable[[str], PoolLoad], random: Random) -> Choice:
        return self._choice

    def greedy(self, loads: Callable[[str], PoolLoad]) -> Choice:
        return self._choice
