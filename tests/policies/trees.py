"""Signals without a type of their own, policies over them, and random expressions."""

from __future__ import annotations

from hypothesis import strategies as st

from pointsman.policies.decide import Policy
from pointsman.policies.expr import And, Compare, Constant, Expr, Not, Or, PoolRef, SignalRef, parse
from pointsman.policies.types import Decision
from pointsman.signals.base import UNKNOWN, Cost, Shape, Signal, SignalOptions, SignalValue
from pointsman.signals.facts import Facts, PoolLoad


class Stub(Signal[SignalOptions]):
    Options = SignalOptions

    def __init__(self, name, shape, labels=None, cost=Cost.HEURISTIC, on_unknown=False):
        super().__init__(name, SignalOptions(type="stub", on_unknown=on_unknown))
        self._shape, self._labels, self.cost = shape, labels, cost

    @property
    def shape(self) -> Shape:
        return self._shape

    @property
    def known_labels(self) -> frozenset[str] | None:
        return self._labels

    def evaluate(self, facts: Facts) -> SignalValue:
        return UNKNOWN


LABELS = ("math", "law", "and")
SHAPES = {
    **dict.fromkeys(("a", "b", "c", "android", "not_b"), Shape.BOOL),
    **dict.fromkeys(("domain", "lang"), Shape.LABEL),
    **dict.fromkeys(("size", "turns"), Shape.NUMBER),
}
COSTS = {
    **dict.fromkeys(("a", "not_b", "size"), Cost.FREE),
    **dict.fromkeys(("b", "domain", "turns"), Cost.HEURISTIC),
    **dict.fromkeys(("c", "android", "lang"), Cost.NEURAL),
}
POOL = PoolLoad(load=0.5, queue=2, inflight=3, kv=None, healthy=True)

_numbers = st.integers(-3, 3).map(float) | st.floats(allow_nan=False, allow_infinity=False)


def _named(shape: Shape) -> st.SearchStrategy[str]:
    return st.sampled_from([name for name, s in SHAPES.items() if s is shape])


_atoms = st.one_of(
    st.builds(Constant, st.booleans()),
    st.builds(SignalRef, _named(Shape.BOOL)),
    st.builds(SignalRef, _named(Shape.LABEL), st.sampled_from(LABELS)),
    st.just(PoolRef("small", "healthy")),
    st.builds(
        Compare,
        st.builds(SignalRef, _named(Shape.NUMBER))
        | st.builds(PoolRef, st.just("small"), st.sampled_from(["load", "queue", "inflight"])),
        st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        _numbers,
    ),
)


def _nested(inner):
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.builds(Not, inner) | st.builds(And, several) | st.builds(Or, several)


expressions = st.recursive(_atoms, _nested, max_leaves=12)

_values = {
    Shape.BOOL: st.booleans(),
    Shape.LABEL: st.sampled_from(LABELS) | st.lists(st.sampled_from(LABELS), unique=True).map(tuple),
    Shape.NUMBER: st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False),
}
known_values = st.fixed_dictionaries({name: _values[shape] for name, shape in SHAPES.items()})
"""A value for every signal of `SHAPES`."""

any_values = st.fixed_dictionaries({n: st.none() | _values[shape] for n, shape in SHAPES.items()})


class Readings:
    """Answers from a table and remembers what was asked, in order."""

    def __init__(self, values):
        self.values, self.asked = values, []

    def __getitem__(self, name):
        self.asked.append(name)
        value = self.values[name]
        return value if isinstance(value, SignalValue) else SignalValue(value)


def stubs(on_unknown=False):
    labels = frozenset(LABELS)
    return {n: Stub(n, shape, labels, COSTS[n], on_unknown=on_unknown) for n, shape in SHAPES.items()}


def policy(*conditions: str | Expr, signals=None, priorities=(), strategy="priority"):
    trees = [parse(c) if isinstance(c, str) else c for c in conditions]
    decisions = [Decision(f"d{i}", tree, priority=priorities[i] if priorities else 0) for i, tree in enumerate(trees)]
    return Policy(decisions, stubs() if signals is None else signals, strategy)


def first(built: Policy, values, pools=lambda name: POOL) -> str | None:
    decision = built.decide(Readings(values), pools).decision
    return decision.name if decision else None


def holds(condition, values, *, on_unknown=False, pools=lambda name: POOL) -> bool:
    return first(policy(condition, signals=stubs(on_unknown)), values, pools) == "d0"
