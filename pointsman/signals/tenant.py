"""`type: tenant`: whose key the request came with."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from pointsman.signals.base import FALSE, TRUE, UNKNOWN, Cost, Shape, Signal, SignalValue
from pointsman.signals.facts import Facts
from pointsman.signals.options import AnyOptions
from pointsman.signals.text import as_label


class TenantOptions(AnyOptions):
    type: Literal["tenant"]


class Tenant(Signal[TenantOptions]):
    Options = TenantOptions
    cost = Cost.FREE

    def __init__(self, name: str, options: TenantOptions) -> None:
        super().__init__(name, options)
        self._tenants = None if options.any is None else frozenset(options.any)

    @property
    def shape(self) -> Shape:
        return self.options.shape

    def evaluate(self, facts: Facts) -> SignalValue:
        if self._tenants is not None:
            return TRUE if facts.tenant in self._tenants else FALSE
        return UNKNOWN if facts.tenant is None else _label(facts.tenant)


@lru_cache(maxsize=1024)
def _label(tenant: str) -> SignalValue:
    return SignalValue(as_label(tenant))
