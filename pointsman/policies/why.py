"""Why a decision won: every condition that was asked as a tree of what held, and who would have won otherwise."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from pointsman.policies.confidence import confidence
from pointsman.policies.decide import Policy, tiers
from pointsman.policies.expr import (
    COMPARE,
    And,
    Compare,
    Constant,
    Expr,
    Not,
    Or,
    PoolRef,
    Reference,
    SignalRef,
)
from pointsman.policies.expr import references as references_of
from pointsman.policies.types import Decision, Pools, Readings
from pointsman.signals.base import Signal, SignalValue, Value
from pointsman.signals.derived import Derived

Atom: TypeAlias = SignalRef | PoolRef | Compare
Signals: TypeAlias = Mapping[str, Signal[Any]]


class Course(NamedTuple):
    """The lists of decisions that a request passes."""

    guards: Policy | None  # asked first; only a decision that answers itself counts
    policy: Policy | None  # None: the request names its pool

    def decide(self, readings: Readings, pools: Pools) -> Decision | None:
        found = self.guards.decide(readings, pools).decision if self.guards else None
        if found is not None and found.respond is not None:
            return found
        return self.policy.decide(readings, pools).decision if self.policy else None


@dataclass(frozen=True, slots=True)
class Scene:
    """A request, all of whose signals were read."""

    signals: Signals
    values: Mapping[str, SignalValue]
    pools: Pools


@dataclass(frozen=True, slots=True)
class Part:
    """A condition, or a part of one."""

    expr: Expr
    holds: bool | None  # None: what it depends on was not read
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    decision: Decision
    tree: Part
    guard: bool  # of the list of guards
    asked: bool  # False: looked at only to explain
    confidence: float | None  # where that chooses between those that hold


@dataclass(frozen=True, slots=True)
class Why:
    decisions: tuple[Judged, ...]  # in the order asked; last the runner-up, unless it was asked itself
    winner: Decision | None
    runner_up: Decision | None


def why(course: Course, scene: Scene, read: Collection[str]) -> Why:
    """`read` are the signals that the decision itself has read."""
    winner = course.decide(scene.values, scene.pools)
    known = {name: scene.values[name] for name in read}
    judged = [_judged(policy, decision, scene, known, guard) for policy, decision, guard in _asked(course, scene)]
    runner_up = None if winner is None else _without(winner, course, scene)
    if runner_up is not None and all(j.decision is not runner_up for j in judged):
        tree = judge(runner_up.when, scene.signals, scene.values, scene.pools)
        guard = course.guards is not None and any(d is runner_up for d in course.guards.decisions)
        judged.append(Judged(runner_up, tree, guard, asked=False, confidence=None))
    return Why(tuple(judged), winner, runner_up)


def judge(expr: Expr, signals: Signals, values: Mapping[str, SignalValue], pools: Pools) -> Part:
    """By Kleene's three-valued logic: signals that `values` do not have leave open what depends on them."""
    match expr:
        case Constant(value):
            return Part(expr, value)
        case Not(operand):
            part = judge(operand, signals, values, pools)
            return Part(expr, None if part.holds is None else not part.holds, (part,))
        case And(operands) | Or(operands):
            parts = tuple(judge(operand, signals, values, pools) for operand in operands)
            decisive = isinstance(expr, Or)
            found = {part.holds for part in parts}
            return Part(expr, decisive if decisive in found else None if None in found else not decisive, parts)
    ref = reference(expr)
    if isinstance(ref, SignalRef) and ref.name not in values:
        return Part(expr, None)
    return Part(expr, answer(expr, value_of(ref, values, pools), on_unknown(ref, signals)))


def answer(atom: Atom, value: Value, unknown: bool) -> bool:
    if value is None:
        return unknown
    match atom:
        case Compare(_, compared, number):
            return bool(COMPARE[compared](value, number))
        case SignalRef(_, label) if label is not None:
            return value == label if isinstance(value, str) else isinstance(value, tuple) and label in value
    return bool(value)


def reference(atom: Atom) -> Reference:
    return atom.reference if isinstance(atom, Compare) else atom


def value_of(ref: Reference, readings: Readings, pools: Pools) -> Value:
    if isinstance(ref, SignalRef):
        return readings[ref.name].value
    value: Value = getattr(pools(ref.pool), ref.field)
    return value


def on_unknown(ref: Reference, signals: Signals) -> bool:
    return isinstance(ref, SignalRef) and signals[ref.name].options.on_unknown


def skipped_because(course: Course, found: Why, skipped: Collection[str], signals: Signals) -> dict[str, str]:
    asked = {judged.decision.name: _names(judged.decision) for judged in found.decisions if judged.asked}
    lists = [policy for policy in course if policy is not None]
    later = {d.name: _names(d) for policy in lists for d in policy.decisions if d.name not in asked}
    return {name: _because(name, asked, later, found.winner, signals) if lists else EXPLICIT for name in skipped}


EXPLICIT: Final = "the request names its pool"


def _because(
    name: str,
    asked: Mapping[str, Collection[str]],
    later: Mapping[str, Collection[str]],
    winner: Decision | None,
    signals: Signals,
) -> str:
    for decision, names in asked.items():
        if name in names:
            return f"`{decision}` was decided without it"
    for decision, names in later.items():
        if name in names:
            return f"`{winner.name}` won before `{decision}` was asked" if winner else EXPLICIT
    for other in signals.values():
        if isinstance(other, Derived) and any(found.name == name for found in other.inputs):
            return f"`{other.name}` is made of it and was not needed"
    return "no decision asks for it"


def _names(decision: Decision) -> frozenset[str]:
    return frozenset(ref.name for ref in references_of(decision.when) if isinstance(ref, SignalRef))


def _asked(course: Course, scene: Scene) -> Iterator[tuple[Policy, Decision, bool]]:
    for policy, guard in ((course.guards, True), (course.policy, False)):
        if policy is None:
            continue
        first = policy.decide(scene.values, scene.pools).decision
        for tier in tiers(policy.decisions, policy.strategy):
            yield from ((policy, decision, guard) for decision in tier)
            if any(decision is first for decision in tier):
                break
        if guard and first is not None and first.respond is not None:
            return


def _judged(policy: Policy, decision: Decision, scene: Scene, known: Mapping[str, SignalValue], guard: bool) -> Judged:
    tree = judge(decision.when, scene.signals, known, scene.pools)
    sure = policy.strategy == "confidence" and tree.holds is True
    return Judged(decision, tree, guard, True, confidence_of(decision, scene) if sure else None)


def confidence_of(decision: Decision, scene: Scene) -> float:
    return confidence(decision.when, scene.signals)(scene.values, scene.pools)


def _without(winner: Decision, course: Course, scene: Scene) -> Decision | None:
    """Who would win if it were not there."""
    for policy in course:
        found = _first(policy, winner, scene) if policy else None
        if found is not None and (policy is course.policy or found.respond is not None):
            return found
    return None


def _first(policy: Policy, but: Decision, scene: Scene) -> Decision | None:
    for tier in tiers(policy.decisions, policy.strategy):
        holding = [d for d in tier if d is not but and judge(d.when, scene.signals, scene.values, scene.pools).holds]
        if holding:
            return max(holding, key=lambda d: confidence_of(d, scene)) if len(holding) > 1 else holding[0]
    return None
