"""The first of the listed models that can serve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pointsman.policies.select.base import SelectOptions, Selector
from pointsman.policies.select.context import Candidate, Context
from pointsman.policies.types import Choice

if TYPE_CHECKING:
    from random import Random


class StaticOptions(SelectOptions):
    by: Literal["static"] = "static"
    """Always the same order."""


class Static(Selector[StaticOptions]):
    Options = StaticOptions
    plain = True

    def __init__(self, options: StaticOptions, candidates: Sequence[Candidate]) -> None:
        super().__init__(options, candidates)
        self._choice = Choice(self.models, by="static", reason="first of the listed models")

    def choose(self, context: Context, view: None, random: Random | None) -> Choice:
        return self._choice
