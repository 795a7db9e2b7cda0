"""What a request is looked up as."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pointsman.cache.categories import Category
from pointsman.cache.entry import Query
from pointsman.cache.scope import NoScope
from pointsman.gateway.caching.said import Said, parts_of
from pointsman.gateway.observe.outcome import Uncached
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.wire.inbound import Inbound
from pointsman.signals.facts import Facts

if TYPE_CHECKING:
    from pointsman.gateway.caching.service import Caching


def query_of(
    caching: Caching,
    category: Category,
    inbound: Inbound,
    facts: Facts,
    said: Said,
    candidates: Sequence[str],
    epoch: str,
    now: float,
) -> Query | Uncached:
    """`candidates` are the pools with the models that they serve. Uncached if there is no scope that it belongs to."""
    user = _user(inbound, facts)
    if category.private and user is None:
        return Uncached.ANONYMOUS
    owner = caching.owner(facts.tenant, user if category.private else None)
    epoch += "+" if category.volatile else ""  # what was kept while it was is not told after
    parts = parts_of(inbound, said, owner=owner, category=category.name, candidates=candidates, epoch=epoch)
    try:
        scope, exact = caching.key.scoped(parts, said.text)
    except NoScope:
        return Uncached.UNREADABLE
    asker = caching.key.asker(f"{facts.tenant}\0{user}") if category.askers > 1 else None
    return Query(scope, exact, category.name, said.text, now, asker)


def candidates_of(runtime: Runtime, pools: Iterable[str]) -> list[str]:
    return [f"{name} {runtime.pools[name].config.model}" for name in pools]


def epoch_of(runtime: Runtime) -> str:
    """Vectors of another encoder say nothing about these."""
    return runtime.declared.encoder if runtime.declared else ""


def _user(inbound: Inbound, facts: Facts) -> str | None:
    """As the client's own body names him; Anthropic's has `metadata.user_id`."""
    body = inbound.body
    metadata = body.get("metadata")
    names = (
        body.get("safety_identifier"),
        body.get("user"),
        metadata.get("user_id") if isinstance(metadata, dict) else None,
    )
    return next((name for name in names if isinstance(name, str) and name), facts.session)
