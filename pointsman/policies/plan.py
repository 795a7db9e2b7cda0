"""In which order the parts of a condition are asked, so that a dear signal is read only if it matters.

Of the operands of `and` and `or`, the cheaper come first. That is not enough where several of them hold cheap and
dear signals: in `(n1 or c1) and (n2 and c2)` the dear n1 would be read before c2, which may be false. So an `and`
is asked first for what it can be at most, with every dear signal at its most favourable value; here that is c2. An
`or` likewise for what it is at least."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from pointsman.policies.expr import And, Compare, Constant, Expr, Not, Or, Reference, references
from pointsman.signals.base import Cost

Costs: TypeAlias = Callable[[Reference], int]
"""What reading costs: a signal's `cost`, and less than any of them where the value is known already."""

Kind: TypeAlias = type[And] | type[Or]

MAX_STAGED = 200
"""References of a condition that is asked in stages: they repeat its parts, so that it grows with its depth."""


def plan(expr: Expr, cost: Costs) -> Expr:
    """The same condition; its operands are to be asked from left to right."""
    return _Planner(cost, staged=sum(1 for _ in references(expr)) <= MAX_STAGED).plan(expr)


def in_order_of_cost(expr: Expr, cost: Costs) -> Expr:
    """The same without repetitions, for where each part counts."""
    return _Planner(cost, staged=False).plan(expr)


class _Planner:
    def __init__(self, cost: Costs, staged: bool) -> None:
        self._cost = cost
        self._staged = staged

    def plan(self, expr: Expr) -> Expr:
        match expr:
            case Not(operand):
                return Not(self.plan(operand), place=expr.place)
            case And() | Or():
                kind, operands = type(expr), sorted(_flat(expr), key=self._dearest)
                return self._in_stages(kind, operands) or kind(tuple(map(self.plan, operands)), place=expr.place)
        return expr

    def _in_stages(self, kind: Kind, operands: list[Expr]) -> Expr | None:
        for level in (Cost.NEURAL, Cost.HEURISTIC) if self._staged else ():
            dear = [operand for operand in operands if self._dearest(operand) >= level]
            if len(dear) > 1 and any(self._cost(ref) < level for operand in dear for ref in references(operand)):
                bound = _joined(kind, (self._bound(operand, level, most=kind is And) for operand in operands))
                return _joined(kind, (self.plan(bound), *map(self.plan, dear)))
        return None

    def _bound(self, expr: Expr, level: int, most: bool) -> Expr:
        """What holds wherever `expr` may hold (or, without `most`, surely holds), whatever the dear signals say."""
        match expr:
            case Constant():
                return expr
            case Not(operand):
                bound = self._bound(operand, level, not most)
                return Constant(not bound.value) if isinstance(bound, Constant) else Not(bound)
            case And(operands) | Or(operands):
                return _joined(type(expr), (self._bound(operand, level, most) for operand in operands))
            case Compare(reference):
                return Constant(most) if self._cost(reference) >= level else expr
        return Constant(most) if self._cost(expr) >= level else expr

    def _dearest(self, expr: Expr) -> int:
        return max(map(self._cost, references(expr)), default=-2)


def _flat(expr: And | Or) -> Iterator[Expr]:
    """`a and (b and c)` has three operands."""
    for operand in expr.operands:
        if isinstance(operand, type(expr)):
            yield from _flat(operand)
        else:
            yield operand


def _joined(kind: Kind, operands: Iterable[Expr]) -> Expr:
    """Without the constants that do not matter; the one that decides alone is all that is left."""
    decisive = kind is Or
    kept = []
    for operand in operands:
        if not isinstance(operand, Constant):
            kept.append(operand)
        elif operand.value is decisive:
            return operand
    if not kept:
        return Constant(not decisive)
    return kept[0] if len(kept) == 1 else kind(tuple(kept))
