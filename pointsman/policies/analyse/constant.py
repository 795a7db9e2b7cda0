"""What the literals of a condition decide alone. They were written on purpose, so nobody is told of them."""

from __future__ import annotations

from collections.abc import Sequence

from pointsman.policies.expr import And, Constant, Expr, Not, Or


def constant(expr: Expr) -> bool | None:
    """The value that an expression has whatever the signals say, as far as its literals tell; else None."""
    match expr:
        case Constant():
            return expr.value
        case Not():
            value = constant(expr.operand)
            return None if value is None else not value
        case And():
            return _of(expr.operands, decisive=False)
        case Or():
            return _of(expr.operands, decisive=True)
    return None


def _of(operands: Sequence[Expr], decisive: bool) -> bool | None:
    values = [constant(operand) for operand in operands]
    if decisive in values:
        return decisive
    return None if None in values else not decisive
