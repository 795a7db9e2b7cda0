"""`type: role`: what the request's key may be."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from pointsman.signals.base import FALSE, TRUE, Cost, LabelCount, Shape, Signal, SignalValue
from pointsman.signals.facts import Facts
from pointsman.signals.options import AnyOptions
from pointsman.signals.text import as_label


class RoleOptions(AnyOptions):
    type: Literal["role"]


class Role(Signal[RoleOptions]):
    Options = RoleOptions
    label_count = LabelCount.ANY
    cost = Cost.FREE

    def __init__(self, name: str, options: RoleOptions) -> None:
        super().__init__(name, options)
        self._roles = None if options.any is None else frozenset(options.any)

    @property
    def shape(self) -> Shape:
        return self.options.shape

    def evaluate(self, facts: Facts) -> SignalValue:
        if self._roles is not None:
            return FALSE if self._roles.isdisjoint(facts.roles) else TRUE
        return _labels(facts.roles)


@lru_cache(maxsize=1024)
def _labels(roles: frozenset[str]) -> SignalValue:
    return SignalValue(tuple(sorted(map(as_label, roles))))
