"""`pool.NAME.load` and its like: signals that are always there, read from `Facts.pools`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pointsman.signals.base import FALSE, TRUE, UNKNOWN, Shape, SignalValue
from pointsman.signals.facts import Facts

POOL_FIELDS: Mapping[str, Shape] = MappingProxyType(
    {
        "load": Shape.NUMBER,
        "queue": Shape.NUMBER,
        "inflight": Shape.NUMBER,
        "kv": Shape.NUMBER,
        "healthy": Shape.BOOL,
    }
)
"""The fields of `PoolLoad`, and what `when:` may do with each."""


def pool_value(facts: Facts, pool: str, field: str) -> SignalValue:
    """KeyError for a field that is not one of `POOL_FIELDS`."""
    shape = POOL_FIELDS[field]
    value = getattr(facts.pools(pool), field)
    if value is None:
        return UNKNOWN
    if shape is Shape.BOOL:
        return TRUE if value else FALSE
    return SignalValue(value)
