"""What `explain` says beyond the form that the debug headers have, too: conditions, runner-up, and what would change
the decision."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from pointsman.gateway import rehearse
from pointsman.gateway.errors import BadRequest, NoRoute
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.wire.reading import build_facts
from pointsman.policies.counterfactual import MAX_CHANGES, Change, Counterfactual, nearest
from pointsman.policies.expr import And, Constant, Not, Or, PoolRef, SignalRef
from pointsman.policies.nearest import did_you_mean
from pointsman.policies.types import Decision
from pointsman.policies.why import (
    Course,
    Judged,
    Part,
    Scene,
    Why,
    on_unknown,
    reference,
    skipped_because,
    value_of,
    why,
)
from pointsman.signals.base import Cost, Signal, SignalValue
from pointsman.signals.derived import Derived
from pointsman.signals.readings import TimedReadings

Form = dict[str, Any]

_KINDS = {And: "and", Or: "or", Not: "not", Constant: "constant"}


class Asked:
    """A request that somebody only asks about. Its pools stay as they are now, so that all of the answer is about the
    same moment."""

    def __init__(self, runtime: Runtime, body: rehearse.Body, headers: Mapping[str, str], raw: bytes | None = None):
        self.began = time.perf_counter()
        self.runtime = runtime
        self.request = rehearse.inbound(body, headers, raw)
        loads = {name: pool.snapshot() for name, pool in runtime.pools.items()}
        self.facts = build_facts(self.request, rehearse.identify(runtime, headers), loads.__getitem__)
        self.readings = TimedReadings(runtime.signals, self.facts, time.perf_counter)
        self.read: Collection[str] = ()  # the signals that the decision itself asked for

    def decided(self) -> float:
        """Called right after the decision; the seconds that it took."""
        self.read = frozenset(self.readings.values)
        return time.perf_counter() - self.began

    def read_all(self) -> None:
        """NeedsEncoding as from the readings; then again."""
        for name in self.runtime.signals:
            _ = self.readings[name]

    def skipped(self) -> list[str]:
        return [name for name in self.runtime.signals if name not in self.readings.values]

    @property
    def course(self) -> Course:
        runtime, model = self.runtime, self.facts.model
        guards = runtime.guards_of(model)
        if not runtime.is_alias(model):
            return Course(guards, None)
        return Course(guards, runtime.policy if model is None else runtime.virtual.get(model, runtime.policy))

    @property
    def scene(self) -> Scene:
        return Scene(self.runtime.signals, self.readings.values, self.facts.pools)

    def check_target(self, to: str | None) -> None:
        """BadRequest if there is no such decision to ask for."""
        names = [decision.name for policy in self.course if policy for decision in policy.decisions]
        if to is not None and to not in names:
            hint = did_you_mean(to[:128], names)
            raise BadRequest(f"This request is not held against a decision {to[:128]!r}{hint}.", param="to")


def reasons(asked: Asked, skipped: Collection[str], to: str | None = None) -> Form:
    """Once every signal was read."""
    course, scene = asked.course, asked.scene
    found = why(course, scene, asked.read)
    tell = _Teller(asked, found)
    form: Form = {
        "winner": _name(found.winner),
        "runner_up": _name(found.runner_up),
        "decisions": [tell.decision(judged) for judged in found.decisions],
        "skipped_because": skipped_because(course, found, skipped, scene.signals),
        "would_change": _counterfactual(nearest(course, scene)),
    }
    if to is not None:
        form["to"] = {**_counterfactual(nearest(course, scene, to)), "decision": to}
        if to == form["winner"]:
            form["to"]["changes"] = []
    return form


def no_route(error: NoRoute, asked: Asked) -> NoRoute:
    """The same error with the smallest changes that some decision would need; once every signal was read."""
    found = nearest(asked.course, asked.scene)
    if not found.changes:
        return error
    changes = ", ".join(_change(change)["text"] for change in found.changes)
    return NoRoute(f"{error.message} The nearest is `{found.decision}`: {changes}.")


def _name(decision: Decision | None) -> str | None:
    return decision.name if decision else None


class _Teller:
    def __init__(self, asked: Asked, found: Why) -> None:
        self._scene, self._read, self._found = asked.scene, asked.read, found
        self._troubles: Mapping[str, str] = asked.readings.failures | asked.readings.missed

    def decision(self, judged: Judged) -> Form:
        form: Form = {
            "name": judged.decision.name,
            "priority": judged.decision.priority,
            "asked": judged.asked,
            "guard": judged.guard,
            "holds": judged.tree.holds,
            "condition": str(judged.decision.when),
            "tree": self._part(judged.tree, self._unread(judged)),
        }
        if judged.confidence is not None:
            form["confidence"] = judged.confidence
        return form

    def _unread(self, judged: Judged) -> str:
        """Why signals of this condition were not read."""
        winner = _name(self._found.winner)
        if not judged.asked:
            return f"`{winner}` won before"
        return f"`{winner}` was sure already" if judged.tree.holds is None else "another operand had decided"

    def _part(self, part: Part, unread: str) -> Form:
        form: Form = {"text": str(part.expr), "holds": part.holds}
        kind = _KINDS.get(type(part.expr))
        if kind is None:
            return form | self._atom(part, unread)
        form["kind"] = kind
        if part.parts:
            form["operands"] = [self._part(operand, unread) for operand in part.parts]
        return form

    def _atom(self, part: Part, unread: str) -> Form:
        assert not isinstance(part.expr, And | Or | Not | Constant)
        ref = reference(part.expr)
        if isinstance(ref, PoolRef):
            value = value_of(ref, self._scene.values, self._scene.pools)
            form: Form = {"kind": "pool", "pool": ref.pool, "field": ref.field, "value": value, "source": "pool load"}
            return form | ({"source": "unknown", "on_unknown": False} if value is None else {})
        form = {"kind": "signal", "signal": ref.name}
        if part.holds is not None:
            form |= self._signal(ref, self._scene.values[ref.name])
        return form if ref.name in self._read else {**form, "not_read": unread}

    def _signal(self, ref: SignalRef, read: SignalValue) -> Form:
        score = read.labels.get(ref.label) if ref.label is not None and read.labels else read.score
        form: Form = {"value": read.value, "score": score}
        if read.value is not None:
            return {**form, "source": _source(self._scene.signals[ref.name])}
        form |= {"source": "unknown", "on_unknown": on_unknown(ref, self._scene.signals)}
        return form | ({"why": self._troubles[ref.name]} if ref.name in self._troubles else {})


def _source(signal: Signal[Any]) -> str:
    if isinstance(signal, Derived) or signal.cost is Cost.FREE:
        return str(signal.options.type)
    return "neural" if signal.cost is Cost.NEURAL else "heuristic"


def _counterfactual(found: Counterfactual) -> Form:
    """`changes` is null if none were found."""
    return {
        "decision": found.decision,
        "changes": [_change(change) for change in found.changes] or None,
        "complete": found.complete,
        "at_most": MAX_CHANGES,
    }


def _change(change: Change) -> Form:
    ref = change.variable
    of = {"signal": ref.name} if isinstance(ref, SignalRef) else {"pool": ref.pool, "field": ref.field}
    return {**of, "from": change.old, "to": change.new, "text": f"{ref}: {shown(change.old)} → {change.text}"}


def shown(value: object) -> str:
    """As in an expression."""
    match value:
        case None:
            return "unknown"
        case bool():
            return str(value).lower()
        case float():
            return repr(round(value, 4)).removesuffix(".0")
        case tuple() | list():
            return " and ".join(map(str, value)) or "none"
    return str(value)
