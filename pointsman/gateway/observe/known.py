"""The values that labels may have: those of the loaded configuration, and of fixed lists."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from pointsman.gateway import errors
from pointsman.gateway.observe.families import NONE, OTHER
from pointsman.gateway.observe.outcome import (
    ErrorSource,
    Flown,
    Judged,
    Labelled,
    Opined,
    PanelEnding,
    Phase,
    Refused,
    Result,
    Skipped,
    Stage,
    Uncached,
)
from pointsman.gateway.pools.claim import Priority
from pointsman.gateway.pools.events import Denial
from pointsman.policies.accept import TESTS
from pointsman.policies.cascade import Verdict
from pointsman.policies.outcome import Source
from pointsman.policies.types import EXPLICIT
from pointsman.signals.base import Value
from pointsman.signals.facts import Route

STATUSES = {int(s): str(int(s)) for s in HTTPStatus} | {499: "499", 529: "529"}


@dataclass(frozen=True, slots=True)
class Known:
    """The names of the loaded configuration: no other ever becomes a label."""

    decisions: Collection[str] = ()
    pools: Collection[str] = ()
    models: Collection[str] = ()  # as the upstreams call them
    endpoints: Collection[str] = ()
    signals: Mapping[str, Collection[str]] = field(default_factory=dict)  # to their known labels
    selectors: Collection[str] = ()
    categories: Collection[str] = ()
    candidates: Collection[str] = ()  # decisions of the candidate


def _codes(error: type[errors.RequestError]) -> Iterator[str]:
    yield error.code or OTHER
    for child in error.__subclasses__():
        yield from _codes(child)


_FIXED: dict[str, frozenset[str]] = {
    "route": frozenset(Route),
    "status": frozenset(STATUSES.values()) | {f"{n}xx" for n in range(1, 6)},
    "source": frozenset(ErrorSource) | frozenset(Source) | frozenset(Labelled),
    "phase": frozenset(Phase),
    "stage": frozenset(Stage),
    "direction": frozenset({"prompt", "completion", "cached"}),
    "result": frozenset(Result)
    | frozenset(Judged)
    | frozenset(Opined)
    | frozenset(Flown)
    | {"hit", "exact", "miss", "bypass", "success", "failure", "won", "lost"}
    | {"recorded", "unchanged", "unknown", "invalid", "given", "withheld"},
    "verdict": frozenset(Verdict) | {"right", "wrong"},
    "ending": frozenset(PanelEnding),
    "test": frozenset(TESTS),
    "priority": frozenset(priority.label for priority in Priority),
    "role": frozenset({"live", "canary"}),
    "bound": frozenset({"estimate", "low", "high"}),
    "kind": frozenset({"retry", "failover", "hedge"}),
    "reason": frozenset((*Refused, *Denial, *Skipped, *Uncached, "busy", "late", "failed")),
}
_VALUES = frozenset({"true", "false", "unknown", "number"})


def words(known: Known) -> dict[str, frozenset[str]]:
    labels = (label for labels in known.signals.values() for label in labels)
    return _FIXED | {
        "code": frozenset(_codes(errors.RequestError)),  # of every error that was defined until now
        "decision": frozenset(known.decisions) | {EXPLICIT},
        "pool": frozenset(known.pools),
        "model": frozenset(known.models),
        "endpoint": frozenset(known.endpoints),
        "signal": frozenset(known.signals),
        "value": _VALUES.union(labels),
        "by": frozenset(known.selectors) | {EXPLICIT},
        "category": frozenset(known.categories),
        "candidate": frozenset(known.candidates) | {EXPLICIT},
    }


def status_word(status: int) -> str:
    return STATUSES.get(status) or f"{status // 100}xx"


def value_words(value: Value) -> tuple[str, ...]:
    if value is True:
        return ("true",)
    if value is False:
        return ("false",)
    if value is None:
        return ("unknown",)
    if isinstance(value, str):
        return (value,)
    return value or (NONE,) if isinstance(value, tuple) else ("number",)
