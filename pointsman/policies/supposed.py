"""A request as it would be if some of its values were different."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

from pointsman.policies.alternatives import Variable
from pointsman.policies.expr import PoolRef, SignalRef
from pointsman.policies.why import Scene
from pointsman.signals.base import SignalValue, Value
from pointsman.signals.derived import Derived
from pointsman.signals.facts import PoolLoad


class Supposed:
    """The scene with some values changed: readings, and pools."""

    def __init__(self, scene: Scene, changes: Mapping[Variable, Value], made_of: Mapping[str, Collection[str]]) -> None:
        self._scene = scene
        self._values = {ref.name: SignalValue(value) for ref, value in changes.items() if isinstance(ref, SignalRef)}
        self._stale = {name for name, inputs in made_of.items() if not self._values.keys().isdisjoint(inputs)}
        self._loads: dict[str, PoolLoad] = {}
        for ref, value in changes.items():
            if isinstance(ref, PoolRef):
                self._loads[ref.pool] = self.pools(ref.pool)._replace(**{ref.field: cast(Any, value)})

    def __getitem__(self, name: str) -> SignalValue:
        if name not in self._values:
            if name not in self._stale:
                return self._scene.values[name]
            signal = self._scene.signals[name]
            assert isinstance(signal, Derived)
            self._values[name] = signal.combine(self.__getitem__)
        return self._values[name]

    def pools(self, name: str) -> PoolLoad:
        return self._loads[name] if name in self._loads else self._scene.pools(name)


def made_of(scene: Scene) -> dict[str, frozenset[str]]:
    """All that each derived signal depends on."""
    direct = {n: [i.name for i in s.inputs] for n, s in scene.signals.items() if isinstance(s, Derived)}

    def depends(name: str) -> frozenset[str]:
        return frozenset(direct.get(name, ())).union(*(depends(i) for i in direct.get(name, ())))

    return {name: depends(name) for name in direct}
