from __future__ import annotations

from random import Random

from pointsman.policies.select.static import Static, StaticOptions
from pointsman.signals.facts import PoolLoad


def test_the_order_is_the_files_whatever_the_load():
    selector = Static(StaticOptions(), ["small", "large", "spare"])
    choice = selector.choose(lambda name: PoolLoad(load=2.0, healthy=False), Random(1))
    assert choice.pools == ("small", "large", "spare")
    assert (choice.by, choice.propensity, choice.reason) == ("static", 1.0, "first of the listed models")
    assert selector.greedy(lambda name: PoolLoad()) == choice
