"""Everything that one version of the configuration means. A reload builds a new one and swaps it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pointsman.gateway.access.keys import KeyRing
from pointsman.gateway.access.origin import Origins
from pointsman.gateway.errors import ModelNotFound, NotFound
from pointsman.gateway.pools.claim import Priority, Standing
from pointsman.gateway.pools.paths import upstream_path
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.relay.hedge import HedgeRule
from pointsman.gateway.schema import Config, Slo
from pointsman.policies.decide import Policy
from pointsman.policies.nearest import did_you_mean
from pointsman.signals.base import Signal
from pointsman.signals.facts import PoolLoad


@dataclass(frozen=True, slots=True)
class Runtime:
    config: Config
    signals: Mapping[str, Signal[Any]]
    policy: Policy
    guarded: bool  # some decision answers itself: requests that name a pool are held against the policy, too
    pools: Mapping[str, Pool]
    models: Mapping[str, tuple[Pool, ...]]  # by pool name and by model name
    tenants: Mapping[str | None, Standing]  # those that the configuration names
    slos: Mapping[str, Slo]  # by decision
    hedges: Mapping[str, HedgeRule]  # by decision
    keys: KeyRing | None
    admin: KeyRing | None
    origins: Origins
    admin_origins: Origins

    def load(self, pool: str) -> PoolLoad:
        return self.pools[pool].snapshot()

    def is_alias(self, model: str | None) -> bool:
        return model is None or model in self.config.aliases

    def named(self, model: str) -> tuple[Pool, ...]:
        """The pools that serve what the request names."""
        pools = self.models.get(model)
        if pools is None:
            raise self.unknown(model)
        return pools

    def unknown(self, model: str) -> ModelNotFound:
        hint = did_you_mean(model[:128], [*self.models, *self.config.aliases])
        return ModelNotFound(
            f"The model {model[:128]!r} does not exist here{hint}. GET /v1/models lists what does.", param="model"
        )

    def listing(self, path: str) -> tuple[Pool, ...]:
        """The pools that take a path (below /v1) that is passed through by bytes."""
        pools = () if _climbs(path) else self._taking(path)
        if not pools:
            raise NotFound(f"No pool takes {shown(path)}. List it in the `paths` of a pool that does.")
        return pools

    def _taking(self, path: str) -> tuple[Pool, ...]:
        return tuple(pool for pool in self.pools.values() if upstream_path(pool.config, path) is not None)


def shown(path: str) -> str:
    return f"/v1{path}"[:128]


def _climbs(path: str) -> bool:
    """An upstream may resolve `..` and so leave what its pool lists."""
    return not {".", ".."}.isdisjoint(unquote(path).replace("\\", "/").split("/"))


def standings(config: Config) -> dict[str | None, Standing]:
    return {name: Standing(t.weight, Priority[t.priority.upper()]) for name, t in config.tenants.items()}


def hedges(config: Config) -> dict[str, HedgeRule]:
    return {decision.name: HedgeRule.of(decision.hedge) for decision in config.decisions if decision.hedge is not None}


def model_names(pools: Mapping[str, Pool]) -> dict[str, tuple[Pool, ...]]:
    """A pool's name wins over an equal model name."""
    names: dict[str, tuple[Pool, ...]] = {}
    for pool in pools.values():
        names[pool.config.model] = (*names.get(pool.config.model, ()), pool)
    return names | {name: (pool,) for name, pool in pools.items()}
