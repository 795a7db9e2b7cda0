"""What conditions ask about one signal or one field of a pool, as Boolean variables.

Not every combination of answers is possible: a text of one domain has no other, and what is above 8000 is above
4000. Where that is so, the answers follow from a *case*: a label, a piece of the number line, or unknown. The
cases of a subject stand in a row, and the variables say from which place on the present case is (order encoding:
Tamura et al., "Compiling finite linear CSP into SAT", 2009)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple, TypeAlias

from pointsman.policies.analyse.numbers import Span, pieces, spans
from pointsman.policies.analyse.solver import Solver
from pointsman.policies.expr import And, Compare, Constant, Expr, Not, Or, PoolRef, Reference, SignalRef
from pointsman.signals.base import Cost, LabelCount, Numbers, Shape, Signal
from pointsman.signals.pool import ALWAYS_KNOWN, POOL_FIELDS, POOL_NUMBERS

Atom: TypeAlias = SignalRef | PoolRef | Compare
Held: TypeAlias = Mapping[Atom, Sequence[Span]]
Signals: TypeAlias = Mapping[str, Signal[Any]]

_FALSE: Final = -Solver.TRUE


class Unknown(NamedTuple):
    """What is answered if the value is unknown."""

    answer: bool = False
    possible: bool = True
    often: bool = False  # as a part of normal operation


class Flags:
    """Answers that do not depend on each other. All are alike if the value is unknown, but also for some known one."""

    unknown = _FALSE
    when_unknown = Unknown(possible=False)

    def __init__(self, solver: Solver, ref: Reference, atoms: Iterable[Atom]) -> None:
        self.name = str(ref)
        self.answers: Mapping[Atom, int] = {atom: solver.variable() for atom in atoms}

    def facts(self, model: frozenset[int]) -> Iterator[tuple[int, str]]:
        """Literals that say what the value is in this model, each with its text."""
        for atom, variable in self.answers.items():
            holds = variable in model
            yield variable if holds else -variable, f"{atom} = {str(holds).lower()}"


class Cases:
    """Answers that follow from which case it is: of the known ones each atom holds in the given spans."""

    def __init__(
        self,
        solver: Solver,
        ref: Reference,
        known: Sequence[str],
        held: Mapping[Atom, Sequence[Span]],
        unknown: Unknown,
    ) -> None:
        self.name, self.when_unknown = str(ref), unknown
        self._texts = [f"{ref} = {case}" for case in known]
        apart = unknown.possible and not _occurs(len(known), held, unknown.answer)
        if apart:
            self._texts.append(f"{ref} unknown")
        self._solver, count = solver, len(known)
        self._steps = [solver.variable() for _ in self._texts[1:]]
        for earlier, later in pairwise(self._steps):
            solver.require(-later, earlier)
        also = [(count, count + 1)] if apart and unknown.answer else []
        self.answers: Mapping[Atom, int] = {atom: self._within([*where, *also]) for atom, where in held.items()}
        self.unknown = self._from(count) if apart else _FALSE
        """Holds if the value is unknown, where that has answers which no known value has."""

    def _from(self, place: int) -> int:
        """Whether the case stands here or later."""
        if place <= 0:
            return Solver.TRUE
        return self._steps[place - 1] if place <= len(self._steps) else _FALSE

    def _within(self, where: Iterable[Span]) -> int:
        inside = [self._solver.both(self._from(start), -self._from(end)) for start, end in where]
        return self._solver.either(*inside)

    def facts(self, model: frozenset[int]) -> Iterator[tuple[int, str]]:
        place = sum(step in model for step in self._steps)
        yield self._within([(place, place + 1)]), self._texts[place]


Subject: TypeAlias = Flags | Cases


def _occurs(count: int, held: Held, answer: bool) -> bool:
    """Whether some known case gives all atoms this answer."""
    changes = [0] * (count + 1)
    for where in held.values():
        for start, end in where:
            changes[start] += 1
            changes[end] -= 1
    return (len(held) if answer else 0) in list(accumulate(changes))[:count]


def atoms_of(expr: Expr) -> Iterator[Atom]:
    match expr:
        case Constant():
            return
        case Not():
            yield from atoms_of(expr.operand)
        case And() | Or():
            for operand in expr.operands:
                yield from atoms_of(operand)
        case _:
            yield expr


def subjects(solver: Solver, conditions: Iterable[Expr], signals: Signals) -> list[Subject]:
    """In the order in which conditions name them."""
    asked: dict[Reference, dict[Atom, None]] = {}
    for condition in conditions:
        for atom in atoms_of(condition):
            ref = atom.reference if isinstance(atom, Compare) else atom
            subject = SignalRef(ref.name) if isinstance(ref, SignalRef) else ref
            asked.setdefault(subject, {})[atom] = None
    return [_subject(solver, ref, list(atoms), signals) for ref, atoms in asked.items()]


def _subject(solver: Solver, ref: Reference, atoms: list[Atom], signals: Signals) -> Subject:
    if isinstance(ref, PoolRef):
        if POOL_FIELDS[ref.field] is Shape.BOOL:
            return Flags(solver, ref, atoms)
        unknown = Unknown(possible=ref.field not in ALWAYS_KNOWN, often=True)
        return _measured(solver, ref, atoms, POOL_NUMBERS[ref.field], unknown)
    signal = signals[ref.name]
    if signal.shape is Shape.BOOL or (signal.shape is Shape.LABEL and signal.label_count is LabelCount.ANY):
        return Flags(solver, ref, atoms)
    often = signal.shape is Shape.LABEL or signal.cost is Cost.NEURAL  # what counts can always be counted
    unknown = Unknown(signal.options.on_unknown, often=often)
    if signal.shape is Shape.LABEL:
        return _labelled(solver, ref, atoms, signal, unknown)
    return _measured(solver, ref, atoms, signal.numbers, unknown)


def _labelled(solver: Solver, ref: Reference, atoms: list[Atom], signal: Signal[Any], unknown: Unknown) -> Cases:
    asked = {atom.label or "": atom for atom in atoms if isinstance(atom, SignalRef)}
    known = signal.known_labels
    cases, left = list(asked), sorted(known - asked.keys()) if known is not None else []
    if left or known is None:
        cases.append(left[0] if left else "another label")
    elif signal.label_count is LabelCount.AT_MOST_ONE:
        cases.append("no label")
    held: Held = {atom: [(place, place + 1)] for place, atom in enumerate(asked.values())}
    return Cases(solver, ref, cases, held, unknown)


def _measured(solver: Solver, ref: Reference, atoms: list[Atom], numbers: Numbers, unknown: Unknown) -> Cases:
    compared = [atom for atom in atoms if isinstance(atom, Compare)]
    values = pieces([atom.number for atom in compared], numbers)
    held: Held = {atom: spans(values, atom.operator, atom.number) for atom in compared}
    return Cases(solver, ref, [repr(value).removesuffix(".0") for value in values], held, unknown)
