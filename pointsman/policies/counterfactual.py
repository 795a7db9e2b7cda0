"""The smallest set of changed values with which a request would have met another decision.

A decision that does not win fails at some requirement: its condition holds, and none does that comes before it.
Each requirement fails because of a few values, and whatever else changes, one of these must. So only they are
tried, then what fails next, as in the search for minimal hitting sets (Reiter, "A theory of diagnosis from first
principles", 1987), with one change, then two, and so on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, TypeAlias

from pointsman.policies.alternatives import Alternative, Alternatives, Variable, atoms, whole
from pointsman.policies.decide import Policy, tiers
from pointsman.policies.expr import And, Constant, Expr, Not, Or, SignalRef
from pointsman.policies.supposed import Supposed, made_of
from pointsman.policies.types import EXPLICIT, Decision
from pointsman.policies.why import Course, Scene, answer, on_unknown, reference, value_of
from pointsman.signals.base import Value

MAX_CHANGES: Final = 3
MAX_TRIED: Final = 20_000
"""Combinations of values."""
_MAX_WIDENED: Final = 64
"""Combinations that are tried to say more of a number than one that does it."""

Changes: TypeAlias = Mapping[Variable, Alternative]


@dataclass(frozen=True, slots=True)
class Change:
    variable: Variable
    old: Value
    new: Value  # an example
    text: str  # all that would do


@dataclass(frozen=True, slots=True)
class Counterfactual:
    decision: str | None  # None: no decision would match, or none was found
    changes: tuple[Change, ...]  # empty: none was found
    complete: bool = True  # False: not everything was tried, so that there may be one


def nearest(course: Course, scene: Scene, to: str | None = None) -> Counterfactual:
    """To the decision of this name, else to any other outcome. Of equally small sets the one whose signals stand
    first in the file. A changed signal counts as sure; what is made of it changes with it."""
    return _Search(course, scene).nearest(to)


class _Search:
    def __init__(self, course: Course, scene: Scene) -> None:
        self._course, self._scene = course, scene
        self._decisions = [d for policy in course if policy for d in policy.decisions]
        self._alternatives = Alternatives((d.when for d in self._decisions), scene.signals)
        self._options: dict[Variable, list[Alternative]] = {}
        names = [SignalRef(name) for name in scene.signals]
        order = dict.fromkeys([*names, *self._alternatives.variables])  # pools after all signals
        self._rank = {ref: place for place, ref in enumerate(order)}
        self._made_of = made_of(scene)
        self._touched: dict[int, frozenset[Variable]] = {}  # by the id of a part of a condition
        self._left = MAX_TRIED

    def nearest(self, to: str | None) -> Counterfactual:
        now = self._name(self._course.decide(self._scene.values, self._scene.pools))
        ends = [end for end in self._ends() if self._name(end) != now and (to is None or self._name(end) == to)]
        for size in range(1, MAX_CHANGES + 1):
            found = [(changes, end) for end in ends for changes in self._reach(end, size)]
            if found:
                changes, end = min(found, key=lambda each: self._place(each[0]))
                return Counterfactual(self._name(end), self._told(changes, end))
            if self._left <= 0:
                break
        return Counterfactual(None, (), self._left > 0)

    def _ends(self) -> list[Decision | None]:
        """Of the guards only those that answer themselves can be one."""
        guards = self._course.guards.decisions if self._course.guards else ()
        passing = {id(decision) for decision in guards if decision.respond is None}
        return [*(d for d in self._decisions if id(d) not in passing), None]

    def _name(self, decision: Decision | None) -> str | None:
        if decision is not None:
            return decision.name
        return None if self._course.policy else EXPLICIT

    def _world(self, changes: Changes) -> Supposed:
        return Supposed(self._scene, {ref: option.value for ref, option in changes.items()}, self._made_of)

    def _reach(self, end: Decision | None, size: int) -> Iterator[Changes]:
        """Every set of so many changes with which it wins; none of them is larger than it must be if there are none
        of fewer."""
        seen: set[frozenset[tuple[Variable, str]]] = set()
        todo: list[Changes] = [{}]
        while todo:
            changes = todo.pop()
            key = frozenset((ref, alternative.text) for ref, alternative in changes.items())
            if key in seen:
                continue
            seen.add(key)
            self._left -= 1
            if self._left < 0:
                return
            world = self._world(changes)
            if end is not None and self._need(end.when, True, world) > size - len(changes):
                continue
            if self._course.decide(world, world.pools) is end:
                yield changes
            elif len(changes) < size:
                for ref in sorted(self._blame(end, world) - changes.keys(), key=self._rank.__getitem__, reverse=True):
                    todo += ({**changes, ref: option} for option in reversed(self._options_of(ref)))

    def _options_of(self, ref: Variable) -> list[Alternative]:
        if ref not in self._options:
            now = value_of(ref, self._scene.values, self._scene.pools)
            self._options[ref] = self._alternatives.of(ref, now)
        return self._options[ref]

    def _blame(self, end: Decision | None, world: Supposed) -> frozenset[Variable]:
        """Of these at least one must change before it can win."""
        guards, policy = self._course
        blamed: frozenset[Variable] = frozenset()
        if guards is not None and end is not None and any(end is d for d in guards.decisions):
            blamed = self._blame_within(guards, end, world)
        else:
            guard = guards.decide(world, world.pools).decision if guards is not None else None
            if guards is not None and guard is not None and guard.respond is not None:
                blamed = self._passes(guards, guard, world)
            elif policy is not None:
                blamed = self._blame_within(policy, end, world)
        return self._with_inputs(blamed) & self._alternatives.variables.keys()

    def _blame_within(self, policy: Policy, end: Decision | None, world: Supposed) -> frozenset[Variable]:
        if end is not None:
            holds, blamed = self._support(end.when, world)
            if not holds:
                return blamed
        first = policy.decide(world, world.pools).decision
        if first is None:
            return frozenset()
        if end is not None and policy.strategy == "confidence" and first.priority == end.priority:
            return _variables((first.when, end.when))  # it holds, but is less sure
        return self._support(first.when, world)[1]

    def _passes(self, guards: Policy, guard: Decision, world: Supposed) -> frozenset[Variable]:
        """What must change before this guard no longer answers: it, or one that comes before and lets pass."""
        blamed: frozenset[Variable] = frozenset()
        for tier in tiers(guards.decisions, guards.strategy):
            for decision in tier:
                if len(tier) > 1 and any(d is guard for d in tier):
                    blamed |= _variables((decision.when,))
                elif decision is guard or decision.respond is None:
                    blamed |= self._support(decision.when, world)[1]
            if any(decision is guard for decision in tier):
                break
        return blamed

    def _support(self, expr: Expr, world: Supposed) -> tuple[bool, frozenset[Variable]]:
        """Whether it holds, and a few variables whose values alone make that so."""
        match expr:
            case Constant(value):
                return value, frozenset()
            case Not(operand):
                holds, blamed = self._support(operand, world)
                return not holds, blamed
            case And(operands) | Or(operands):
                decisive = isinstance(expr, Or)
                found = [self._support(operand, world) for operand in operands]
                deciding = [blamed for holds, blamed in found if holds is decisive]
                if deciding:
                    return decisive, min(deciding, key=len)
                return not decisive, frozenset().union(*(blamed for _, blamed in found))
        ref = reference(expr)
        read = value_of(ref, world, world.pools)
        return answer(expr, read, on_unknown(ref, self._scene.signals)), frozenset((whole(ref),))

    def _need(self, expr: Expr, wanted: bool, world: Supposed) -> int:
        """At least so many more changes before the answer is the one that is wanted."""
        match expr:
            case Constant(value):
                return 0 if value is wanted else MAX_CHANGES + 1
            case Not(operand):
                return self._need(operand, not wanted, world)
            case And(operands) | Or(operands):
                needs = [(self._need(operand, wanted, world), operand) for operand in operands]
                if isinstance(expr, Or) is wanted:
                    return min(need for need, _ in needs)
                return self._apart(needs)
        return int(self._support(expr, world)[0] is not wanted)

    def _apart(self, needs: Iterable[tuple[int, Expr]]) -> int:
        """Of all that must change, as much as no change does at once."""
        total, taken = 0, frozenset[Variable]()
        for need, expr in sorted(needs, key=lambda each: -each[0]):
            variables = self._touching(expr) if need else taken
            if need and taken.isdisjoint(variables):
                total, taken = total + need, taken | variables
        return total

    def _touching(self, expr: Expr) -> frozenset[Variable]:
        """Whose changes can change the answer."""
        if id(expr) not in self._touched:
            self._touched[id(expr)] = self._with_inputs(_variables((expr,)))
        return self._touched[id(expr)]

    def _with_inputs(self, variables: frozenset[Variable]) -> frozenset[Variable]:
        names = [ref.name for ref in variables if isinstance(ref, SignalRef)]
        return variables.union(SignalRef(name) for each in names for name in self._made_of.get(each, ()))

    def _place(self, changes: Changes) -> list[tuple[int, int]]:
        ranked = sorted(changes, key=self._rank.__getitem__)
        return [(self._rank[ref], self._options_of(ref).index(changes[ref])) for ref in ranked]

    def _told(self, changes: Changes, end: Decision | None) -> tuple[Change, ...]:
        pieces = {ref: [option.piece] for ref, option in changes.items() if option.piece is not None}
        for ref in pieces:
            self._widen(ref, pieces, changes, end)
        told = []
        for ref in sorted(changes, key=self._rank.__getitem__):
            option, old = changes[ref], value_of(ref, self._scene.values, self._scene.pools)
            text = self._alternatives.lines[ref].text(pieces[ref][0], pieces[ref][-1]) if ref in pieces else option.text
            told.append(Change(ref, old, option.value, text))
        return tuple(told)

    def _widen(self, ref: Variable, pieces: dict[Variable, list[int]], changes: Changes, end: Decision | None) -> None:
        """To the neighbouring pieces that do as well, whichever of theirs the other numbers have."""
        by_piece = {option.piece: option for option in self._options_of(ref)}
        for step in (-1, 1):
            while True:
                piece = pieces[ref][0 if step < 0 else -1] + step
                if piece not in by_piece or not self._does(pieces | {ref: [piece]}, changes, end):
                    break
                pieces[ref] = [piece, *pieces[ref]] if step < 0 else [*pieces[ref], piece]

    def _does(self, pieces: Mapping[Variable, Sequence[int]], changes: Changes, end: Decision | None) -> bool:
        combinations = list(product(*pieces.values()))
        if len(combinations) > _MAX_WIDENED:
            return False
        for combination in combinations:
            chosen = dict(zip(pieces, combination, strict=True))
            options = {ref: next(o for o in self._options_of(ref) if o.piece == p) for ref, p in chosen.items()}
            world = self._world({**changes, **options})
            if self._course.decide(world, world.pools) is not end:
                return False
        return True


def _variables(conditions: Iterable[Expr]) -> frozenset[Variable]:
    return frozenset(whole(reference(atom)) for condition in conditions for atom in atoms(condition))
