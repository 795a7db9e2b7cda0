"""Which decision a request meets.

All conditions become one Python function when a policy is built, because a hundred decisions of five
conditions each have to be asked within microseconds. Our expression tree is translated node by node into
Python's own, where the text of the policy occurs only as constants. Each signal has one local variable,
read when a condition first needs it. `domain.math and size > 8000` becomes

    def decide(readings, pools):
        v0 = v1 = None
        if (
            (v0 if v0 is not None else (v0 := read_v0(readings, pools))) > 8000.0
            and "math" in (v1 if v1 is not None else (v1 := read_v1(readings, pools)))
        ):
            return 0
        return -1
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final, Protocol, TypeAlias, cast

from pointsman.policies.expr import (
    And,
    Compare,
    Constant,
    Expr,
    Not,
    Or,
    PoolRef,
    Reference,
    SignalRef,
    references,
)
from pointsman.policies.types import Decision
from pointsman.signals.base import Cost, Signal, SignalValue
from pointsman.signals.facts import PoolLoad


class Readings(Protocol):
    """One request's signals; evaluates a signal when it is first asked for."""

    def __getitem__(self, name: str, /) -> SignalValue: ...


Pools: TypeAlias = Callable[[str], PoolLoad]


@dataclass(frozen=True, slots=True)
class Verdict:
    decision: Decision | None


def in_order(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """As they are asked: higher priority first, then as they stand in the file."""
    return tuple(sorted(decisions, key=lambda decision: -decision.priority))


class Policy:
    """Built once per reload from decisions whose expressions have no `resolve.problems`."""

    def __init__(self, decisions: Iterable[Decision], signals: Mapping[str, Signal[Any]]) -> None:
        self.decisions = in_order(decisions)
        self._first = _Compiler(signals).function([decision.when for decision in self.decisions])
        self._verdicts = (*map(Verdict, self.decisions), Verdict(None))  # index -1 is no match

    def decide(self, readings: Readings, pools: Pools) -> Verdict:
        """The first decision that holds. Signals that cannot change that are not read."""
        return self._verdicts[self._first(readings, pools)]


class _Unknown:
    """Stands for a value that is not known: every question about it has the same answer."""

    def __init__(self, answer: bool) -> None:
        self._answer = answer

    def __bool__(self) -> bool:
        return self._answer

    def _answers(self, other: object) -> bool:
        return self._answer

    __contains__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _answers


_UNKNOWN: Final = {answer: _Unknown(answer) for answer in (False, True)}

Operand: TypeAlias = bool | float | Collection[str] | _Unknown
Read: TypeAlias = Callable[[Readings, Pools], Operand]


def _reader(ref: Reference, signals: Mapping[str, Signal[Any]]) -> Read:
    if isinstance(ref, PoolRef):
        return _pool_reader(ref.pool, ref.field)
    return _signal_reader(ref.name, _UNKNOWN[signals[ref.name].options.on_unknown])


def _signal_reader(name: str, unknown: _Unknown) -> Read:
    def read(readings: Readings, pools: Pools) -> Operand:
        value = readings[name].value
        if value is None:
            return unknown
        return (value,) if isinstance(value, str) else value

    return read


def _pool_reader(pool: str, field: str) -> Read:
    def read(readings: Readings, pools: Pools) -> Operand:
        value: Operand | None = getattr(pools(pool), field)
        return _UNKNOWN[False] if value is None else value

    return read


_OPERATORS: Final[dict[str, type[ast.cmpop]]] = {
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
    "==": ast.Eq,
    "!=": ast.NotEq,
}


def _load(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


class _Compiler:
    """Writes the function of one policy."""

    def __init__(self, signals: Mapping[str, Signal[Any]]) -> None:
        self._signals = signals
        self._variables: dict[Reference, str] = {}

    def function(self, conditions: Sequence[Expr]) -> Callable[[Readings, Pools], int]:
        """The index of the first condition that holds, else -1."""
        tests = [
            ast.If(self._test(condition), [ast.Return(ast.Constant(index))], [])
            for index, condition in enumerate(conditions)
        ]
        module = ast.parse("def decide(readings, pools): pass")
        define = module.body[0]
        assert isinstance(define, ast.FunctionDef)
        define.body = [*self._unread(), *tests, ast.Return(ast.Constant(-1))]
        names: dict[str, Any] = {f"read_{v}": _reader(r, self._signals) for r, v in self._variables.items()}
        code = compile(ast.fix_missing_locations(module), "<policy>", "exec")
        FunctionType(code, names)()  # runs the `def`, which puts `decide` among the names
        return cast(Callable[[Readings, Pools], int], names["decide"])

    def _unread(self) -> list[ast.stmt]:
        targets: list[ast.expr] = [ast.Name(name, ast.Store()) for name in self._variables.values()]
        return [ast.Assign(targets, ast.Constant(None))] if targets else []

    def _test(self, expr: Expr) -> ast.expr:
        match expr:
            case Constant():
                return ast.Constant(expr.value)
            case SignalRef(name, label) if label is not None:
                return ast.Compare(ast.Constant(label), [ast.In()], [self._value(SignalRef(name))])
            case SignalRef() | PoolRef():
                return self._value(expr)
            case Compare(reference, operator, number):
                return ast.Compare(self._value(reference), [_OPERATORS[operator]()], [ast.Constant(number)])
            case Not(operand):
                return ast.UnaryOp(ast.Not(), self._test(operand))
            case And(operands):
                return ast.BoolOp(ast.And(), self._cheapest_first(operands))
            case Or(operands):
                return ast.BoolOp(ast.Or(), self._cheapest_first(operands))

    def _value(self, ref: Reference) -> ast.expr:
        name = self._variables.setdefault(ref, f"v{len(self._variables)}")
        is_read = ast.Compare(ast.Name(name, ast.Load()), [ast.IsNot()], [ast.Constant(None)])
        arguments: list[ast.expr] = [ast.Name("readings", ast.Load()), ast.Name("pools", ast.Load())]
        read = ast.Call(ast.Name(f"read_{name}", ast.Load()), arguments, [])
        return ast.IfExp(is_read, ast.Name(name, ast.Load()), ast.NamedExpr(ast.Name(name, ast.Store()), read))

    def _cheapest_first(self, operands: Iterable[Expr]) -> list[ast.expr]:
        return [self._test(operand) for operand in sorted(operands, key=self._cost)]

    def _cost(self, expr: Expr) -> int:
        """That of the dearest signal that may have to be read."""
        return max((self._reference_cost(ref) for ref in references(expr)), default=-1)

    def _reference_cost(self, ref: Reference) -> int:
        return self._signals[ref.name].cost if isinstance(ref, SignalRef) else Cost.FREE
