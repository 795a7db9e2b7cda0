"""Everything that one version of the configuration means. A reload builds a new one and swaps it in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from pointsman.cache.examples import Reuse
from pointsman.cache.sorting import Sorting
from pointsman.gateway.access.keys import KeyRing
from pointsman.gateway.access.origin import Origins
from pointsman.gateway.caching.service import Caching
from pointsman.gateway.errors import ModelNotFound, NotFound
from pointsman.gateway.fingerprint import Fingerprints
from pointsman.gateway.learning.learner import Learner
from pointsman.gateway.policy import Policies
from pointsman.gateway.pools.claim import Priority, Standing
from pointsman.gateway.pools.fleet import fleet
from pointsman.gateway.pools.paths import upstream_path
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.relay.hedge import HedgeRule
from pointsman.gateway.schema.config import Config
from pointsman.gateway.schema.decisions import Slo
from pointsman.policies.decide import Policy
from pointsman.policies.expr import PoolRef, references
from pointsman.policies.nearest import did_you_mean
from pointsman.policies.select.context import Fleet, Forecast
from pointsman.policies.types import Decision
from pointsman.signals.base import Signal
from pointsman.signals.encoder.batcher import Batcher
from pointsman.signals.facts import PoolLoad


@dataclass(frozen=True, slots=True)
class Runtime:
    config: Config
    signals: Mapping[str, Signal[Any]]
    policy: Policy
    virtual: Mapping[str, Policy]  # the decisions of virtual models, by their names
    guards: Policy | None  # as much of `policy` as its own answers depend on, for requests that it does not route
    encoder: Batcher | None  # if some signal is neural, or a selector reads prompts
    pools: Mapping[str, Pool]
    models: Mapping[str, tuple[Pool, ...]]  # by pool name and by model name
    tenants: Mapping[str | None, Standing]  # those that the configuration names
    slos: Mapping[str, Slo]  # by decision
    hedges: Mapping[str, HedgeRule]  # by decision
    keys: KeyRing | None
    admin: KeyRing | None
    origins: Origins
    admin_origins: Origins
    declared: Fingerprints | None = None
    learner: Learner = field(default_factory=Learner)
    caching: Caching | None = None  # if some decision caches
    caches: Mapping[str, Sorting] = field(default_factory=dict)  # into categories, by decision
    reuses: Mapping[str, Reuse] = field(default_factory=dict)  # by decision
    pools_read: frozenset[str] = field(init=False)  # whose states conditions ask for

    def __post_init__(self) -> None:
        object.__setattr__(self, "pools_read", _pools_read((self.policy, *self.virtual.values())))

    @property
    def digest(self) -> str:
        """What names the configuration in headers, logs and metrics."""
        return self.declared.config if self.declared else ""

    def under(
        self, config: Config, policies: Policies, encoder: Batcher | None, declared: Fingerprints | None
    ) -> Runtime:
        """With other rules over the same pools, and all else as it is: `config` may differ in no other section."""
        return replace(
            self,
            config=config,
            signals=policies.signals,
            policy=policies.main,
            virtual=policies.virtual,
            guards=policies.main.guards(),
            encoder=encoder,
            slos=slos(config),
            hedges=hedges(config),
            caches=config.cache_sortings,
            reuses=reuses(config),
            declared=declared,
        )

    def decisions(self) -> list[Decision]:
        """Those of the virtual models, too."""
        return [decision for policy in (self.policy, *self.virtual.values()) for decision in policy.decisions]

    def load(self, pool: str) -> PoolLoad:
        return self.pools[pool].snapshot()

    def forecast(self, pool: str) -> Forecast:
        return self.pools[pool].forecast()

    def fleet(self, pools: Sequence[str], prompt_tokens: int) -> Fleet:
        return fleet([self.pools[name] for name in pools], prompt_tokens)

    def budget(self, tenant: str | None) -> float | None:
        """USD that one of its requests should cost at most."""
        standing = self.tenants.get(tenant)
        return None if standing is None else standing.max_cost

    def is_alias(self, model: str | None) -> bool:
        """Whether decisions choose for it."""
        return model is None or model in self.config.aliases or model in self.virtual

    def guards_of(self, model: str | None) -> Policy | None:
        """Whose answers come before what `model` asks for; none where the main list decides itself."""
        if model is not None and model in self.virtual:
            return self.guards if self.config.virtual_models[model].guards else None
        return None if self.is_alias(model) else self.guards

    def decides(self, model: str | None) -> bool:
        """Whether a request for it is held against any conditions."""
        return self.is_alias(model) or self.guards is not None

    def named(self, model: str) -> tuple[Pool, ...]:
        """The pools that serve what the request names."""
        pools = self.models.get(model)
        if pools is None:
            raise self.unknown(model)
        return pools

    def unknown(self, model: str) -> ModelNotFound:
        hint = did_you_mean(model[:128], [*self.models, *self.config.aliases, *self.virtual])
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


class Loads(dict[str, PoolLoad]):
    """The pools' states for one request. It holds those that conditions read, each as it was when first asked for."""

    __slots__ = ("_load", "_read")

    def __init__(self, load: Callable[[str], PoolLoad], read: frozenset[str]) -> None:
        self._load, self._read = load, read

    def __missing__(self, pool: str) -> PoolLoad:
        load = self._load(pool)
        if pool in self._read:
            self[pool] = load
        return load


def _pools_read(policies: Iterable[Policy]) -> frozenset[str]:
    conditions = [decision.when for policy in policies for decision in policy.decisions]
    return frozenset(ref.pool for when in conditions for ref in references(when) if isinstance(ref, PoolRef))


def shown(path: str) -> str:
    return f"/v1{path}"[:128]


def _climbs(path: str) -> bool:
    """An upstream may resolve `..` and so leave what its pool lists."""
    return not {".", ".."}.isdisjoint(unquote(path).replace("\\", "/").split("/"))


def standings(config: Config) -> dict[str | None, Standing]:
    return {name: Standing(t.weight, Priority[t.priority.upper()], t.max_cost) for name, t in config.tenants.items()}


def slos(config: Config) -> dict[str, Slo]:
    return {decision.name: decision.slo for decision in config.all_decisions if decision.slo is not None}


def hedges(config: Config) -> dict[str, HedgeRule]:
    return {
        decision.name: HedgeRule.of(decision.hedge) for decision in config.all_decisions if decision.hedge is not None
    }


def reuses(config: Config) -> dict[str, Reuse]:
    return {d.name: d.reuse.rule for d in config.all_decisions if d.reuse is not None}


def model_names(pools: Mapping[str, Pool]) -> dict[str, tuple[Pool, ...]]:
    """A pool's name wins over an equal model name."""
    names: dict[str, tuple[Pool, ...]] = {}
    for pool in pools.values():
        names[pool.config.model] = (*names.get(pool.config.model, ()), pool)
    return names | {name: (pool,) for name, pool in pools.items()}
