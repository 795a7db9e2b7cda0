"""Parts of a condition that could be left out, because where they are asked they have one answer only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pointsman.policies.analyse.constant import constant
from pointsman.policies.analyse.finding import Finding, Level, code, listed
from pointsman.policies.analyse.model import Model
from pointsman.policies.expr import And, Expr, Not, Or
from pointsman.policies.types import Decision

_MOST_PARTS: Final = 2000
"""Of one condition: each is compared with all beside it."""


class _Given(NamedTuple):
    """What is known where a part is asked: the part of an `and` if all beside it hold, that of an `or` if none does."""

    literal: int
    part: Expr
    holds: bool

    def __str__(self) -> str:
        return str(self.part if self.holds else Not(self.part))


def needless(model: Model) -> Iterator[Finding]:
    for decision, condition in zip(model.decisions, model.conditions, strict=True):
        varies = not model.impossible(condition) and not model.impossible(-condition)
        if varies and constant(decision.when) is None and _size(decision.when) <= _MOST_PARTS:
            yield from _parts(decision, decision.when, [], model)


def _size(expr: Expr) -> int:
    match expr:
        case Not():
            return 1 + _size(expr.operand)
        case And() | Or():
            return 1 + sum(map(_size, expr.operands))
    return 1


def _parts(decision: Decision, expr: Expr, given: Sequence[_Given], model: Model) -> Iterator[Finding]:
    """`expr` can hold and not hold where all that is given does."""
    if isinstance(expr, Not):
        yield from _parts(decision, expr.operand, given, model)
    if not isinstance(expr, And | Or) or len({part.place for part in expr.operands}) == 1:
        return  # the latter is a named condition, which other decisions may need as it is
    holds = isinstance(expr, And)
    kept = [_given(part, holds, model) for part in expr.operands if constant(part) is None]
    for one in reversed(kept[:]):  # of two that say the same, the first is kept
        others = [*given, *(other for other in kept if other is not one)]
        if model.impossible(-one.literal, *(other.literal for other in others)):
            kept = [other for other in kept if other is not one]
            yield _finding(decision, one, _reasons(one, others, model))
    for one in kept:
        yield from _parts(decision, one.part, [*given, *(other for other in kept if other is not one)], model)


def _given(part: Expr, holds: bool, model: Model) -> _Given:
    literal = model.literal(part)
    return _Given(literal if holds else -literal, part, holds)


def _reasons(one: _Given, others: Sequence[_Given], model: Model) -> list[_Given]:
    by_literal = {other.literal: other for other in others}
    return [by_literal[literal] for literal in model.solver.core([-one.literal], list(by_literal))]


def _finding(decision: Decision, one: _Given, reasons: Sequence[_Given]) -> Finding:
    level, says = _verdict(one, reasons)
    message = f"decision {code(decision.name)}: {code(one.part)} {says}"
    return Finding(level, message, decision.name, place=one.part.place)


def _verdict(one: _Given, reasons: Sequence[_Given]) -> tuple[Level, str]:
    if not reasons:
        return "warning", f"{'always' if one.holds else 'never'} holds, so it can be left out"
    if len(reasons) == 1 and (reasons[0].part, reasons[0].holds) == (one.part, one.holds):
        return "info", "is written twice"
    why = listed(list(map(str, reasons)))
    if one.holds and all(reason.holds for reason in reasons):
        return "info", f"adds nothing: it follows from {why}"
    if not one.holds and any(reason.holds for reason in reasons):
        return "warning", f"never holds here, where {why} {'do' if len(reasons) > 1 else 'does'}"
    return "info", f"adds nothing beside {listed([reason.part for reason in reasons])}"
