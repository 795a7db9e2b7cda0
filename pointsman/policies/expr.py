"""`when:` expressions: their tree, and the parser from text to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from math import isfinite
from operator import eq, ge, gt, le, lt, ne
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, cast

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken, v_args

from pointsman.policies.hints import explain

KEYWORDS: Final = frozenset({"and", "or", "not", "in", "true", "false", "pool"})
"""Names that no signal can have, because an expression reads them differently."""

MAX_LENGTH: Final = 65536
MAX_NAME: Final = 128
MAX_NESTING: Final = 100
"""Entries on the parser's stack: a parenthesis or `not` takes one, a started `and` or `or` two."""

Operator: TypeAlias = Literal["<", "<=", ">", ">=", "==", "!="]

COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = MappingProxyType(
    {"<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne}
)
"""What each operator does with two numbers."""

_TOO_DEEP: Final = "nested too deeply; remove needless parentheses, or write several decisions"

_MIRRORED: Final[dict[str, Operator]] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}

# Keywords end where a name would go on: the lexer tries only what the parser can take next, and would
# otherwise read `a android` as `a and roid`.
_GRAMMAR: Final = r"""
?start: disjunction
?disjunction: conjunction (_OR conjunction)*
?conjunction: negation (_AND negation)*
?negation: NOT negation -> negate
         | atom
?atom: "(" disjunction ")"
     | reference
     | reference _IN list -> within
     | reference NOT _IN list -> outside
     | reference COMPARE NUMBER -> compare
     | NUMBER COMPARE reference -> compare_mirrored
     | TRUE -> constant
     | FALSE -> constant
reference: (NAME | QUOTED) ("." (PART | QUOTED))*
list: "[" [item ("," item)* ","?] "]"
?item: NUMBER | PART | QUOTED

_OR.2: /or(?![\w-])/
_AND.2: /and(?![\w-])/
_IN.2: /in(?![\w-])/
NOT.2: /not(?![\w-])/
TRUE.2: /true(?![\w-])/
FALSE.2: /false(?![\w-])/
COMPARE: /<=|>=|==|!=|<|>/
NUMBER.1: /-?\d+(\.\d+)?([eE][+-]?\d+)?(?![\w.-])/
NAME.1: /(?!(and|or|not|in|true|false)(?![\w-]))[^\W\d][\w-]*/
PART: /\w[\w-]*/
QUOTED: /"[^"\n]*"/
%ignore /\s+/
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the text of an expression, both from 1, in characters."""

    line: int = 1
    column: int = 1


class ExprError(ValueError):
    """An expression that cannot be used. The message says what to write instead."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, place.line, place.column

    def __str__(self) -> str:
        line = f"line {self.line}, " if self.line > 1 else ""
        return f"{line}column {self.column}: {self.message}"


_START: Final = Place()


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    place: Place = field(default=_START, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Constant(Node):
    value: bool

    def __str__(self) -> str:
        return str(self.value).lower()


@dataclass(frozen=True, slots=True)
class SignalRef(Node):
    name: str
    label: str | None = None
    label_place: Place | None = field(default=None, compare=False, repr=False, kw_only=True)  # in a list

    def __str__(self) -> str:
        return written(self.name) if self.label is None else f"{written(self.name)}.{_part(self.label)}"


@dataclass(frozen=True, slots=True)
class PoolRef(Node):
    pool: str
    field: str

    def __str__(self) -> str:
        return f"pool.{_part(self.pool)}.{self.field}"


Reference: TypeAlias = SignalRef | PoolRef


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """The reference always stands left: `8000 < size` is read as `size > 8000`."""

    reference: Reference
    operator: Operator
    number: float

    def __str__(self) -> str:
        return f"{self.reference} {self.operator} {repr(self.number).removesuffix('.0')}"


@dataclass(frozen=True, slots=True)
class Not(Node):
    operand: Expr

    def __str__(self) -> str:
        return f"not {_grouped(self.operand, And, Or)}"


@dataclass(frozen=True, slots=True)
class And(Node):
    operands: tuple[Expr, ...]

    def __str__(self) -> str:
        return " and ".join(_grouped(o, And, Or) for o in self.operands)


@dataclass(frozen=True, slots=True)
class Or(Node):
    operands: tuple[Expr, ...]

    def __str__(self) -> str:
        return " or ".join(_grouped(o, Or) for o in self.operands)


_BARE_NAME: Final = re.compile(r"[^\W\d][\w-]*")
_BARE_PART: Final = re.compile(r"\w[\w-]*")


def written(name: str) -> str:
    """A name as it stands in an expression: in quotes if it needs them."""
    return name if _BARE_NAME.fullmatch(name) and name not in KEYWORDS else f'"{name}"'


def _part(label: str) -> str:
    return label if _BARE_PART.fullmatch(label) else f'"{label}"'


Expr: TypeAlias = Constant | SignalRef | PoolRef | Compare | Not | And | Or


def _grouped(expr: Expr, *kinds: type) -> str:
    return f"({expr})" if isinstance(expr, kinds) else str(expr)


def references(expr: Expr) -> Iterator[Reference]:
    """Every reference, from left to right, as often as it is written."""
    match expr:
        case SignalRef() | PoolRef():
            yield expr
        case Compare():
            yield expr.reference
        case Not():
            yield from references(expr.operand)
        case And() | Or():
            for operand in expr.operands:
                yield from references(operand)


def parse(text: str) -> Expr:
    """`ExprError` if the text is no expression."""
    if len(text) > MAX_LENGTH:
        raise ExprError(f"the expression has {len(text)} characters; at most {MAX_LENGTH} are read", _START)
    run: Any = _parser().parse_interactive(text)
    try:
        for token in run.iter_parse():
            if len(run.parser_state.value_stack) > MAX_NESTING:
                raise ExprError(_TOO_DEEP, _token_place(token))
        return cast(Expr, run.feed_eof())
    except UnexpectedInput as error:
        message, at = explain(text, _failure(error, text), run.accepts())
        raise ExprError(message, _place(text, at)) from None


def _failure(error: UnexpectedInput, text: str) -> int:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return len(text.rstrip())
    return error.pos_in_stream or 0


def _place(text: str, at: int) -> Place:
    return Place(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _token_place(token: Token) -> Place:
    return Place(token.line or 1, token.column or 1)


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", transformer=_Builder())


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    def disjunction(self, *operands: Expr) -> Expr:
        return Or(operands, place=operands[0].place)

    def conjunction(self, *operands: Expr) -> Expr:
        return And(operands, place=operands[0].place)

    def negate(self, token: Token, operand: Expr) -> Expr:
        return Not(operand, place=_token_place(token))

    def constant(self, word: Token) -> Expr:
        return Constant(word == "true", place=_token_place(word))

    def reference(self, name: Token, *parts: Token) -> Reference:
        place = _token_place(name)
        names = [_unquoted(token) for token in (name, *parts)]
        if name == "pool":
            return _pool_reference(names[1:], place)
        if len(parts) > 1:
            raise ExprError(f"`{name}.{parts[0]}.{parts[1]}` has too many parts; write `signal.label`", place)
        return SignalRef(names[0], names[1] if parts else None, place=place)

    def list(self, *items: Token | None) -> tuple[Token, ...]:
        return tuple(item for item in items if item is not None)

    def within(self, reference: Reference, items: tuple[Token, ...]) -> Expr:
        tests = tuple(_equals(reference, item) for item in items)
        if not tests:
            raise ExprError(f"nothing is in an empty list; write `{reference} in [one, other]`", reference.place)
        return tests[0] if len(tests) == 1 else Or(tests, place=reference.place)

    def outside(self, reference: Reference, _: Token, items: tuple[Token, ...]) -> Expr:
        return Not(self.within(reference, items), place=reference.place)

    def compare(self, reference: Reference, operator: Token, number: Token) -> Expr:
        return Compare(reference, cast(Operator, str(operator)), _number(number), place=reference.place)

    def compare_mirrored(self, number: Token, operator: Token, reference: Reference) -> Expr:
        return Compare(reference, _MIRRORED[operator], _number(number), place=reference.place)


def _unquoted(token: Token) -> str:
    name = token[1:-1] if token.type == "QUOTED" else str(token)
    if not name.strip():
        raise ExprError("a name or label is missing between these quotes", _token_place(token))
    if len(name) > MAX_NAME:
        raise ExprError(f"a name or label is at most {MAX_NAME} characters long", _token_place(token))
    return name


def _equals(ref: Reference, item: Token) -> Expr:
    if item.type == "NUMBER":
        return Compare(ref, "==", _number(item), place=ref.place)
    if isinstance(ref, PoolRef):
        raise ExprError(f"a pool's state has no labels; list numbers, as in `{ref} in [0, 1]`", _token_place(item))
    if ref.label is not None:
        raise ExprError(f"`{ref}` is one label already; write `{written(ref.name)} in [...]`", ref.place)
    return SignalRef(ref.name, _unquoted(item), place=ref.place, label_place=_token_place(item))


def _pool_reference(parts: list[str], place: Place) -> PoolRef:
    if len(parts) != 2:
        name = parts[0] if parts else "NAME"
        raise ExprError(f"a pool's state has three parts; write `pool.{name}.load` or another field", place)
    return PoolRef(parts[0], parts[1], place=place)


def _number(token: Token) -> float:
    number = float(token)
    if not isfinite(number):
        raise ExprError(f"{token[:20]} is too large a number", _token_place(token))
    return number
