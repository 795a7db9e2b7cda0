"""Decisions that never hold, always hold or never win, and requests that are left over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pointsman.policies.analyse.constant import constant
from pointsman.policies.analyse.finding import Finding, Level, code, listed
from pointsman.policies.analyse.model import Model
from pointsman.policies.analyse.subjects import Subject
from pointsman.policies.expr import And, Expr, Or
from pointsman.policies.types import Decision

_ADVICE = "add a last decision with `when: true`"


def never(model: Model) -> Iterator[Finding]:
    for decision, condition in zip(model.decisions, model.conditions, strict=True):
        if model.impossible(condition):
            yield _finding(decision, f"never holds{_why_not(model, decision.when)}")
        elif subjects := model.needs_unknown(condition):
            # `not level.easy and not level.hard` is how one asks whether `level` is unknown.
            is_meant = _often(subjects) and not any(subject.when_unknown.answer for subject in subjects)
            yield _finding(decision, f"never holds, unless {_unknown(subjects)}", is_meant=is_meant)


def always(model: Model) -> Iterator[Finding]:
    for decision, condition in zip(model.decisions, model.conditions, strict=True):
        if constant(decision.when) is not None or model.impossible(condition):
            continue
        if model.impossible(-condition):
            yield _finding(decision, "always holds; if that is meant, write `when: true`")
        elif subjects := model.needs_unknown(-condition):
            yield _finding(decision, f"always holds, unless {_unknown(subjects)}", is_meant=_often(subjects))


def shadowed(model: Model) -> Iterator[Finding]:
    for index, decision in enumerate(model.decisions):
        condition = model.conditions[index]
        if model.impossible(condition):
            continue  # `never` says so
        if not model.is_reached[index]:
            yield _finding(decision, f"is never reached: {_taken(_before(model, index, []))}")
        elif constant(decision.when) or model.needs_unknown(condition):
            continue  # the last decision is there for what is left over; `never` says the other
        elif subjects := model.needs_unknown(model.wins[index]):
            taken = _taken(_before(model, index, model.known))
            says = f"is never reached, unless {_unknown(subjects)}: {taken}"
            yield _finding(decision, says, is_meant=_often(subjects))


def gap(model: Model) -> Iterator[Finding]:
    example = model.example(model.unmatched)
    if example is None:
        return
    subjects = model.needs_unknown(model.unmatched)
    if subjects:
        level: Level = "warning" if _often(subjects) else "info"
        message = f"if {_unknown(subjects)}, requests can be left over ({example}) and are answered 404; {_ADVICE}"
        yield Finding(level, message)
    else:
        such = f", such as {example}," if example else ""
        yield Finding("warning", f"requests that no decision matches{such} are answered 404; {_ADVICE}")


def _finding(decision: Decision, says: str, is_meant: bool = False) -> Finding:
    return Finding("info" if is_meant else "warning", f"decision {code(decision.name)} {says}", decision.name)


def _unknown(subjects: Sequence[Subject]) -> str:
    return f"{listed([subject.name for subject in subjects], joined='or')} is unknown"


def _often(subjects: Sequence[Subject]) -> bool:
    return any(subject.when_unknown.often for subject in subjects)


def _why_not(model: Model, when: Expr) -> str:
    if constant(when) is not None:
        return ""
    parts = {model.literal(part): part for part in _conjuncts(when)}
    core = [parts[literal] for literal in model.solver.core([], list(parts))]
    if not core:
        return ""
    if len(core) == 1:
        return f": {code(core[0])} cannot be true" if not isinstance(core[0], Or) else ""
    return f": {listed(core)} exclude each other"


def _conjuncts(expr: Expr) -> Iterator[Expr]:
    if isinstance(expr, And):
        for operand in expr.operands:
            yield from _conjuncts(operand)
    else:
        yield expr


def _before(model: Model, index: int, known: Sequence[int]) -> list[Decision]:
    """A smallest set of earlier decisions that together take all of this one's requests."""
    before = list(enumerate(model.conditions[: model.tiers[index].start]))
    taken = {-condition: place for place, condition in reversed(before)}
    core = model.solver.core([model.conditions[index], *known], sorted(taken, key=taken.__getitem__))
    return [model.decisions[taken[literal]] for literal in core]


def _taken(earlier: Sequence[Decision]) -> str:
    names = listed([decision.name for decision in earlier], most=10)
    if len(earlier) == 1:
        if constant(earlier[0].when):
            return f"{names} comes before it and always holds"
        return f"{names} comes before it and takes all of its requests"
    return f"{names} come before it and together take all of its requests"
