"""How sure a decision's condition is, from 0 to 1: the strategy `confidence` chooses by it.

Zadeh's connectives over the signals' scores: `and` is the least of its operands, `or` the greatest, `not x` is
1 - x. What has no score counts 1 where it holds and 0 where it does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from pointsman.policies.expr import COMPARE, And, Compare, Constant, Expr, Not, Or, PoolRef, SignalRef
from pointsman.policies.types import Pools, Readings
from pointsman.signals.base import Signal

Confidence: TypeAlias = Callable[[Readings, Pools], float]
Signals: TypeAlias = Mapping[str, Signal[Any]]


def confidence(expr: Expr, signals: Signals) -> Confidence:
    """`expr` is asked from left to right, and only until nothing can change the answer."""
    match expr:
        case Constant(value):
            return lambda readings, pools: float(value)
        case SignalRef(name, label):
            on_unknown = signals[name].options.on_unknown
            return _boolean(name, on_unknown) if label is None else _label(name, label, on_unknown)
        case PoolRef(pool, field):
            return lambda readings, pools: float(bool(getattr(pools(pool), field)))
        case Compare():
            return _comparison(expr, signals)
        case Not(operand):
            inner = confidence(operand, signals)
            return lambda readings, pools: 1.0 - inner(readings, pools)
        case And(operands):
            return _extreme([confidence(o, signals) for o in operands], min, 0.0)
        case Or(operands):
            return _extreme([confidence(o, signals) for o in operands], max, 1.0)


def _extreme(parts: Sequence[Confidence], better: Callable[[float, float], float], end: float) -> Confidence:
    def of(readings: Readings, pools: Pools) -> float:
        found = 1.0 - end
        for part in parts:
            found = better(found, part(readings, pools))
            if found == end:
                break
        return found

    return of


def _boolean(name: str, on_unknown: bool) -> Confidence:
    def of(readings: Readings, pools: Pools) -> float:
        read = readings[name]
        if read.value is None:
            return float(on_unknown)
        return float(bool(read.value)) if read.score is None else read.score

    return of


def _label(name: str, label: str, on_unknown: bool) -> Confidence:
    def of(readings: Readings, pools: Pools) -> float:
        read = readings[name]
        if read.value is None:
            return float(on_unknown)
        if label in read.labels:
            return read.labels[label]
        has = read.value == label if isinstance(read.value, str) else label in read.value  # type: ignore[operator]
        return 0.0 if not has else 1.0 if read.score is None else read.score

    return of


def _comparison(expr: Compare, signals: Signals) -> Confidence:
    compare, number, ref = COMPARE[expr.operator], expr.number, expr.reference
    unknown = float(isinstance(ref, SignalRef) and signals[ref.name].options.on_unknown)

    def of(readings: Readings, pools: Pools) -> float:
        value = readings[ref.name].value if isinstance(ref, SignalRef) else getattr(pools(ref.pool), ref.field)
        return unknown if value is None else float(compare(value, number))

    return of
