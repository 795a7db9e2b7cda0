"""Named conditions: checked where they are written, then put in the place of their names."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace

from pointsman.policies.expr import And, Compare, Expr, ExprError, Not, Or, Place, SignalRef, references

MAX_REFERENCES = 10_000
"""Of a condition that is written out: a few lines of conditions within conditions can mean billions."""
MAX_DEPTH = 100


def used(expr: Expr, conditions: Container[str]) -> Iterator[SignalRef]:
    """The references to conditions."""
    return (ref for ref in references(expr) if isinstance(ref, SignalRef) and ref.name in conditions)


def cycle(conditions: Mapping[str, Expr]) -> list[SignalRef]:
    """References each of which stands in the condition that the one before names, and the last names the first's
    own; empty if there is no such circle."""
    done: set[str] = set()
    for name in conditions:
        if found := _circle(name, conditions, done):
            return found
    return []


def _circle(start: str, conditions: Mapping[str, Expr], done: set[str]) -> list[SignalRef]:
    """Without recursion: chains of conditions may be long."""
    way: list[SignalRef] = []
    names = [start]
    branches = [used(conditions[start], conditions)]
    while branches:
        ref = next(branches[-1], None)
        if ref is None:
            done.add(names.pop())
            branches.pop()
            way = way[:-1]
        elif ref.name in names:
            return [*way[names.index(ref.name) :], ref]
        elif ref.name not in done:
            way.append(ref)
            names.append(ref.name)
            branches.append(used(conditions[ref.name], conditions))
    return []


def written_out(expr: Expr, conditions: Mapping[str, Expr]) -> Expr:
    """With each name replaced by its condition, whose parts then have the place of the name. `conditions` are
    written out themselves. ExprError if that becomes too large."""
    for ref in used(expr, conditions):
        if _depth(conditions[ref.name]) > MAX_DEPTH:
            raise ExprError(f"`{ref.name}` is nested too deeply once its conditions are written out", ref.place)
    size = sum(_size(ref, conditions) for ref in references(expr))
    if size > MAX_REFERENCES:
        place = next(used(expr, conditions)).place
        message = f"this has {size} references once its conditions are written out; at most {MAX_REFERENCES} are read"
        raise ExprError(message, place)
    return _replaced(expr, conditions)


def _size(ref: object, conditions: Mapping[str, Expr]) -> int:
    if isinstance(ref, SignalRef) and ref.name in conditions:
        return sum(1 for _ in references(conditions[ref.name]))
    return 1


def _depth(expr: Expr) -> int:
    match expr:
        case Not(operand):
            return 1 + _depth(operand)
        case And(operands) | Or(operands):
            return 1 + max(map(_depth, operands))
    return 1


def _replaced(expr: Expr, conditions: Mapping[str, Expr]) -> Expr:
    match expr:
        case SignalRef(name) if name in conditions:
            return _moved(conditions[name], expr.place)
        case Not(operand):
            return replace(expr, operand=_replaced(operand, conditions))
        case And(operands) | Or(operands):
            return replace(expr, operands=tuple(_replaced(operand, conditions) for operand in operands))
    return expr


def _moved(expr: Expr, place: Place) -> Expr:
    match expr:
        case SignalRef():
            return replace(expr, place=place, label_place=None)
        case Compare(reference):
            return replace(expr, reference=replace(reference, place=place), place=place)
        case Not(operand):
            return replace(expr, operand=_moved(operand, place), place=place)
        case And(operands) | Or(operands):
            return replace(expr, operands=tuple(_moved(operand, place) for operand in operands), place=place)
    return replace(expr, place=place)
