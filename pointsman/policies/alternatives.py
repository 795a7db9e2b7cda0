"""Which other values a signal or a pool's field might have had, as far as conditions tell them apart."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, islice
from typing import Any, Final, TypeAlias

from pointsman.policies.analyse.numbers import pieces
from pointsman.policies.expr import And, Compare, Constant, Expr, Not, Or, PoolRef, Reference, SignalRef
from pointsman.policies.why import Atom, Signals, reference
from pointsman.signals.base import LabelCount, Numbers, Shape, Signal, Value
from pointsman.signals.pool import POOL_FIELDS, POOL_NUMBERS

MAX_VALUES: Final = 64
"""Of a signal that gives several labels at once: those that differ least from its present ones."""

_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Alternative:
    value: Value  # one of those that conditions do not tell apart
    text: str
    piece: int | None = None  # of the number line


@dataclass(frozen=True, slots=True)
class Line:
    """The numbers of a signal in pieces, within each of which conditions tell none apart."""

    cuts: tuple[float, ...]  # those that are a piece of their own, in order
    values: tuple[float, ...]  # one of each piece, in order

    def at(self, value: float) -> int | None:
        """The piece that has it; None where it should not occur."""
        here = self._place(value)
        return next((i for i, other in enumerate(self.values) if self._place(other) == here), None)

    def _place(self, value: float) -> tuple[int, bool]:
        return bisect_left(self.cuts, value), value in self.cuts

    def text(self, first: int, last: int) -> str:
        """These pieces and what lies between them."""
        (below, from_cut), (above, to_cut) = self._place(self.values[first]), self._place(self.values[last])
        if first == last and from_cut:
            return _shown(self.cuts[below])
        ends = []
        if from_cut or below > 0:
            ends.append(f">= {_shown(self.cuts[below])}" if from_cut else f"> {_shown(self.cuts[below - 1])}")
        if above < len(self.cuts):
            ends.append(f"{'<=' if to_cut else '<'} {_shown(self.cuts[above])}")
        return " and ".join(ends) or "any number"


Variable: TypeAlias = Reference
"""A signal without a label, or a pool's field."""


class Alternatives:
    """Of all that these conditions name."""

    def __init__(self, conditions: Iterable[Expr], signals: Signals) -> None:
        self._signals = signals
        self._labels: dict[Variable, dict[str, None]] = {}
        self.lines: dict[Variable, Line] = {}
        cuts: dict[Variable, set[float]] = {}
        self.variables: dict[Variable, None] = {}
        for atom in chain.from_iterable(map(atoms, conditions)):
            ref = whole(reference(atom))
            self.variables[ref] = None
            if isinstance(atom, Compare):
                cuts.setdefault(ref, set()).add(atom.number)
            elif isinstance(atom, SignalRef) and atom.label is not None:
                self._labels.setdefault(ref, {})[atom.label] = None
        for ref, numbers in cuts.items():
            self.lines[ref] = Line(tuple(sorted(numbers)), tuple(pieces(numbers, _numbers(ref, signals))))

    def of(self, ref: Variable, now: Value) -> list[Alternative]:
        """Those that are nearest to what it is now come first."""
        if ref in self.lines:
            return self._numbers(self.lines[ref], now)
        if isinstance(ref, PoolRef) or self._signals[ref.name].shape is Shape.BOOL:
            return [Alternative(value, str(value).lower()) for value in (True, False) if value is not now]
        labels = list(self._labels[ref])
        if self._signals[ref.name].label_count is LabelCount.ANY:
            return _several(labels, now)
        return _one(labels, self._signals[ref.name], now)

    def _numbers(self, line: Line, now: Value) -> list[Alternative]:
        here = None if now is None else line.at(float(now))  # type: ignore[arg-type]  # it is compared with numbers
        order = sorted(range(len(line.values)), key=lambda i: abs(i - (here or 0)))
        return [Alternative(_plain(line.values[i]), line.text(i, i), i) for i in order if i != here]


def whole(ref: Reference) -> Variable:
    return SignalRef(ref.name) if isinstance(ref, SignalRef) else ref


def atoms(expr: Expr) -> Iterator[Atom]:
    match expr:
        case Constant():
            return
        case Not(operand):
            yield from atoms(operand)
        case And(operands) | Or(operands):
            yield from chain.from_iterable(map(atoms, operands))
        case _:
            yield expr


def _numbers(ref: Variable, signals: Signals) -> Numbers:
    if isinstance(ref, SignalRef):
        return signals[ref.name].numbers
    assert POOL_FIELDS[ref.field] is Shape.NUMBER
    return POOL_NUMBERS[ref.field]


def _one(labels: Sequence[str], signal: Signal[Any], now: Value) -> list[Alternative]:
    present = _present(now)
    found = [Alternative(label, label) for label in labels if label not in present]
    if now is None or not present.isdisjoint(labels):
        other = _other(labels, signal)
        if other is not None:
            found.append(Alternative(other, _none_of(labels)))
    return found


def _other(labels: Sequence[str], signal: Signal[Any]) -> Value:
    """What is none of these labels; None if it always has one of them."""
    if signal.label_count is LabelCount.AT_MOST_ONE or signal.known_labels is None:
        return ()
    return min(signal.known_labels - set(labels), default=None)


def _none_of(labels: Sequence[str]) -> str:
    if len(labels) == 1:
        return f"not {labels[0]}"
    return f"none of {', '.join(labels[:_SHOWN])}{', …' if len(labels) > _SHOWN else ''}"


def _several(labels: Sequence[str], now: Value) -> list[Alternative]:
    """What one label more or less makes of it, then two, and so on."""
    present = tuple(now) if isinstance(now, tuple) else (now,) if isinstance(now, str) else ()
    sets: Iterator[tuple[str, ...]] = (
        (*(label for label in present if label not in turned), *(label for label in turned if label not in present))
        for size in range(0 if now is None else 1, len(labels) + 1)
        for turned in combinations(labels, size)
    )
    return [Alternative(value, " and ".join(value) or "none") for value in islice(sets, MAX_VALUES)]


def _present(now: Value) -> frozenset[str]:
    return frozenset((now,) if isinstance(now, str) else now if isinstance(now, tuple) else ())


def _plain(number: float) -> float:
    return int(number) if float(number).is_integer() and abs(number) < 2**53 else number


def _shown(number: float) -> str:
    return repr(_plain(number))
