"""An entry of the decision log as replaying reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeGuard, TypeVar

from pointsman.gateway.errors import ModelNotFound, NoRoute
from pointsman.gateway.observe.entry import VERSION
from pointsman.gateway.observe.outcome import HITS, Usage
from pointsman.signals.facts import Route

Form: TypeAlias = Mapping[str, Any]
T = TypeVar("T")

_HUGE = 1e15
"""No number in a log is as large, and what counts with it must not overflow."""

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
    selection: Form | None = None  # what the selector said, and what it was told
    by: str | None = None  # the selector
    propensity: float | None = None  # of its first choice
    several: bool = False  # models were asked one after the other, or together: a cascade, a panel
    seconds: float | None = None  # until the last byte; None if the client left
    failed: bool | None = None  # by no fault of the client; None if it left
    paced: tuple[float | None, float | None] = (None, None)  # seconds to the first token, and for each further one


def read_entry(form: Form) -> Entry:
    """ValueError for what is no entry."""
    if form.get("v") != VERSION:
        raise ValueError("another version")
    facts = _optional(form, "facts", dict) or {}
    if facts:
        _needed(facts, "bytes", int)
        _needed(facts, "prompt_tokens", int)
    choice, attempts, cost = _optional(form, "choice", dict), _optional(form, "attempts", list), form.get("cost_usd")
    if form.get("cache") in HITS:  # the pool had answered before: this time none was asked
        choice = None
    answered = choice.get("pool") if choice else None
    first, timings = attempts[0] if attempts else None, _optional(form, "timings", dict)
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
        selection=_optional(form, "selection", dict),
        by=_optional(choice or {}, "by", str),
        propensity=_number(choice, "propensity"),
        several=bool(form.get("steps")),
        seconds=None if form.get("disconnect") else _seconds(timings, "total_ms"),
        failed=None if form.get("disconnect") else _failed(form),
        paced=(_seconds(timings, "ttft_ms"), _seconds(form, "gap_ms")),
    )


def _decided(form: Form) -> str | None:
    decision, error = _optional(form, "decision", str), _optional(form, "error", dict)
    if decision is not None or error is None or not form.get("facts"):
        return decision
    code = error.get("code")
    return UNDECIDED.get(code) if isinstance(code, str) else None


def _failed(form: Form) -> bool:
    status, error = form.get("status"), form.get("error")
    if isinstance(error, dict) and error.get("source") == "upstream":
        return True
    return isinstance(status, int) and status >= 500


def _seconds(form: Form | None, key: str) -> float | None:
    found = _number(form, key)
    return None if found is None else found / 1000


def _number(form: Form | None, key: str) -> float | None:
    found = form.get(key) if form else None
    return float(found) if is_number(found) else None


def is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _HUGE


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
