"""Everything that an upstream can do wrong, and what a client then sees. The table of docs/faults.md says the same."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from tests.support.told import Told, event
from tests.support.upstream import Exchange, head
from tests.support.ways import (
    CHAT_OF_MESSAGES,
    CHAT_STREAM_OF_MESSAGES,
    MESSAGES,
    NATIVE_MESSAGES_STREAM,
    NATIVE_RESPONSES_STREAM,
    RESPONSES,
    Way,
)

NOBODYS = 0
"""The mark of words that no client may ever get."""

_PAUSE = 0.005  # seconds between two bytes of what never ends


class What(Enum):
    WHOLE = auto()  # as if nothing had happened
    ERROR = auto()  # a status, before the first byte
    BROKEN = auto()  # a stream's words so far, and then its error event
    CUT = auto()  # a connection that ends before the answer does
    AS_IT_IS = auto()  # bytes that the gateway has no opinion of


@dataclass(frozen=True)
class Sees:
    """`says` is in the message. `retried`: another endpoint is asked before the client hears of it. `counts`: the
    endpoint's health learns of it."""

    what: What
    status: int = 200
    code: str | None = None
    says: str = ""
    retried: bool = False
    counts: bool = False


def _error(
    says: str, status: int = 502, code: str | None = "upstream_error", *, retried: bool = True, counts: bool = True
) -> Sees:
    return Sees(What.ERROR, status, code, says, retried, counts)


def _broken(says: str, code: str | None = "upstream_error") -> Sees:
    return Sees(What.BROKEN, 200, code, says, counts=True)


WHOLE = Sees(What.WHOLE)
CUT = Sees(What.CUT, counts=True)
AS_IT_IS = Sees(What.AS_IT_IS)

Script = Callable[[Exchange, Told], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """`plain`, `stream` and `other` (paths that pass by bytes) are what clients see, None where there is no such
    fault; `unlike` has the ways that see something else. `limits` are the timeouts that end it, of a stream and of
    everything else."""

    name: str
    script: Script
    plain: Sees | None
    stream: Sees | None
    other: Sees | None
    unlike: Mapping[Way, Sees] = field(default_factory=dict)
    limits: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    refuses: bool = False  # connections
    turns_away: Callable[[Exchange], None] | None = None

    def __str__(self) -> str:
        return self.name

    def sees(self, way: Way) -> Sees | None:
        usual = self.other if way.wire == "bytes" else self.stream if way.stream else self.plain
        return self.unlike.get(way, usual)

    def timeouts(self, way: Way) -> Mapping[str, str]:
        return self.limits[0 if way.stream else 1]


def _alike(name: str, script: Script, sees: Sees, **more: Any) -> Fault:
    """The same whatever was asked for."""
    return Fault(name, script, sees, sees, sees, **more)


# Pieces of scripts


def _begun(told: Told) -> bytes:
    """The beginning of a body: some words, and the half of what comes next."""
    if told.streamed:
        return b"".join(told.said[:4]) + told.said[4][:20]
    return told.body[: len(told.body) // 2]


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _hang(x: Exchange, told: Told) -> None:
    await x.gone()
    x.close()


async def _close(x: Exchange, told: Told) -> None:
    x.close()


async def _reset(x: Exchange, told: Told) -> None:
    x.reset()


def sends(make: Callable[[Told], bytes], then: Script | None = None) -> Script:
    """One write, and then perhaps more."""

    async def script(x: Exchange, told: Told) -> None:
        await x.send(make(told))
        if then is not None:
            await then(x, told)

    return script


def says(make: Callable[[Told], bytes]) -> Script:
    """A body of one chunk that ends as it should."""
    return sends(lambda t: t.chunked_head() + _chunk(make(t)) + b"0\r\n\r\n")


def answers(status: int, body: Any, then: Script | None = None, **headers: str) -> Script:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"content-type": "application/json", "content-length": str(len(data))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    return sends(lambda _: head(status, fields) + data, then)


def dribbles(start: Callable[[Told], bytes], drop: bytes) -> Script:
    """`start`, and then `drop` by `drop` for ever."""

    async def script(x: Exchange, told: Told) -> None:
        await x.send(start(told))
        while True:
            await asyncio.sleep(_PAUSE)
            await x.send(drop)

    return script


def floods(start: Callable[[Told], bytes], wave: bytes) -> Script:
    """`start`, and then `wave` after `wave` as fast as they are taken."""

    async def script(x: Exchange, told: Told) -> None:
        await x.send(start(told))
        while True:
            await x.send(wave)

    return script


async def _byte_by_byte(x: Exchange, told: Told) -> None:
    for byte in told.chunked_head() + b"".join(map(_chunk, told.said + told.ending)) + b"0\r\n\r\n":
        await x.send(bytes([byte]))
        await asyncio.sleep(0)


# What single scripts send

_INTERIM = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
_HTML = b"<html><h1>It works!</h1></html>"
_SORRY = {"message": "failed on purpose", "type": "server_error", "code": "on_purpose"}


def _error_event(told: Told) -> bytes:
    """In the wire of the stream, which its first event betrays."""
    first = told.said[0]
    if b"message_start" in first:
        return event({"type": "error", "error": {**_SORRY, "type": "overloaded_error"}}, "error")
    if b"response.created" in first:
        return event({**_SORRY, "type": "error", "sequence_number": 9}, "error")
    return event({"error": {**_SORRY, "code": 503}})


async def _fails_later(x: Exchange, told: Told) -> None:
    await _begin(x, told)
    await x.chunk(_error_event(told))
    await _hang(x, told)


async def _not_text(x: Exchange, told: Told) -> None:
    await _begin(x, told)
    await x.chunk(b"".join(told.said[4:] + told.ending).replace(b":5>", b":5>\xff\xfe") or b" \xff")
    await x.end()


async def _begin(x: Exchange, told: Told) -> None:
    """In a read of its own: what is in the first one's can still be asked of another endpoint."""
    await x.send(told.chunked_head() + _chunk(b"".join(told.said[:4])))
    await asyncio.sleep(_PAUSE)


def _with_length(told: Told, body: bytes, length: int) -> bytes:
    return told.head(length=length) + body


def _another(told: Told) -> bytes:
    return told.body.replace(b"<%d:" % told.mark, b"<%d:" % NOBODYS)


def _compressed(told: Told) -> bytes:
    body = gzip.compress(told.body)
    return told.head(length=len(body), content_encoding="gzip") + body


def _mistaken(told: Told) -> bytes:
    """A stream where none was asked for, or the other way round."""
    media, body = "application/json", b'{"choices": [{"index": 0, "message": {"content": "hello"}}]}'
    if not told.streamed:
        media, body = "text/event-stream", event(body) + event(b"[DONE]")
    return head(200, {"content-type": media, "content-length": str(len(body))}) + body


_HEADERS_ONLY = Told.chunked_head
_NO_ANSWER = _error("closed the connection without an answer")
_BROKE = _error("broke before the answer was complete")
_BROKE_OFF = _broken("broke before the answer was complete")
_IMPROPER = _error("did not answer properly")
_IMPROPER_LATER = _broken("did not answer properly")
_INCOMPLETE = _broken("ended")  # before the answer was complete
_NO_JSON = _error("not JSON")
_NO_EVENT = _error("before the first event")
_NO_STREAM = _error("no event stream")
_TOO_LATE = _error("timeouts.total", 504, "upstream_timeout", retried=False)
_NO_TOKEN = _error("timeouts.first_token", 504, "upstream_timeout")
_IDLE = _broken("timeouts.idle", "upstream_timeout")
_ON_PURPOSE = _broken("failed on purpose", None)
_TELL_OF_IT = _broken("failed on purpose")

_SOON = {"total": "150ms"}
_FIRST_TOKEN = ({"first_token": "100ms"}, _SOON)

_CONNECTIONS = (
    _alike("refuses connections", _close, _error("refused the connection"), refuses=True),
    _alike("accepts and closes", _close, _NO_ANSWER, turns_away=Exchange.close),
    _alike("accepts and resets", _close, _NO_ANSWER, turns_away=Exchange.reset),
    _alike("closes instead of answering", _close, _NO_ANSWER),
    _alike("resets instead of answering", _reset, _NO_ANSWER),
    Fault("says nothing", _hang, _TOO_LATE, _NO_TOKEN, _TOO_LATE, limits=_FIRST_TOKEN),
    _alike("speaks another protocol", sends(lambda _: b"SSH-2.0-x\r\n\r\n", _hang), _IMPROPER),
    _alike(
        "switches protocols",
        sends(lambda _: b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", _hang),
        _IMPROPER,
    ),
)

_HEADS = (
    _alike("resets in the headers", sends(lambda t: t.head()[:40], _reset), _BROKE),
    Fault(
        "dribbles headers for ever",
        dribbles(lambda _: b"HTTP/1.1 200 OK\r\nx-a: ", b"a"),
        _TOO_LATE,
        _NO_TOKEN,
        _TOO_LATE,
        limits=_FIRST_TOKEN,
    ),
    _alike("huge headers", floods(lambda _: b"HTTP/1.1 200 OK\r\nx-a: ", b"a" * 60_000), _IMPROPER),
    _alike("endless headers", floods(lambda _: b"HTTP/1.1 200 OK\r\n", b"x-a: 1\r\n" * 1_000), _IMPROPER),
    _alike("1xx before the answer", sends(lambda t: _INTERIM * 500 + t.head() + t.body), WHOLE),
    _alike("1xx for ever", floods(lambda _: b"", _INTERIM * 500), _IMPROPER),
    _alike(
        "two lengths",
        sends(lambda t: t.head().replace(b"\r\n\r\n", b"\r\ncontent-length: 5\r\n\r\n") + t.body, _hang),
        _IMPROPER,
    ),
    _alike(
        "a length and chunks",
        sends(lambda t: t.head(transfer_encoding="chunked") + _chunk(t.body), _hang),
        _IMPROPER,
    ),
)

_BODIES = (
    Fault("closes after the headers", sends(_HEADERS_ONLY, _close), _BROKE, _BROKE, CUT),
    Fault("resets after the headers", sends(_HEADERS_ONLY, _reset), _BROKE, _BROKE, CUT),
    Fault("stops after the headers", sends(_HEADERS_ONLY, _hang), _TOO_LATE, _NO_TOKEN, CUT, limits=_FIRST_TOKEN),
    Fault(
        "closes in a body of chunks",
        sends(lambda t: t.chunked_head() + _chunk(_begun(t)), _close),
        _BROKE,
        _BROKE_OFF,
        CUT,
    ),
    Fault(
        "resets in a body of chunks",
        sends(lambda t: t.chunked_head() + _chunk(_begun(t)), _reset),
        _BROKE,
        _BROKE_OFF,
        CUT,
    ),
    Fault("closes in a body with a length", sends(lambda t: t.head() + _begun(t), _close), _BROKE, _BROKE_OFF, CUT),
    Fault(
        "stops in the body",
        sends(lambda t: t.head() + _begun(t), _hang),
        _TOO_LATE,
        _IDLE,
        CUT,
        limits=({"idle": "100ms"}, _SOON),
    ),
    Fault(
        "dribbles a body for ever",
        dribbles(lambda t: t.head(length=10**9) + (_begun(t) if t.streamed else b""), b" "),
        _TOO_LATE,
        _broken("timeouts.total", "upstream_timeout"),
        CUT,
        limits=({"total": "300ms"}, _SOON),
    ),
    _alike("one byte at a time", _byte_by_byte, WHOLE),
    Fault(
        "content-length too long",
        sends(lambda t: _with_length(t, t.body, len(t.body) + 9), _hang),
        _TOO_LATE,
        WHOLE,
        CUT,
        limits=({}, _SOON),
    ),
    Fault(
        "content-length too short",
        sends(lambda t: _with_length(t, t.body, len(_begun(t)))),
        _NO_JSON,
        _INCOMPLETE,
        AS_IT_IS,
    ),
    Fault(
        "no chunk size",
        sends(lambda t: t.chunked_head() + _chunk(_begun(t)) + b"zz\r\n", _hang),
        _IMPROPER,
        _IMPROPER_LATER,
        CUT,
    ),
    Fault(
        "chunk size too small",
        sends(lambda t: t.chunked_head() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(_begun(t)), t.body), _hang),
        _IMPROPER,
        _IMPROPER_LATER,
        CUT,
    ),
    Fault(
        "chunk size too large",
        sends(lambda t: t.chunked_head() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(t.body) + 5, t.body), _close),
        _BROKE,
        WHOLE,
        CUT,
    ),
    _alike(
        "two answers in one",
        sends(lambda t: t.head() + t.body + t.head() + _another(t)),
        WHOLE,
    ),
    _alike("bytes after the end", sends(lambda t: t.head() + t.body + b"\r\njunk"), WHOLE),
    _alike(
        "HTTP/1.0",
        sends(
            lambda t: b"HTTP/1.0 200 OK\r\ncontent-type: %b\r\n\r\n%b" % (t.media.encode(), t.body),
            _close,
        ),
        WHOLE,
    ),
)

_CONTENTS = (
    Fault("empty", sends(lambda t: t.head(length=0)), _NO_JSON, _NO_EVENT, AS_IT_IS),
    Fault("204", answers(204, b""), _NO_JSON, _NO_STREAM, AS_IT_IS),
    Fault("HTML with 200", answers(200, _HTML, content_type="text/html"), _NO_JSON, _NO_STREAM, AS_IT_IS),
    Fault("the other kind of answer", sends(_mistaken), _error("an event stream"), _NO_STREAM, None),
    Fault("half a JSON", says(_begun), _NO_JSON, None, None),
    Fault("a JSON that is no object", says(lambda _: b'["hello"]'), _error("no JSON object"), None, None),
    Fault(
        "an error with 200",
        says(lambda _: json.dumps({"error": _SORRY}).encode()),
        _error("failed on purpose", code=None),
        None,
        None,
    ),
    Fault("invalid UTF-8", _not_text, _NO_JSON, _broken("not UTF-8"), AS_IT_IS),
    Fault(
        "compressed, unasked",
        sends(_compressed),
        WHOLE,
        _NO_STREAM,
        WHOLE,
        unlike=dict.fromkeys((MESSAGES, RESPONSES, CHAT_OF_MESSAGES), _error("compressed")),
    ),
)

_STREAMS = (
    Fault("no event", says(lambda _: b" "), None, _NO_EVENT, None),
    Fault("only comments", says(lambda _: b": wait\n\n" * 3), None, _NO_EVENT, None),
    Fault(
        "no [DONE]",
        says(lambda t: b"".join(t.said + t.ending[:-1])),
        None,
        WHOLE,
        None,
        unlike=dict.fromkeys((CHAT_STREAM_OF_MESSAGES, NATIVE_MESSAGES_STREAM, NATIVE_RESPONSES_STREAM), _INCOMPLETE),
    ),
    Fault("ends too early", says(lambda t: b"".join(t.said[:4])), None, _INCOMPLETE, None),
    Fault("half an event", says(_begun), None, _INCOMPLETE, None),
    Fault("more after the end", says(lambda t: t.body + _another(t)), None, WHOLE, None),
    Fault(
        "an error event first",
        says(_error_event),
        None,
        _error("failed on purpose", 503, None, counts=False),
        None,
        unlike={
            NATIVE_MESSAGES_STREAM: _error("failed on purpose", 529, None, counts=False),
            CHAT_STREAM_OF_MESSAGES: _error("failed on purpose", 529, None, counts=False),
            NATIVE_RESPONSES_STREAM: _error("failed on purpose", 502, None),
        },
    ),
    Fault("an error event later", _fails_later, None, _ON_PURPOSE, None),
)

_STATUSES = (
    _alike("302", answers(302, b"", location="http://127.0.0.1:9/"), _error("")),
    _alike("304", answers(304, b""), _error("")),
    _alike(
        "400",
        answers(400, {"error": _SORRY}),
        _error("failed on purpose", 400, None, retried=False, counts=False),
    ),
    _alike(
        "401",
        answers(401, {"error": _SORRY}),
        _error("api_key", 502, "upstream_auth", retried=False, counts=False),
    ),
    _alike("429", answers(429, {"error": _SORRY}), _error("failed on purpose", 429, None, counts=False)),
    _alike("500", answers(500, {"error": _SORRY}), _error("failed on purpose", 500, None)),
    _alike("503 as HTML", answers(503, _HTML, content_type="text/html"), _error("status 503", counts=False)),
    _alike("529", answers(529, {"error": _SORRY}), _error("failed on purpose", 529, None, counts=False)),
    _alike("an error that breaks off", answers(500, b"{", _close, content_length="99"), _BROKE),
    _alike("an error too long", answers(500, b"x" * 300_000), _error("too long to pass on", 500, None)),
)

FAULTS = (*_CONNECTIONS, *_HEADS, *_BODIES, *_CONTENTS, *_STREAMS, *_STATUSES)
