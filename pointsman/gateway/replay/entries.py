"""An entry of the decision log as replaying reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from pointsman.gateway.errors import ModelNotFound, NoRoute
from pointsman.gateway.observe.entry import VERSION
from pointsman.gateway.observe.outcome import Usage
from pointsman.signals.facts import Route

Form: TypeAlias = Mapping[str, Any]
T = TypeVar("T")

UNDECIDED: Mapping[str, str] = {error.code: f"{error.status} {error.code}" for error in (NoRoute, ModelNotFound)}
"""What stands for a decision where there was none; no decision's name has a space."""


@dataclass(slots=True)
class Entry:
    id: str
    time: datetime
    route: Route
    tenant: str | None
    config: str | None
    decided: str | None  # the decision or one of `UNDECIDED`; None: the request did not come so far
    facts: Form
    signals: Form
    pools: Form
    candidates: Sequence[str]
    asked: str | None  # the pool that was asked first
    answered: str | None  # the pool that answered, or was asked last
    usage: Usage | None
    cost: float  # USD
    messages: Sequence[Form] | None


def read_entry(form: Form) -> Entry:
    """ValueError for what is no entry."""
    if form.get("v") != VERSION:
        raise ValueError("another version")
    facts = _optional(form, "facts", dict) or {}
    if facts:
        _needed(facts, "bytes", int)
        _needed(facts, "prompt_tokens", int)
    choice, attempts, cost = _optional(form, "choice", dict), _optional(form, "attempts", list), form.get("cost_usd")
    answered = choice.get("pool") if choice else None
    first = attempts[0] if attempts else None
    asked = first.get("pool") if isinstance(first, dict) else answered
    return Entry(
        id=_needed(form, "id", str),
        time=_time(_needed(form, "time", str)),
        route=Route(_needed(form, "route", str)),
        tenant=_optional(form, "tenant", str),
        config=_optional(form, "config", str),
        decided=_decided(form),
        facts=facts,
        signals=_optional(form, "signals", dict) or {},
        pools=_optional(form, "pools", dict) or {},
        candidates=_list(form, "candidates", str) or (),
        asked=asked if isinstance(asked, str) else None,
        answered=answered if isinstance(answered, str) else None,
        usage=_usage(_optional(form, "usage", dict)),
        cost=float(cost) if isinstance(cost, int | float) else 0.0,
        messages=_list(form, "messages", dict),
    )


def _decided(form: Form) -> str | None:
    decision, error = _optional(form, "decision", str), _optional(form, "error", dict)
    if decision is not None or error is None or not form.get("facts"):
        return decision
    code = error.get("code")
    return UNDECIDED.get(code) if isinstance(code, str) else None


def _usage(form: Form | None) -> Usage | None:
    return None if form is None else Usage.read(form.get("prompt"), form.get("completion"))


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("time") from None


def _needed(form: Form, key: str, kind: type[T]) -> T:
    found = form.get(key)
    if not isinstance(found, kind):
        raise ValueError(key)
    return found


def _list(form: Form, key: str, kind: type[T]) -> list[T] | None:
    found = _optional(form, key, list)
    if found is not None and not all(isinstance(each, kind) for each in found):
        raise ValueError(key)
    return found


def _optional(form: Form, key: str, kind: type[T]) -> T | None:
    found = form.get(key)
    if found is not None and not isinstance(found, kind):
        raise ValueError(key)
    return found
