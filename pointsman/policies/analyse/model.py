"""A policy as Boolean functions of everything that its conditions ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from pointsman.policies.analyse.solver import Solver
from pointsman.policies.analyse.subjects import Atom, Signals, Subject, subjects
from pointsman.policies.expr import And, Constant, Expr, Not, Or
from pointsman.policies.types import Decision

_SHOWN: Final = 8
"""Values that an example has at most."""


class Model:
    """`conditions[i]` holds where that of decision `i` does, `wins[i]` where it decides, or can, if the surest of
    its tier does, and `unmatched` where none holds."""

    def __init__(self, solver: Solver, tiers: Sequence[Sequence[Decision]], signals: Signals) -> None:
        self.solver = solver
        self.decisions = [decision for tier in tiers for decision in tier]
        self.tiers = list(_places(tiers))
        self._subjects: list[Subject] = subjects(solver, [d.when for d in self.decisions], signals)
        self._answers: dict[Atom, int] = {}
        for subject in self._subjects:
            self._answers.update(subject.answers)
        self._unknown = [subject for subject in self._subjects if subject.unknown != -solver.TRUE]
        self.known = [-subject.unknown for subject in self._unknown]
        self.conditions = [self.literal(decision.when) for decision in self.decisions]
        left = [solver.TRUE]
        for condition in self.conditions:
            left.append(solver.both(left[-1], -condition))
        self.unmatched = left[-1]
        self.wins = [
            solver.both(left[tier.start], condition)
            for tier, condition in zip(self.tiers, self.conditions, strict=True)
        ]

    def literal(self, expr: Expr) -> int:
        """Holds where the expression does."""
        match expr:
            case Constant():
                return self.solver.TRUE if expr.value else -self.solver.TRUE
            case Not():
                return -self.literal(expr.operand)
            case And():
                return self.solver.both(*map(self.literal, expr.operands))
            case Or():
                return self.solver.either(*map(self.literal, expr.operands))
            case _:
                return self._answers[expr]

    @cached_property
    def is_reached(self) -> list[bool]:
        """Of each decision, whether it can win."""
        return [not self.solver.impossible([wins]) for wins in self.wins]

    def possible(self, *literals: int) -> bool:
        return self.solver.model(literals) is not None

    def impossible(self, *literals: int) -> bool:
        return self.solver.impossible(literals)

    def needs_unknown(self, *literals: int) -> list[Subject]:
        """Of which one at least is unknown wherever all literals hold; empty if they can hold without that."""
        core = self.solver.core(literals, self.known)
        return [subject for subject in self._unknown if -subject.unknown in core]

    def example(self, *literals: int) -> str | None:
        """Values for which all literals hold, whatever the others are; none is unknown if that is possible."""
        solver, target = self.solver, self.solver.both(*literals)
        model = solver.model([target, *self.known]) or solver.model([target])
        if model is None:
            return None
        facts = dict(fact for subject in self._subjects for fact in subject.facts(model))
        texts = [facts[literal] for literal in solver.core([-target], list(facts))]
        more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
        return ", ".join(texts[:_SHOWN]) + more


def _places(tiers: Sequence[Sequence[Decision]]) -> Iterator[range]:
    """Of each decision, where its tier stands."""
    start = 0
    for tier in tiers:
        yield from [range(start, start + len(tier))] * len(tier)
        start += len(tier)
