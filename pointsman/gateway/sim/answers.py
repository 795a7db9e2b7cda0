"""Answers that depend on nothing but the request: same body, same text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from random import Random
from typing import Any, NamedTuple

import orjson

from pointsman.gateway.sim import tokens

_ECHO = 60  # characters of the prompt that an answer repeats
_LINES = (
    "This text comes from a simulated engine, so it says nothing about the question.",
    "The timing is real enough: a prefill, then one token after another.",
    "Each token took one step of a batch that other requests share.",
    "A longer prompt would have kept you waiting longer for the first word.",
    "Ask the same thing twice and the answer is the same, letter for letter.",
    "With more requests at once every step takes a little longer.",
    "If the prompt begins like an earlier one, its prefix came from the cache.",
    "Point a gateway at this server and the traffic looks like that of a large model.",
)


class Delta(NamedTuple):
    """What one token adds: text of the message, or of the arguments of a call."""

    text: str
    call: int | None = None
    opens: bool = False  # the first token of its call


@dataclass(frozen=True, slots=True)
class Call:
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answer:
    deltas: tuple[Delta, ...]  # one per token
    reason: str  # stop | length | tool_calls
    calls: tuple[Call, ...] = ()
    stop: str | None = None  # the stop string that ended it

    @property
    def text(self) -> str:
        return "".join(delta.text for delta in self.deltas if delta.call is None)


class Length(NamedTuple):
    """Tokens. Between the two an answer ends where it likes."""

    most: int
    least: int = 0


def answer_text(text: str, length: Length, stops: Sequence[str] = ()) -> Answer:
    """`text` up to a stop string or the limit; one that ends by itself has a last token without text."""
    stop = min((s for s in stops if s in text), key=text.index, default=None)
    if stop is not None:
        text = text[: text.index(stop)]
    return _ended(list(map(Delta, tokens.split(text))), "stop", length, stop=stop)


def answer_calls(calls: Sequence[Call], length: Length) -> Answer:
    deltas: list[Delta] = []
    for index, call in enumerate(calls):
        deltas.append(Delta("", index, True))
        deltas += [Delta(piece, index) for piece in tokens.split(call.arguments)]
    return _ended(deltas, "tool_calls", length, calls)


def _ended(
    deltas: list[Delta], reason: str, length: Length, calls: Sequence[Call] = (), stop: str | None = None
) -> Answer:
    if len(deltas) >= length.most:
        return Answer(tuple(deltas[: length.most]), "length", tuple(calls))
    return Answer((*deltas, Delta("")), reason, tuple(calls), stop)


def write_text(model: str, asked: str, random: Random, length: Length) -> str:
    """Some sentences that name the model and repeat the beginning of what was asked."""
    parts = [f'{model} here. You wrote: "{shorten(asked)}".']
    enough = max(length.least, random.randint(30, 110))
    size = len(tokens.split(parts[0]))
    for line in cycle(random.sample(_LINES, len(_LINES))):
        if size >= enough:
            break
        parts.append(line)
        size += len(tokens.split(" " + line))
    return " ".join(parts)


def shorten(text: str) -> str:
    words = " ".join(text[: 8 * _ECHO].split())
    return words if len(words) <= _ECHO else words[:_ECHO].rstrip() + "…"


def write_json(model: str, asked: str) -> str:
    return orjson.dumps({"model": model, "asked": shorten(asked), "answer": _LINES[0]}).decode()


def write_schema(schema: dict[str, Any], asked: str) -> str:
    return orjson.dumps(fill_schema(schema, asked)).decode()


def fill_schema(schema: object, asked: str, depth: int = 0) -> Any:
    """A value of the right shape for a JSON schema; of `anyOf` the first, of `enum` the first."""
    if not isinstance(schema, dict) or depth > 16:
        return None
    if "const" in schema:
        return schema["const"]
    for key in ("enum", "anyOf", "oneOf", "type"):
        options = schema.get(key)
        if isinstance(options, list) and options:
            return options[0] if key == "enum" else fill_schema(_option(schema, key), asked, depth + 1)
    return _fill_type(schema, asked, depth)


def _option(schema: dict[str, Any], key: str) -> object:
    return {**schema, "type": schema["type"][0]} if key == "type" else schema[key][0]


def _fill_type(schema: dict[str, Any], asked: str, depth: int) -> Any:
    kind = schema.get("type", "object")
    if kind == "object":
        properties = schema.get("properties")
        items = properties.items() if isinstance(properties, dict) else ()
        return {name: fill_schema(value, asked, depth + 1) for name, value in items}
    if kind == "array":
        count = schema.get("minItems", 1)
        return [fill_schema(schema.get("items"), asked, depth + 1)] * (count if count in range(1, 9) else 1)
    low = schema.get("minimum", 1)
    simple = {"string": shorten(asked), "integer": low, "number": low, "boolean": True}
    return simple.get(kind) if isinstance(kind, str) else None


def logprobs(piece: str, top: int) -> Iterator[tuple[str, float]]:
    """The token, then the `top` likeliest in its place (itself the first), each with its log-probability."""
    own = -(tokens.token_id(piece) % 1000) / 1000
    yield piece, own
    for rank in range(top):
        yield (piece, own) if rank == 0 else (f"{piece}{rank}", own - rank)
