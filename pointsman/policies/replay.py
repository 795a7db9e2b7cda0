"""What a policy decides about a request of the past, some of whose values were not kept.

First it is asked as always, which reads only what matters. If that meets a value that was not kept, every condition is
asked by Kleene's three-valued logic, and there may still be only one decision that can have won."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from pointsman.policies.confidence import Confidence, confidence
from pointsman.policies.decide import Policy, tiers
from pointsman.policies.expr import And, Constant, Expr, Not, Or, Reference, SignalRef, references
from pointsman.policies.plan import in_order_of_cost
from pointsman.policies.types import Decision, Pools, Readings
from pointsman.policies.why import Atom, Course, answer, on_unknown, reference, value_of
from pointsman.signals.base import Cost, Signal

Signals: TypeAlias = Mapping[str, Signal[Any]]


class NotKept(BaseException):
    """Raised by readings and pools that cannot give a value any more. Whoever reads signals takes an `Exception` for
    a failure of the signal's own, which this is not."""


class Told(NamedTuple):
    possible: tuple[Decision | None, ...]
    """Usually one. Among others None stands for no decision at all."""
    missing: tuple[Reference, ...] = ()
    """Values without which it cannot be told which of several."""


Missing: TypeAlias = list[Reference]
Truth: TypeAlias = Callable[[Readings, Pools, Missing], bool | None]
"""Whether a condition holds. If that is open, what would have to be known is added to the list."""


class _Rule(NamedTuple):
    decision: Decision
    truth: Truth
    confidence: Confidence


class Replay:
    """Built once for each course that requests take through the lists of a configuration."""

    def __init__(self, course: Course, signals: Signals) -> None:
        self._course = course
        self._guards = _rules(course.guards, signals)
        self._policy = _rules(course.policy, signals)

    def decide(self, readings: Readings, pools: Pools) -> Told:
        try:
            return Told((self._course.decide(readings, pools),))
        except NotKept:
            return self._weigh(readings, pools)

    def _weigh(self, readings: Readings, pools: Pools) -> Told:
        missing: Missing = []
        guarded = list(_possible(self._guards, readings, pools, missing))
        possible: list[Decision | None] = [d for d in guarded if d is not None and d.respond is not None]
        if len(possible) < len(guarded):
            possible += _possible(self._policy, readings, pools, missing)
        distinct = tuple({id(decision): decision for decision in possible}.values())
        return Told(distinct, tuple(dict.fromkeys(missing)) if len(distinct) > 1 else ())


def _rules(policy: Policy | None, signals: Signals) -> list[list[_Rule]]:
    if policy is None:
        return []

    def rule(decision: Decision) -> _Rule:
        when = in_order_of_cost(decision.when, lambda ref: _cost(ref, signals))
        return _Rule(decision, _truth(when, signals), confidence(when, signals))

    return [[rule(decision) for decision in tier] for tier in tiers(policy.decisions, policy.strategy)]


def _cost(ref: Reference, signals: Signals) -> int:
    return signals[ref.name].cost if isinstance(ref, SignalRef) else Cost.FREE


def _possible(
    ranked: Iterable[Sequence[_Rule]], readings: Readings, pools: Pools, missing: Missing
) -> Iterator[Decision | None]:
    """The decisions that can have won, as far as what was kept says."""
    for tier in ranked:
        holds = [rule.truth(readings, pools, missing) for rule in tier]
        able = [rule for rule, truth in zip(tier, holds, strict=True) if truth is not False]
        if len(able) > 1 and None not in holds:
            able = _surest(able, readings, pools, missing)
        yield from (rule.decision for rule in able)
        if True in holds:
            return
    yield None


def _surest(rules: list[_Rule], readings: Readings, pools: Pools, missing: Missing) -> list[_Rule]:
    """All of them, if it cannot be told."""
    try:
        return [max(rules, key=lambda rule: rule.confidence(readings, pools))]
    except NotKept:
        for ref in (ref for rule in rules for ref in references(rule.decision.when)):
            try:
                value_of(ref, readings, pools)
            except NotKept:
                missing.append(SignalRef(ref.name) if isinstance(ref, SignalRef) else ref)
        return rules


def _truth(expr: Expr, signals: Signals) -> Truth:
    match expr:
        case Constant(value):
            return lambda readings, pools, missing: value
        case Not(operand):
            return _negation(_truth(operand, signals))
        case And(operands) | Or(operands):
            return _connective([_truth(o, signals) for o in operands], decisive=isinstance(expr, Or))
    return _atom(expr, signals)


def _negation(inner: Truth) -> Truth:
    def truth(readings: Readings, pools: Pools, missing: Missing) -> bool | None:
        holds = inner(readings, pools, missing)
        return None if holds is None else not holds

    return truth


def _connective(parts: Sequence[Truth], decisive: bool) -> Truth:
    def truth(readings: Readings, pools: Pools, missing: Missing) -> bool | None:
        before = len(missing)
        found: bool | None = not decisive
        for part in parts:
            holds = part(readings, pools, missing)
            if holds is decisive:
                del missing[before:]  # none of it matters
                return decisive
            if holds is None:
                found = None
        return found

    return truth


def _atom(atom: Atom, signals: Signals) -> Truth:
    ref = reference(atom)
    unknown = on_unknown(ref, signals)
    named = SignalRef(ref.name) if isinstance(ref, SignalRef) else ref

    def truth(readings: Readings, pools: Pools, missing: Missing) -> bool | None:
        try:
            value = value_of(ref, readings, pools)
        except NotKept:
            missing.append(named)
            return None
        return answer(atom, value, unknown)

    return truth
