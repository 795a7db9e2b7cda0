"""`type: tenant`: whose key the request came with."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pointsman.signals.base import FALSE, TRUE, UNKNOWN, Cost, Shape, Signal, SignalOptions, SignalValue
from pointsman.signals.facts import Facts
from pointsman.signals.options import Text
from pointsman.signals.text import as_label


class TenantOptions(SignalOptions):
    type: Literal["tenant"]
    any: list[Text] | None = Field(None, min_length=1)


class Tenant(Signal[TenantOptions]):
    Options = TenantOptions
    cost = Cost.FREE

    @property
    def shape(self) -> Shape:
        return Shape.LABEL if self.options.any is None else Shape.BOOL

    def evaluate(self, facts: Facts) -> SignalValue:
        if self.options.any is not None:
            return TRUE if facts.tenant in self.options.any else FALSE
        return UNKNOWN if facts.tenant is None else SignalValue(as_label(facts.tenant))
