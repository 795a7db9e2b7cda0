"""Conditions as one Python function.

A hundred decisions of five conditions each have to be asked within microseconds. Our expression tree is translated
node by node into Python's own, where the text of the policy occurs only as constants. Each signal has one local
variable, read when a condition first needs it. `domain.math and size > 8000` and after it `urgent and size > 100`
become

    def decide(readings, pools):
        if (v0 := read_v0(readings, pools)) > 8000 and "math" in (v1 := read_v1(readings, pools)):
            return 0
        if (v2 := readings["urgent"].value or False) and v0 > 100:
            return 1
        return -1

A variable that need not be set when a condition is asked starts as None: `((v1 := …) if v1 is None else v1)`.

Decisions of one priority under the strategy `confidence` are all asked, and those that hold compared:

        best = -1
        sure = None
        if …:
            best, sure = contend(readings, pools, best, sure, 0)
            if sure == 1.0:
                return best
        …
        if best >= 0:
            return best
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import and_
from types import FunctionType
from typing import Any, Final, NamedTuple, TypeAlias, cast

from pointsman.policies.confidence import Confidence, confidence
from pointsman.policies.expr import And, Compare, Constant, Expr, Not, Or, PoolRef, Reference, SignalRef, references
from pointsman.policies.plan import Costs, in_order_of_cost, plan
from pointsman.policies.types import Pools, Readings
from pointsman.signals.base import Cost, Shape, Signal

Decide: TypeAlias = Callable[[Readings, Pools], int]


def first_of(tiers: Sequence[Sequence[Expr]], signals: Mapping[str, Signal[Any]]) -> Decide:
    """The index of the condition that wins, counted over all tiers, else -1: of the first tier in which one holds,
    the surest, of equally sure ones the first."""
    return _Compiler(signals).function(tiers)


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


def _number_reader(name: str, unknown: _Unknown) -> Read:
    def read(readings: Readings, pools: Pools) -> Operand:
        value: Any = readings[name].value
        return unknown if value is None else value

    return read


def _label_reader(name: str, unknown: _Unknown) -> Read:
    none = unknown if unknown else ()  # which has no label either, and is asked far quicker

    def read(readings: Readings, pools: Pools) -> Operand:
        value: Any = readings[name].value
        if value is None:
            return none
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


Known: TypeAlias = frozenset[Reference]
"""Whose variables are set at some point of the function, however it was reached."""


class _Test(NamedTuple):
    """A condition, and what is known once it was true, once it was false."""

    code: ast.expr
    if_true: Known
    if_false: Known


class _Compiler:
    """Writes the function of one policy."""

    def __init__(self, signals: Mapping[str, Signal[Any]]) -> None:
        self._signals = signals
        self._variables: dict[Reference, str] = {}
        self._perhaps_set: set[str] = set()
        self._names: dict[str, Any] = {}  # what the function's text refers to

    def function(self, tiers: Sequence[Sequence[Expr]]) -> Decide:
        module = ast.parse("def decide(readings, pools): pass")
        define = module.body[0]
        assert isinstance(define, ast.FunctionDef)
        tests = list(self._tests(tiers))
        define.body = [*self._unread(), *tests, ast.Return(ast.Constant(-1))]
        names = self._names.copy()
        code = compile(ast.fix_missing_locations(module), "<policy>", "exec")
        FunctionType(code, names)()  # runs the `def`, which puts `decide` among the names
        return cast(Decide, names["decide"])

    def _unread(self) -> list[ast.stmt]:
        targets: list[ast.expr] = [ast.Name(name, ast.Store()) for name in sorted(self._perhaps_set)]
        return [ast.Assign(targets, ast.Constant(None))] if targets else []

    def _tests(self, tiers: Iterable[Sequence[Expr]]) -> Iterator[ast.stmt]:
        known: Known = frozenset()
        index = 0
        for tier in tiers:
            if len(tier) == 1:
                test = self._test(self._planned(tier[0], known), known)
                yield ast.If(test.code, [ast.Return(ast.Constant(index))], [])
                known = test.if_false
            else:
                known = yield from self._contest(tier, index, known)
            index += len(tier)

    def _contest(self, tier: Sequence[Expr], first: int, known: Known) -> Generator[ast.stmt, None, Known]:
        """Known after it is what was read where none held."""
        rivals: dict[int, Confidence] = {}
        settled: set[int] = set()
        name = f"contend_{first}"
        self._names[name] = _contest(rivals, settled)
        yield from ast.parse("best = -1; sure = None").body
        none_held = known
        for index, condition in enumerate(tier, first):
            planned = self._planned(condition, known)
            test = self._test(planned, known)
            rivals[index] = confidence(in_order_of_cost(condition, self._cost), self._signals)
            if {_whole(ref) for ref in references(condition)} <= test.if_true:
                settled.add(index)
            contend = f"best, sure = {name}(readings, pools, best, sure, {index})\nif sure == 1.0: return best"
            yield ast.If(test.code, list(ast.parse(contend).body), [])
            known, none_held = test.if_true & test.if_false, none_held | test.if_false
        yield from ast.parse("if best >= 0: return best").body
        return none_held

    def _planned(self, condition: Expr, known: Known) -> Expr:
        return plan(condition, self._cost_where(known))

    def _cost_where(self, known: Known) -> Costs:
        return lambda ref: -1 if _whole(ref) in known else self._cost(ref)

    def _cost(self, ref: Reference) -> int:
        return self._signals[ref.name].cost if isinstance(ref, SignalRef) else Cost.FREE

    def _test(self, expr: Expr, known: Known) -> _Test:
        match expr:
            case Constant():
                return _Test(ast.Constant(expr.value), known, known)
            case SignalRef(name, label) if label is not None:
                signal = SignalRef(name)
                return _leaf(ast.Compare(ast.Constant(label), [ast.In()], [self._value(signal, known)]), known, signal)
            case SignalRef() | PoolRef():
                return _leaf(self._value(expr, known), known, expr)
            case Compare(ref, operator, number):
                compared = ast.Compare(self._value(ref, known), [_OPERATORS[operator]()], [_number(number)])
                return _leaf(compared, known, ref)
            case Not(operand):
                test = self._test(operand, known)
                return _Test(ast.UnaryOp(ast.Not(), test.code), test.if_false, test.if_true)
            case And(operands):
                tests = self._chain(operands, known, lambda test: test.if_true)
                return _Test(_joined(ast.And(), tests), tests[-1].if_true, _common(t.if_false for t in tests))
            case Or(operands):
                tests = self._chain(operands, known, lambda test: test.if_false)
                return _Test(_joined(ast.Or(), tests), _common(t.if_true for t in tests), tests[-1].if_false)

    def _chain(self, operands: Iterable[Expr], known: Known, goes_on: Callable[[_Test], Known]) -> list[_Test]:
        """`goes_on` tells what is known when the next operand is asked."""
        tests = []
        for operand in operands:
            tests.append(self._test(operand, known))
            known = goes_on(tests[-1])
        return tests

    def _value(self, ref: Reference, known: Known) -> ast.expr:
        if ref in known:
            return _load(self._variables[ref])
        met = ref in self._variables
        name = self._variables.setdefault(ref, f"v{len(self._variables)}")
        read = ast.NamedExpr(ast.Name(name, ast.Store()), self._read(ref, f"read_{name}"))
        if not met:
            return read
        self._perhaps_set.add(name)
        unset = ast.Compare(_load(name), [ast.Is()], [ast.Constant(None)])
        return ast.IfExp(unset, read, _load(name))

    def _read(self, ref: Reference, reader: str) -> ast.expr:
        if isinstance(ref, PoolRef):
            self._names[reader] = _pool_reader(ref.pool, ref.field)
        else:
            signal = self._signals[ref.name]
            if signal.shape is Shape.BOOL:
                return _boolean(ref.name, signal.options.on_unknown)
            kind = _label_reader if signal.shape is Shape.LABEL else _number_reader
            self._names[reader] = kind(ref.name, _UNKNOWN[signal.options.on_unknown])
        return ast.Call(_load(reader), [_load("readings"), _load("pools")], [])


def _load(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _number(number: float) -> ast.expr:
    """Whole numbers as int, because most signals count, and Python compares equal types several times faster."""
    return ast.Constant(int(number) if float(number).is_integer() and abs(number) < 2**53 else number)


def _boolean(signal: str, on_unknown: bool) -> ast.expr:
    """True or False, and no call, because most signals are boolean."""
    value = ast.Attribute(ast.Subscript(_load("readings"), ast.Constant(signal), ast.Load()), "value", ast.Load())
    if on_unknown:
        return ast.Compare(value, [ast.IsNot()], [ast.Constant(False)])
    return ast.BoolOp(ast.Or(), [value, ast.Constant(False)])


def _whole(ref: Reference) -> Reference:
    """The reference whose variable has the value."""
    return SignalRef(ref.name) if isinstance(ref, SignalRef) else ref


def _contest(rivals: Mapping[int, Confidence], settled: Collection[int]) -> Callable[..., tuple[int, float | None]]:
    """Who is ahead when one more condition of a tier holds, and how sure it is, as far as that had to be asked."""

    def contend(
        readings: Readings, pools: Pools, best: int, sure: float | None, index: int
    ) -> tuple[int, float | None]:
        if best < 0:
            return index, rivals[index](readings, pools) if index in settled else None
        if sure is None:
            sure = rivals[best](readings, pools)
        if sure == 1.0:
            return best, sure
        other = rivals[index](readings, pools)
        return (index, other) if other > sure else (best, sure)

    return contend


def _leaf(code: ast.expr, known: Known, read: Reference) -> _Test:
    return _Test(code, known | {read}, known | {read})


def _joined(operator: ast.boolop, tests: Iterable[_Test]) -> ast.expr:
    return ast.BoolOp(operator, [test.code for test in tests])


def _common(known: Iterable[Known]) -> Known:
    return reduce(and_, known)
