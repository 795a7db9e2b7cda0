"""What is probably not meant in a policy that can be used. Pure: decisions in, findings out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pointsman.policies.decide import in_order
from pointsman.policies.expr import And, Constant, Expr, Not, Or, SignalRef, references
from pointsman.policies.types import Decision


@dataclass(frozen=True, slots=True)
class Finding:
    severity: Literal["warning", "info"]
    message: str
    decision: str | None = None  # its name; None if the finding is about the policy
    signal: str | None = None
    pool: str | None = None


def analyse(decisions: Sequence[Decision], signals: Collection[str], pools: Collection[str]) -> list[Finding]:
    ordered = in_order(decisions)
    return [
        *_coverage(ordered),
        *_unused_signals(ordered, signals),
        *_unrouted_pools(ordered, pools),
    ]


def constant(expr: Expr) -> bool | None:
    """The value that an expression has whatever the signals say, as far as its literals tell; else None."""
    match expr:
        case Constant():
            return expr.value
        case Not():
            value = constant(expr.operand)
            return None if value is None else not value
        case And():
            return _constant_of(expr.operands, decisive=False)
        case Or():
            return _constant_of(expr.operands, decisive=True)
    return None


def _constant_of(operands: Sequence[Expr], decisive: bool) -> bool | None:
    values = [constant(operand) for operand in operands]
    if decisive in values:
        return decisive
    return None if None in values else not decisive


def _coverage(ordered: Sequence[Decision]) -> Iterator[Finding]:
    """What is never reached, what never holds, and whether some requests are left over."""
    catches_all: str | None = None
    for decision in ordered:
        value = constant(decision.when)
        if catches_all is not None:
            message = f"is never reached: `{catches_all}` comes before it and always holds"
            yield Finding("warning", f"decision `{decision.name}` {message}", decision=decision.name)
        elif value is False:
            yield Finding("warning", f"decision `{decision.name}` never holds", decision=decision.name)
        elif value:
            catches_all = decision.name
    if catches_all is None:
        message = "requests that no decision matches are answered 404; add a last decision with `when: true`"
        yield Finding("warning", message)


def _unused_signals(ordered: Sequence[Decision], signals: Collection[str]) -> Iterator[Finding]:
    used = {ref.name for d in ordered for ref in references(d.when) if isinstance(ref, SignalRef)}
    for name in signals:
        if name not in used:
            yield Finding("warning", f"signal `{name}` is used by no decision", signal=name)


def _unrouted_pools(ordered: Sequence[Decision], pools: Collection[str]) -> Iterator[Finding]:
    routed = {model for decision in ordered for model in decision.models}
    for name in pools:
        if name not in routed:
            message = f"pool `{name}` is in no decision; only requests that name it or its model reach it"
            yield Finding("info", message, pool=name)
