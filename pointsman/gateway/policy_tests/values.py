"""Values of signals as tests write them."""

from __future__ import annotations

from pointsman.gateway.schema.cases import COMPARISON, Assumed, Wanted
from pointsman.policies.expr import COMPARE
from pointsman.signals.base import FALSE, TRUE, UNKNOWN, SignalValue, Value
from pointsman.signals.text import as_label


def assume(value: Assumed) -> SignalValue:
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, int | float):
        return SignalValue(value)
    return SignalValue(as_label(value) if isinstance(value, str) else tuple(map(as_label, value)), 1.0)


def holds(wanted: Wanted, value: Value) -> bool:
    if wanted is None or value is None:
        return value is None and wanted is None
    labels = {value} if isinstance(value, str) else set(value) if isinstance(value, tuple) else set()
    if isinstance(wanted, list):
        return labels == set(map(as_label, wanted))
    if not isinstance(wanted, str):
        return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted
    if comparison := COMPARISON.fullmatch(wanted):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and COMPARE[comparison[1]](value, float(comparison[2]))
    return as_label(wanted) in labels


def shown(value: object) -> str:
    """A value as the YAML has it."""
    if value is None:
        return "unknown"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
