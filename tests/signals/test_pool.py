from __future__ import annotations

from pointsman.signals.base import Shape
from pointsman.signals.facts import PoolLoad
from pointsman.signals.pool import POOL_FIELDS


def test_the_names_are_frozen() -> None:
    number, boolean = Shape.NUMBER, Shape.BOOL
    shapes = {"load": number, "queue": number, "inflight": number, "kv": number, "healthy": boolean}
    assert shapes == POOL_FIELDS
    assert set(PoolLoad._fields) == set(shapes)
