"""`type: role`: what the request's key may be."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pointsman.signals.base import FALSE, TRUE, Cost, Shape, Signal, SignalOptions, SignalValue
from pointsman.signals.facts import Facts
from pointsman.signals.options import Text
from pointsman.signals.text import as_label


class RoleOptions(SignalOptions):
    type: Literal["role"]
    any: list[Text] | None = Field(None, min_length=1)


class Role(Signal[RoleOptions]):
    Options = RoleOptions
    cost = Cost.FREE

    @property
    def shape(self) -> Shape:
        return Shape.LABEL if self.options.any is None else Shape.BOOL

    def evaluate(self, facts: Facts) -> SignalValue:
        if self.options.any is not None:
            return FALSE if facts.roles.isdisjoint(self.options.any) else TRUE
        return SignalValue(tuple(sorted(map(as_label, facts.roles))))
