"""The YAML file as pydantic models. Loading and positions are in `gateway/config.py`.

A field's description is the one source of what its key means: a test compares it with the documentation."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
)

from pointsman.cache.categories import Category
from pointsman.cache.sorting import Sorting, by_label
from pointsman.gateway.schema.access import AdminConfig, AuthConfig, ServerConfig, TenantConfig
from pointsman.gateway.schema.cache import CacheConfig
from pointsman.gateway.schema.cases import CaseConfig
from pointsman.gateway.schema.decisions import CacheByConfig, DecisionConfig, Expression, VirtualModelConfig
from pointsman.gateway.schema.forms import Name, Section, SignalName, Text
from pointsman.gateway.schema.pools import PoolConfig
from pointsman.gateway.schema.running import EncoderConfig, LearningConfig, LogConfig
from pointsman.policies.types import Strategy
from pointsman.signals import registry
from pointsman.signals.registry import SignalConfig

VERSION = 1


def _version(version: object) -> object:
    if isinstance(version, bool) or version not in (VERSION, str(VERSION), f"{VERSION}.0"):
        raise ValueError(f"this pointsman reads version {VERSION} of the configuration; write version: {VERSION}")
    return VERSION


def _with_auto(aliases: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(["auto", *aliases]))


class Config(Section):
    version: Annotated[Literal[1], BeforeValidator(_version, json_schema_input_type=Literal[1, "1", "1.0"])]
    """Version of this file's form."""
    include: list[Text] = []
    """Further files that this one is made of; their paths begin where this file is."""
    server: ServerConfig = ServerConfig()
    """Where and how the gateway listens."""
    aliases: Annotated[list[Text], AfterValidator(_with_auto)] = ["auto"]
    """Names of models that mean "you choose"; `auto` always does."""
    auth: AuthConfig | None = None
    """API keys of clients; without it only loopback may be listened on."""
    tenants: dict[Name, TenantConfig] = {}
    """Shares and priorities of the tenants of `auth.keys`."""
    admin: AdminConfig = AdminConfig()
    """Who may use `/admin` and `/console`."""
    log: LogConfig = LogConfig()
    """What is logged, and where."""
    pools: dict[Name, PoolConfig] = Field(min_length=1)
    """Pools of servers by name, each with one model."""
    encoder: EncoderConfig = EncoderConfig()
    """What turns text into the vectors that neural signals read."""
    learning: LearningConfig = LearningConfig()
    """What selectors learn from, and how it is kept."""
    cache: CacheConfig = CacheConfig()
    """What is kept of answers, so that nearly the same question is not answered twice."""
    signals: dict[SignalName, SignalConfig] = {}
    """Signals by the name that conditions use."""
    conditions: dict[SignalName, Expression] = {}
    """Expressions by the name that other conditions use."""
    strategy: Strategy = "priority"
    """Which of the decisions that hold wins: the first (`priority`), or of the highest priority the surest
    (`confidence`)."""
    decisions: list[DecisionConfig] = []
    """Rules that route requests; the first that holds decides."""
    virtual_models: dict[Text, VirtualModelConfig] = {}
    """Names of models that have rules of their own."""
    tests: list[CaseConfig] = []
    """Requests and what is expected of them, for `pointsman test`."""

    @property
    def all_decisions(self) -> list[DecisionConfig]:
        """Those of the virtual models, too. Their names differ."""
        return [*self.decisions, *(d for virtual in self.virtual_models.values() for d in virtual.decisions)]

    @cached_property
    def cache_sortings(self) -> dict[str, Sorting]:
        """Of the decisions that cache, by their names. ValueError where a signal cannot be built."""
        return {d.name: self._sorting(d.cache) for d in self.all_decisions if d.cache is not None}

    def _sorting(self, cache: str | CacheByConfig) -> Sorting:
        if isinstance(cache, str):
            return Sorting(cache)
        labels = registry.build(cache.by, self.signals[cache.by]).known_labels
        return Sorting(cache.default, cache.by, by_label(self.cache.categories, labels))

    @property
    def cache_categories(self) -> dict[str, Category]:
        """Those that decisions use; without any nothing is cached."""
        used = dict.fromkeys(name for sorting in self.cache_sortings.values() for name in sorting.names)
        return self.cache.categories_of(list(used))
