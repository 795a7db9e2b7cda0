"""The only changes that a body sees on its way upstream: `model` and `stream_options`, byte by byte; what a cascade
needs to judge the answer; and, where a decision wants that, examples before the last message.

Everything else keeps its bytes: key order, big integers, float spelling, duplicate and unknown keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRUCTURE = re.compile(_STRING + rb"|[{}\[\],:]", re.DOTALL)
_SCALAR = re.compile(rb"[^\s,}\]]+")
_SPACE = re.compile(rb"\s*")


_COLON = re.compile(rb"\s*:\s*")


def _single_value(body: bytes, key: bytes) -> tuple[int, int] | None:
    """Where the value of `key`, which the object has, stands; None if that is not plain to see.

    A string cannot hold a bare quote. So if the quoted name occurs only once and the key is not spelled with
    escapes, this is the key, at the top."""
    name = b'"%b"' % key
    at = body.find(name)
    if at < 0 or body.find(name, at + 1) >= 0 or rb"\u00" in body:
        return None
    colon = _COLON.match(body, at + len(name))
    if colon is None:
        return None
    start = colon.end()
    return start, _value_end(body, start)


def _value_end(body: bytes, start: int) -> int:
    opening = body[start : start + 1]
    if opening == b'"':
        end = body.index(b'"', start + 1) + 1
        if body.find(b"\\", start, end) < 0:
            return end
    elif opening not in (b"{", b"["):
        scalar = _SCALAR.match(body, start)
        assert scalar is not None
        return scalar.end()
    depth = 0
    for token in _STRUCTURE.finditer(body, start):
        text = token[0]
        if text in (b"{", b"["):
            depth += 1
        elif text in (b"}", b"]"):
            depth -= 1
        if depth == 0:
            return token.end()
    raise ValueError("unbalanced JSON")


@dataclass(frozen=True, slots=True)
class Member:
    """Where one member of the top-level object stands: `body[key_start:end]` is `"key": value`."""

    key: str
    key_start: int
    start: int
    end: int


def top_level_members(body: bytes) -> Iterator[Member]:
    """The members of the object `body`, which must be valid JSON."""
    depth, key, key_start, start = 0, "", 0, -1
    for token in _STRUCTURE.finditer(body):
        text, at = token[0], token.start()
        if text in (b"{", b"["):
            depth += 1
        elif text in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and text == b":":
            start = _SPACE.match(body, token.end()).end()  # type: ignore[union-attr]  # matches the empty string
        elif depth == 1 and text != b"," and start < 0:
            key, key_start = orjson.loads(text), at
        if start >= 0 and ((depth == 1 and text == b",") or depth == 0):
            yield Member(key, key_start, start, _strip_end(body, start, at))
            start = -1


def _strip_end(body: bytes, start: int, end: int) -> int:
    while end > start and body[end - 1] in b" \t\r\n":
        end -= 1
    return end


def set_members(body: bytes, parsed: Mapping[str, Any], members: Mapping[str, Any]) -> bytes:
    """`body` with these top-level members replaced in place, or appended at the end if absent.

    `parsed` is what `body` parses to; it saves a scan in the common case of one plain key."""
    missing: dict[str, Any] = {}
    slow: dict[str, bytes] = {}
    for key, value in members.items():
        if key not in parsed:
            missing[key] = value
        elif parsed[key] != value:
            place = _single_value(body, key.encode())
            if place is None:
                slow[key] = orjson.dumps(value)
            else:
                body = body[: place[0]] + orjson.dumps(value) + body[place[1] :]
    if slow:
        for member in reversed([member for member in top_level_members(body) if member.key in slow]):
            body = body[: member.start] + slow[member.key] + body[member.end :]
    return _append(body, missing) if missing else body


def _append(body: bytes, members: Mapping[str, Any]) -> bytes:
    end = body.rindex(b"}")
    empty = body[:end].rstrip().endswith(b"{")
    addition = orjson.dumps(dict(members))[1:-1]
    return body[:end] + (b"" if empty else b",") + addition + body[end:]


def insert_before_last(body: bytes, key: str, items: Sequence[Any]) -> bytes:
    """`body` with `items` before the last one of its top-level list called `key`; a string that stands there instead of
    a list is a user's only message."""
    members = [member for member in top_level_members(body) if member.key == key]
    start, end = members[-1].start, members[-1].end  # of several the last counts, as in most parsers
    added = orjson.dumps(list(items))[1:-1]
    if body[start : start + 1] == b'"':
        return body[:start] + b"[" + added + b',{"role":"user","content":' + body[start:end] + b"}]" + body[end:]
    depth, last = 0, start + 1
    for token in _STRUCTURE.finditer(body, start, end):
        text = token[0]
        if text in (b"{", b"["):
            depth += 1
        elif text in (b"}", b"]"):
            depth -= 1
        elif text == b"," and depth == 1:
            last = token.end()
    return body[:last] + added + b"," + body[last:]


def drop_member(body: bytes, key: str) -> bytes:
    """`body` without its top-level members called `key`, of which it has some, and the commas that joined them."""
    place = _single_value(body, key.encode())
    if place is not None:
        before = body[: body.rindex(b'"%b"' % key.encode(), 0, place[0])].rstrip()
        if before.endswith(b","):
            return before[:-1] + body[place[1] :]
    members = list(top_level_members(body))
    for index in range(len(members) - 1, -1, -1):
        member = members[index]
        if member.key != key:
            continue
        if index > 0:
            body = body[: members[index - 1].end] + body[member.end :]
        elif len(members) > 1:
            body = body[: member.key_start] + body[members[1].key_start :]
        else:
            body = body[: member.key_start] + body[member.end :]
        members = list(top_level_members(body))
    return body
