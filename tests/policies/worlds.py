"""Small policies, and all values that their signals can have."""

from __future__ import annotations

from itertools import combinations, product

from hypothesis import strategies as st

from pointsman.policies.analyse.model import Model
from pointsman.policies.analyse.solver import Solver
from pointsman.policies.decide import Policy, tiers
from pointsman.policies.expr import And, Compare, Expr, Not, Or, PoolRef, SignalRef, parse
from pointsman.policies.types import Decision, Respond
from pointsman.signals.base import COUNT, LabelCount, Numbers, Shape
from pointsman.signals.facts import PoolLoad
from tests.policies.trees import Readings, Stub

LABELS = ("math", "law", "art")


def world(on_unknown: frozenset[str] = frozenset()) -> dict[str, Stub]:
    def stub(name, shape, labels=None, **declared):
        built = Stub(name, shape, labels, on_unknown=name in on_unknown)
        vars(built).update(declared)
        return built

    return {
        "urgent": stub("urgent", Shape.BOOL),
        "domain": stub("domain", Shape.LABEL, frozenset(LABELS), label_count=LabelCount.ONE),
        "topic": stub("topic", Shape.LABEL, frozenset(LABELS[:2])),
        "plan": stub("plan", Shape.LABEL),
        "role": stub("role", Shape.LABEL, label_count=LabelCount.ANY),
        "turns": stub("turns", Shape.NUMBER, numbers=COUNT),
        "share": stub("share", Shape.NUMBER, numbers=Numbers(0, 1)),
        "effort": stub("effort", Shape.NUMBER),
    }


VALUES = {
    "urgent": [True, False, None],
    "domain": [*LABELS, None],
    "topic": [*LABELS[:2], (), None],
    "plan": ["math", "law", "art", "else", None],
    "role": [*(labels for count in range(4) for labels in combinations(LABELS, count)), None],
    "turns": [0, 1, 2, 3, 4, None],
    "share": [0, 0.25, 0.5, 0.75, 1, None],
    "effort": [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, None],
    "pool.small.kv": [0.0, 0.25, 0.5, 0.75, 1.0, None],
    "pool.small.healthy": [True, False],
}
"""One of each kind that conditions with the thresholds below can tell apart."""

THRESHOLDS = {"turns": [-1, 0, 1, 1.5, 2, 3], "share": [-1, 0, 0.5, 1, 2], "effort": [-1, 0, 1]}


def _atoms(name: str) -> st.SearchStrategy[Expr]:
    if name.startswith("pool."):
        ref = PoolRef("small", name.rsplit(".", 1)[1])
        return st.just(ref) if ref.field == "healthy" else _compared(ref, [0, 0.5, 1])
    if name in THRESHOLDS:
        return _compared(SignalRef(name), THRESHOLDS[name])
    if name == "urgent":
        return st.just(SignalRef(name))
    return st.builds(SignalRef, st.just(name), st.sampled_from(LABELS[:2] if name == "topic" else LABELS))


def _compared(ref, thresholds) -> st.SearchStrategy[Expr]:
    operators = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    return st.builds(Compare, st.just(ref), operators, st.sampled_from(thresholds).map(float))


def _nested(inner):
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.builds(Not, inner) | st.builds(And, several) | st.builds(Or, several)


@st.composite
def policies(draw) -> tuple[list[Decision], dict[str, Stub]]:
    """Up to five decisions over up to three signals; conditions have the places of their text."""
    names = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3, unique=True))
    conditions = st.recursive(st.one_of(*map(_atoms, names)), _nested, max_leaves=5)
    decisions = [
        Decision(
            f"d{index}",
            parse(str(draw(conditions))),
            draw(st.integers(0, 2)),
            *draw(st.sampled_from([(("small",),), (("large",),), ((), None, Respond(403, "no"))])),
        )
        for index in range(draw(st.integers(1, 5)))
    ]
    return decisions, world(draw(st.frozensets(st.sampled_from(names))))


def cases(decisions: list[Decision]) -> list[dict]:
    """Every combination of values of what the policy names."""
    text = " ".join(str(decision.when) for decision in decisions)
    named = [name for name in VALUES if name in text]
    return [dict(zip(named, values, strict=True)) for values in product(*(VALUES[name] for name in named))]


class Judge:
    """What the deciding core says of each case."""

    def __init__(self, decisions, signals):
        self.signals = signals
        self.cases = cases(decisions)
        self._policy = Policy(decisions, signals)
        self.order = self._policy.decisions
        self.winner = [self._decide(self._policy, case) for case in self.cases]
        self.holds = {decision.name: self.truth(decision.when) for decision in self.order}

    def truth(self, condition: Expr) -> list[bool]:
        alone = Policy([Decision("alone", condition)], self.signals)
        return [self._decide(alone, case) == "alone" for case in self.cases]

    def _decide(self, policy, case):
        load = PoolLoad(kv=case.get("pool.small.kv"), healthy=case.get("pool.small.healthy", True))
        decision = policy.decide(Readings(case), lambda name: load).decision
        return decision.name if decision else None

    def wins(self, name: str) -> list[bool]:
        return [winner == name for winner in self.winner]

    def known(self) -> list[bool]:
        return [None not in case.values() for case in self.cases]


def modelled(solver: Solver, decisions, signals, strategy="priority") -> Model:
    return Model(solver, tiers(decisions, strategy), signals)
