"""Signals and pools that no decision needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pointsman.policies.analyse.finding import Finding, code, listed
from pointsman.policies.analyse.model import Model
from pointsman.policies.expr import SignalRef, references


def unused_signals(model: Model, signals: Collection[str]) -> Iterator[Finding]:
    used = {ref.name for d in model.decisions for ref in references(d.when) if isinstance(ref, SignalRef)}
    for name in signals:
        if name not in used:
            yield Finding("warning", f"signal {code(name)} is used by no decision", signal=name)


def unrouted_pools(model: Model, pools: Collection[str]) -> Iterator[Finding]:
    listing: dict[str, list[str]] = {}
    reached: set[str] = set()
    for decision, is_reached in zip(model.decisions, model.is_reached, strict=True):
        for pool in decision.models:
            listing.setdefault(pool, []).append(decision.name)
        if is_reached:
            reached.update(decision.models)
            reached.update(decision.selector.options.asks().values() if decision.selector else ())
    for name in pools:
        if name not in reached:
            where = (
                f"only in decisions that never win ({listed(listing[name])})" if name in listing else "in no decision"
            )
            message = f"pool {code(name)} is {where}; only requests that name it or its model reach it"
            yield Finding("info", message, pool=name)
