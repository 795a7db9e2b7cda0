"""What no section can know alone: names that must exist, and what is not safe together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_address
from urllib.parse import urlsplit

from pointsman.cache.categories import BUILT_IN, UNBENT
from pointsman.cache.sorting import Sorting, by_label
from pointsman.gateway.access.origin import Origins, is_loopback
from pointsman.gateway.document import Keys
from pointsman.gateway.policy import Build, Finding, Written
from pointsman.gateway.schema.access import AuthConfig, ServerConfig
from pointsman.gateway.schema.cache import CacheConfig
from pointsman.gateway.schema.decisions import CacheByConfig, DecisionConfig
from pointsman.gateway.schema.pools import Discover, PoolConfig
from pointsman.gateway.schema.running import JudgeConfig
from pointsman.gateway.wording import quoted
from pointsman.policies.conditions import used
from pointsman.policies.expr import KEYWORDS, SignalRef, references
from pointsman.policies.nearest import did_you_mean
from pointsman.signals.base import Shape, SignalOptions
from pointsman.signals.role import RoleOptions
from pointsman.signals.tenant import TenantOptions
from pointsman.signals.text import as_label

PROCEDURES = ("cascade", "parallel")
"""Selectors that ask several models for one answer."""

_UNENCRYPTED = "the pool's api_key is sent here without encryption; use https"
_PRIVATE_SUFFIXES = (
    "localhost",
    ".local",
    ".internal",
    ".svc",
    ".cluster.local",
    ".lan",
    ".home.arpa",
    ".test",
)


@dataclass(frozen=True, slots=True)
class Outline:
    """What can be read of a decision, right or not."""

    name: str | None
    when: str | None
    models: list[str]


@dataclass(frozen=True, slots=True)
class Sections:
    """Those parts of a file that are right in themselves; `names` has what is declared, right or not."""

    server: ServerConfig | None
    auth: AuthConfig | None
    has_auth: bool
    judge: JudgeConfig | None
    cache: CacheConfig | None
    tenants: list[str]
    aliases: list[str]
    pools: Mapping[str, PoolConfig]
    signals: Mapping[str, SignalOptions]
    conditions: Mapping[str, str]
    decisions: Mapping[Keys, DecisionConfig]
    outlines: Mapping[Keys, Outline]
    virtual: Collection[str]
    pool_names: Collection[str]
    signal_names: Collection[str]
    condition_names: Collection[str]
    category_names: Collection[str]


def cross_check(sections: Sections, built: Build) -> Iterator[Finding]:
    if sections.server is not None:
        yield from _listening(sections.server, sections.has_auth)
    yield from _aliases(sections)
    for name, pool in sections.pools.items():
        yield from _pool(name, pool)
    yield from _virtual(sections)
    yield from _reserved(sections)
    yield from _decision_names(sections.outlines)
    for keys, outline in sections.outlines.items():
        yield from _models(keys, outline, sections.pool_names)
    yield from _client_signals(sections)
    yield from _tenants(sections)
    yield from _judge(sections)
    yield from _cached(sections, built)
    if sections.cache is not None:
        yield from _categories(sections, sections.cache, built)
        yield from _groups(sections, sections.cache)
    for keys, decision in sections.decisions.items():
        yield from _slo(keys, decision)
        yield from _asked(keys, decision, sections.pool_names)
        yield from _reused(keys, decision, sections, built)


def _reused(keys: Keys, decision: DecisionConfig, sections: Sections, built: Build) -> Iterator[Finding]:
    reuse = decision.reuse
    if reuse is None:
        return
    for key, pools in (("from", reuse.sources), ("into", reuse.into)):
        for position, pool in enumerate(pools):
            place = (*keys, "reuse", key, position)
            if pool not in decision.models:
                hint = did_you_mean(pool, decision.models)
                yield Finding(f"{quoted(pool)} is none of the decision's `models`{hint}", place)
            elif key == "into" and pool in reuse.sources:
                yield Finding(f"{quoted(pool)} would learn from itself; it is in `from` already", place)
    written = {} if sections.cache is None else sections.cache.categories
    if all(name in written and not written[name].semantic for name in _names(decision, sections, built)):
        message = "examples are kept answers to similar questions; add `cache: true`, or a category that is `semantic`"
        yield Finding(message, (*keys, "reuse"), at_key=True)
    elif decision.select.by in PROCEDURES:
        message = f"with `{decision.select.by}` no model is shown examples; remove `reuse`, or select otherwise"
        yield Finding(message, (*keys, "reuse"), at_key=True, severity="warning")


def _asked(keys: Keys, decision: DecisionConfig, pools: Collection[str]) -> Iterator[Finding]:
    for below, pool in decision.select.asks().items():
        if pool not in pools:
            yield Finding(f"there is no pool {quoted(pool)}{did_you_mean(pool, pools)}", (*keys, "select", *below))


def _listening(server: ServerConfig, has_auth: bool) -> Iterator[Finding]:
    if not has_auth and not is_loopback(server.host):
        message = "without `auth` only loopback may be listened on; add auth.keys, or write host: 127.0.0.1"
        yield Finding(message, ("server", "host"))
    if server.control_port and server.control_port == server.port:
        message = "the control plane has the data plane's port already; write another one, or leave this out"
        yield Finding(message, ("server", "control_port"))
    try:
        Origins(server.cors, has_auth)
    except ValueError as error:
        yield Finding(str(error), ("server", "cors"))


def _aliases(sections: Sections) -> Iterator[Finding]:
    for index, alias in enumerate(sections.aliases):
        if alias in sections.pool_names:
            message = f"the alias hides the pool {quoted(alias)}: no request can name the pool"
            yield Finding(message, ("aliases", index), severity="warning")


def _pool(name: str, pool: PoolConfig) -> Iterator[Finding]:
    if pool.stale < pool.scrape:
        message = "`stale` is shorter than `scrape`, so the pool's load would never be known"
        yield Finding(message, ("pools", name, "stale"))
    for index, endpoint in enumerate(pool.endpoints):
        if pool.api_key and _is_readable_underway(endpoint.url):
            yield Finding(_UNENCRYPTED, ("pools", name, "endpoints", index), severity="warning")
    if pool.discover is not None:
        yield from _discovery(name, pool, pool.discover)


def _discovery(name: str, pool: PoolConfig, discover: Discover) -> Iterator[Finding]:
    if discover.kubernetes is not None and find_spec("kubernetes") is None:
        message = "Kubernetes needs its official client, which is not installed: pip install 'pointsman[kubernetes]'"
        yield Finding(message, ("pools", name, "discover", "kubernetes"), at_key=True)
    if pool.api_key and discover.dns is not None and _is_readable_underway(discover.dns):
        yield Finding(_UNENCRYPTED, ("pools", name, "discover", "dns"), severity="warning")


def _is_readable_underway(url: str) -> bool:
    return url.startswith("http://") and not _is_private(url)


def _is_private(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return is_loopback(host) or "." not in host or host.endswith(_PRIVATE_SUFFIXES)


def _virtual(sections: Sections) -> Iterator[Finding]:
    models = {pool.model for pool in sections.pools.values()}
    for name in sections.virtual:
        keys = ("virtual_models", name)
        if name in sections.aliases or name == "auto":
            message = f"{quoted(name)} is an alias already, which the main list routes; choose another name"
            yield Finding(message, keys, at_key=True)
        elif name in sections.pool_names or name in models:
            kind = "pool" if name in sections.pool_names else "model"
            message = f"the virtual model hides the {kind} {quoted(name)}: no request can name the {kind}"
            yield Finding(message, keys, at_key=True, severity="warning")


def _reserved(sections: Sections) -> Iterator[Finding]:
    names = [("signals", name) for name in sections.signal_names]
    for section, name in (*names, *(("conditions", name) for name in sections.condition_names)):
        if name in KEYWORDS:
            message = f"a {section[:-1]} cannot be named `{name}`, which means something else in conditions"
            yield Finding(message, (section, name), at_key=True)
        elif section == "conditions" and name in sections.signal_names:
            yield Finding(
                f"there is a signal {quoted(name)}, too; give each its own name", (section, name), at_key=True
            )


def _decision_names(decisions: Mapping[Keys, Outline]) -> Iterator[Finding]:
    seen: set[str] = set()
    for keys, decision in decisions.items():
        if decision.name in seen:
            message = f"there is a decision {quoted(decision.name)} already; give each its own name"
            yield Finding(message, (*keys, "name"))
        elif decision.name is not None:
            seen.add(decision.name)


def _models(keys: Keys, decision: Outline, pools: Collection[str]) -> Iterator[Finding]:
    for position, model in enumerate(decision.models):
        if model not in pools:
            message = f"there is no pool {quoted(model)}{did_you_mean(model[:64], pools)}"
            yield Finding(message, (*keys, "models", position))


def _judge(sections: Sections) -> Iterator[Finding]:
    judge = sections.judge
    if judge is None:
        return
    if judge.pool not in sections.pool_names:
        hint = did_you_mean(judge.pool, sections.pool_names)
        yield Finding(f"there is no pool {quoted(judge.pool)}{hint}", ("learning", "judge", "pool"))
    names = {outline.name for outline in sections.outlines.values() if outline.name is not None}
    for position, name in enumerate(judge.decisions or ()):
        if name not in names:
            message = f"there is no decision {quoted(name)}{did_you_mean(name[:64], names)}"
            yield Finding(message, ("learning", "judge", "decisions", position))


def _names(decision: DecisionConfig, sections: Sections, built: Build) -> list[str]:
    """The categories in which its answers may be."""
    cache = decision.cache
    if not isinstance(cache, CacheByConfig):
        return [] if cache is None else [cache]
    signal = built.signals.get(cache.by)
    labels = None if signal is None else signal.known_labels
    return Sorting(cache.default, cache.by, by_label(sections.category_names, labels)).names


def _cached(sections: Sections, built: Build) -> Iterator[Finding]:
    """Categories and signals that decisions name."""
    known = {*BUILT_IN, *sections.category_names}
    for keys, decision in sections.decisions.items():
        cache = decision.cache
        if cache is None:
            continue
        place: Keys = (*keys, "cache")
        if isinstance(cache, CacheByConfig):
            yield from _sorted(cache, (*place, "by"), sections, built)
            name, place = cache.default, (*place, "default")
        else:
            name = cache
        if name not in known:
            yield Finding(f"there is no cache category {quoted(name)}{did_you_mean(name, known)}", place)
        elif decision.respond is not None:
            message = "this decision answers itself, so nothing is cached; remove its `cache`"
            yield Finding(message, (*keys, "cache"), at_key=True, severity="warning")


def _sorted(cache: CacheByConfig, place: Keys, sections: Sections, built: Build) -> Iterator[Finding]:
    signal = built.signals.get(cache.by)
    if cache.by not in sections.signal_names:
        hint = did_you_mean(cache.by, sections.signal_names)
        yield Finding(f"there is no signal {quoted(cache.by)}{hint}", place)
    elif signal is not None and signal.shape is not Shape.LABEL:
        kind = "a number" if signal.shape is Shape.NUMBER else "true or false"
        yield Finding(f"{quoted(cache.by)} is {kind} and has no labels; name a signal that has", place)
    elif signal is not None and not by_label(sections.category_names, signal.known_labels):
        message = f"no category is named like a label of {quoted(cache.by)}, so all are {quoted(cache.default)}"
        yield Finding(message, place, severity="warning")


def _categories(sections: Sections, cache: CacheConfig, built: Build) -> Iterator[Finding]:
    used = {name for decision in sections.decisions.values() for name in _names(decision, sections, built)}
    told, place = 0.0, ("cache", "categories")
    for name, category in cache.categories.items():
        told += category.quota or 0.0
        if category.quota and told > 1.0 + 1e-9:
            message = f"with this the quotas are {told:.0%} together; all of the cache is 100%"
            yield Finding(message, (*place, name, "quota"))
        if name in UNBENT and (category.loosen.threshold or (category.loosen.ttl or 1.0) > 1.0):
            message = f"{quoted(name)} is not loosened: an old or a nearly right answer does harm there"
            yield Finding(message, (*place, name, "loosen"), at_key=True)
        judge = category.verify and category.verify.judge
        if judge and judge not in sections.pool_names:
            message = f"there is no pool {quoted(judge)}{did_you_mean(judge, sections.pool_names)}"
            yield Finding(message, (*place, name, "verify", "judge"))
        if name not in used and len(sections.decisions) == len(sections.outlines):
            message = f"no decision has `cache: {name}`, so this does nothing"
            yield Finding(message, (*place, name), at_key=True, severity="warning")
    without = sorted(name for name in used if not (name in cache.categories and cache.categories[name].quota))
    if without and told > 1.0 - 1e-9:
        message = f"the quotas leave nothing for {quoted(without[0])}, which has none; lower one"
        yield Finding(message, place, at_key=True)


def _groups(sections: Sections, cache: CacheConfig) -> Iterator[Finding]:
    seen: set[str] = set()
    known = {key.tenant for key in sections.auth.keys} if sections.auth else set()
    for number, group in enumerate(cache.share):
        place = ("cache", "share", number)
        if len(group) < 2:
            yield Finding("a group has at least two tenants", place)
        if not sections.has_auth:
            yield Finding("without `auth` no request has a tenant", place, severity="warning")
        for position, tenant in enumerate(group):
            if tenant in seen:
                message = f"{quoted(tenant)} is in a group already; a tenant has one at most"
                yield Finding(message, (*place, position))
            elif sections.auth is not None and tenant not in known:
                yield Finding(_no_key("tenant", tenant, known), (*place, position), severity="warning")
        seen.update(group)


def _client_signals(sections: Sections) -> Iterator[Finding]:
    """Signals about a tenant or role that no key has."""
    for name, options in sections.signals.items():
        if not isinstance(options, TenantOptions | RoleOptions):
            continue
        if not sections.has_auth:
            message = f"without `auth` no request has a {options.type}"
            yield Finding(message, ("signals", name), at_key=True, severity="warning")
        known = _known(options, sections.auth)
        for index, value in enumerate(options.any or ()):
            if sections.auth is not None and value not in known:
                message = _no_key(options.type, value, known)
                yield Finding(message, ("signals", name, "any", index), severity="warning")


def _tenants(sections: Sections) -> Iterator[Finding]:
    """Shares of a tenant that no key has."""
    known = {key.tenant for key in sections.auth.keys} if sections.auth else set()
    for name in sections.tenants:
        if not sections.has_auth:
            message = "without `auth` no request has a tenant"
            yield Finding(message, ("tenants", name), at_key=True, severity="warning")
        elif sections.auth is not None and name not in known:
            message = _no_key("tenant", name, known)
            yield Finding(message, ("tenants", name), at_key=True, severity="warning")


def _slo(keys: Keys, decision: DecisionConfig) -> Iterator[Finding]:
    if decision.slo is None:
        return
    if decision.respond is not None:
        message = "this decision answers itself, so nothing can be late; remove its `slo`"
        yield Finding(message, (*keys, "slo"), at_key=True, severity="warning")
    elif "miss" in decision.slo.model_fields_set and decision.slo.miss == "next" and len(decision.models) == 1:
        message = "there is no next model here: a request that would miss the `slo` is refused"
        yield Finding(message, (*keys, "slo", "miss"), severity="warning")


def unused_conditions(built: Build) -> Iterator[Finding]:
    names = {ref.name for written in built.written.values() for ref in used(written.expr, built.conditions)}
    for name in built.conditions:
        if name not in names:
            message = f"the condition {quoted(name)} is used nowhere"
            yield Finding(message, ("conditions", name), at_key=True, severity="warning")


def client_labels(sections: Sections, built: Build) -> Iterator[Finding]:
    """Conditions such as `role.premium` about what no key has, in a file without errors."""
    for keys, written in built.written.items():
        for ref in references(written.expr):
            if isinstance(ref, SignalRef) and ref.label is not None:
                yield from _client_label(ref, ref.label, keys, written, sections)


def _client_label(ref: SignalRef, label: str, keys: Keys, written: Written, sections: Sections) -> Iterator[Finding]:
    options = sections.signals[ref.name]
    if not isinstance(options, TenantOptions | RoleOptions) or sections.auth is None:
        return
    known = {as_label(name) for name in _known(options, sections.auth)}
    if label not in known:
        message = _no_key(options.type, label, known)
        yield written.found(message, keys, ref.label_place or ref.place, "warning")


def _known(options: TenantOptions | RoleOptions, auth: AuthConfig | None) -> set[str]:
    keys = auth.keys if auth else []
    if isinstance(options, TenantOptions):
        return {key.tenant for key in keys}
    return {role for key in keys for role in key.roles}


def _no_key(kind: str, value: str, known: set[str]) -> str:
    return f"no key in auth.keys has the {kind} {quoted(value)}{did_you_mean(value[:64], known)}"
