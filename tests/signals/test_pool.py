from __future__ import annotations

from dataclasses import fields

import pytest

from pointsman.signals.base import Shape
from pointsman.signals.facts import Facts, PoolLoad, Route
from pointsman.signals.pool import POOL_FIELDS, pool_value

LOADS = {"small": PoolLoad(load=0.5, queue=0, inflight=3, kv=0.25, healthy=True), "away": PoolLoad(healthy=False)}
FACTS = Facts(Route.CHAT, pools=LOADS.__getitem__)


@pytest.mark.parametrize(
    ("pool", "field", "value"),
    [
        ("small", "load", 0.5),
        ("small", "queue", 0),
        ("small", "inflight", 3),
        ("small", "kv", 0.25),
        ("small", "healthy", True),
        ("away", "load", None),
        ("away", "healthy", False),
    ],
)
def test_value(pool: str, field: str, value: object) -> None:
    found = pool_value(FACTS, pool, field).value
    assert (found, type(found)) == (value, type(value))


def test_the_names_are_frozen() -> None:
    number, boolean = Shape.NUMBER, Shape.BOOL
    shapes = {"load": number, "queue": number, "inflight": number, "kv": number, "healthy": boolean}
    assert shapes == POOL_FIELDS
    assert {f.name for f in fields(PoolLoad)} == set(shapes)


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(KeyError):
        pool_value(FACTS, "small", "temperature")
