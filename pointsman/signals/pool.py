"""`pool.NAME.load` and its like: signals that are always there, read from `Facts.pools`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pointsman.signals.base import COUNT, Numbers, Shape

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

POOL_NUMBERS: Mapping[str, Numbers] = MappingProxyType(
    {"load": Numbers(least=0), "queue": COUNT, "inflight": COUNT, "kv": Numbers(least=0, most=1)}
)

ALWAYS_KNOWN = frozenset({"inflight", "healthy"})
"""The fields that are never None."""
