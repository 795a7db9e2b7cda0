"""Whether an expression fits the signals and pools that exist, and what to write instead."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pointsman.policies.expr import (
    And,
    Compare,
    Expr,
    ExprError,
    Not,
    Or,
    Place,
    PoolRef,
    Reference,
    SignalRef,
    written,
)
from pointsman.policies.nearest import did_you_mean
from pointsman.signals.base import Shape, Signal
from pointsman.signals.pool import POOL_FIELDS

Signals = Mapping[str, Signal[Any]]

_EXAMPLE_NUMBERS = {"load": "0.9", "queue": "10", "inflight": "100", "kv": "0.9"}


def problems(expr: Expr, signals: Signals, pools: Collection[str], conditions: Collection[str] = ()) -> list[ExprError]:
    """Everything that is wrong, from left to right; empty if the expression can be decided. `conditions` are the
    names of those that may be used in it."""
    found = _Checker(signals, pools, frozenset(conditions)).check(expr)
    return [ExprError(message, place) for place, message in dict.fromkeys(found)]


@dataclass(frozen=True, slots=True)
class _Checker:
    signals: Signals
    pools: Collection[str]
    conditions: frozenset[str]

    def check(self, expr: Expr) -> Iterator[tuple[Place, str]]:
        match expr:
            case SignalRef(name) if name in self.conditions:
                if expr.label is not None:
                    yield expr.place, f"`{name}` is a condition and has no labels; write `{written(name)}` alone"
            case Compare(SignalRef(name) as ref) if name in self.conditions:
                yield ref.place, f"`{name}` is a condition, not a number; write `{written(name)}` alone"
            case SignalRef() | PoolRef():
                if problem := self._unknown(expr):
                    yield expr.place, problem
                elif problem := _not_boolean(expr, self.signals):
                    yield self._place(expr), problem
            case Compare():
                problem = self._unknown(expr.reference) or _not_number(expr, self.signals)
                if problem:
                    yield expr.reference.place, problem
            case Not():
                yield from self.check(expr.operand)
            case And() | Or():
                for operand in expr.operands:
                    yield from self.check(operand)

    def _place(self, ref: Reference) -> Place:
        """Of several labels in a list, the wrong one's."""
        if isinstance(ref, SignalRef) and ref.label_place and self.signals[ref.name].shape is Shape.LABEL:
            return ref.label_place
        return ref.place

    def _unknown(self, ref: Reference) -> str | None:
        if isinstance(ref, SignalRef):
            if ref.name in self.signals:
                return None
            if ref.label is None and ref.name.lower() in ("true", "false"):
                return f"literals are in lower case; write `{ref.name.lower()}` for `{ref.name}`"
            hint = did_you_mean(ref.name, [*self.signals, *self.conditions]) or "; declare it under `signals:`"
            return f"there is no signal `{ref.name}`{hint}"
        if ref.pool not in self.pools:
            return f"there is no pool `{ref.pool}`{did_you_mean(ref.pool, self.pools)}"
        if ref.field not in POOL_FIELDS:
            return f"a pool's state has no `{ref.field}`{did_you_mean(ref.field, POOL_FIELDS)}"
        return None


def _shape(ref: Reference, signals: Signals) -> Shape:
    return signals[ref.name].shape if isinstance(ref, SignalRef) else POOL_FIELDS[ref.field]


def _not_boolean(ref: Reference, signals: Signals) -> str | None:
    shape = _shape(ref, signals)
    if shape is Shape.NUMBER:
        return f"`{_bare(ref)}` is a number; compare it, as in `{_bare(ref)} > {_example_number(ref)}`"
    if isinstance(ref, PoolRef):
        return None
    if shape is Shape.LABEL:
        return _bad_label(ref, signals[ref.name].known_labels)
    if ref.label is not None:
        return f"`{ref.name}` is true or false and has no labels; write `{ref.name}` alone"
    return None


def _bad_label(ref: SignalRef, known: frozenset[str] | None) -> str | None:
    if ref.label is None:
        example = min(known) if known else "label"
        return f"`{ref.name}` is a label; say which one, as in `{ref.name}.{example}`"
    if known is not None and ref.label not in known:
        return f"`{ref.name}` has no label `{ref.label}`{did_you_mean(ref.label, known)}"
    return None


def _not_number(expr: Compare, signals: Signals) -> str | None:
    ref = expr.reference
    shape = _shape(ref, signals)
    if shape is Shape.LABEL and isinstance(ref, SignalRef) and ref.label is None and expr.operator == "==":
        return f"`{ref.name}` is a label, not a number; write `{_bare(ref)}.{expr.number:g}`"
    if shape is not Shape.NUMBER:
        return _not_boolean(ref, signals) or f"`{ref}` is true or false, not a number; write `{ref}` alone"
    if isinstance(ref, SignalRef) and ref.label is not None:
        return f"`{ref.name}` is a number and has no labels; write `{ref.name} {expr.operator} ...`"
    return None


def _bare(ref: Reference) -> str:
    return written(ref.name) if isinstance(ref, SignalRef) else str(ref)


def _example_number(ref: Reference) -> str:
    return _EXAMPLE_NUMBERS[ref.field] if isinstance(ref, PoolRef) else "8000"
