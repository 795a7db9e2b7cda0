"""Server-sent events as bytes (WHATWG HTML, 9.2): whole events in, whole events out, nothing re-encoded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pointsman.gateway.errors import UpstreamError

MAX_EVENT = 16 * 1024**2
"""Bytes that may wait for their event's end; images and audio in base64 fit, an endless line does not."""

# Of the pairs of line-end bytes only \r\n is one line end; every other pair encloses an empty line.
_EVENT_END = re.compile(rb"(?:\n[\r\n]|\r\r)[\r\n]*")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_LINE_ENDS = b"\r\n"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    name: str  # "" if the event has none
    data: bytes  # lines joined by \n, without the prefix

    @property
    def is_comment(self) -> bool:
        """Without data a reader dispatches nothing, whatever else stands there."""
        return not self.data


class Framer:
    """Cuts a byte stream into pieces that end at an event's end; the rest waits for its blank line.

    An event ends with the first byte of its second line end, so that none waits for a \\n that may never
    follow its \\r. Line ends beyond the blank line go along with whatever is cut next."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int = MAX_EVENT) -> None:
        self._rest = bytearray()
        self._limit = limit

    def feed(self, chunk: bytes) -> bytes:
        """All events completed by `chunk`, as the bytes they came in; b"" if none was."""
        if not self._rest and chunk.endswith(b"\n\n"):
            return chunk
        rest, end = self._rest, self._end(chunk)
        if not end:
            rest += chunk
            self._check()
            return b""
        events = bytes(rest) + chunk[:end] if rest else chunk[:end]
        rest[:] = chunk[end:]
        self._check()
        return events

    def _end(self, chunk: bytes) -> int:
        """Index after the last event's end in `chunk`, 0 if there is none."""
        if end := _last_end(chunk):
            return end
        before = bytes(self._rest[-1:]) or b"\n"  # where nothing waits, a line has just begun
        return max(0, _last_end(before + chunk[:2]) - 1)

    def _check(self) -> None:
        if len(self._rest) > self._limit:
            raise UpstreamError(f"The upstream sent an event of more than {self._limit} bytes.")

    @property
    def rest(self) -> bytes:
        """The half event at the end; what is left at the end of a stream was cut off."""
        return bytes(self._rest)


def _last_end(data: bytes) -> int:
    end = data.rfind(b"\n\n") + 2
    if b"\r" not in data:
        return end if end > 1 else 0
    end = max(end, data.rfind(b"\n\r") + 2, data.rfind(b"\r\r") + 2)
    if end == 1:
        return 0
    return end + 1 if data[end - 1 : end + 1] == b"\r\n" else end


def split_events(block: bytes) -> Iterator[bytes]:
    """The events of a block that `Framer.feed` returned, each with its blank line; together the block."""
    start = 0
    if b"\r" in block:
        for match in _EVENT_END.finditer(block):
            yield block[start : match.end()]
            start = match.end()
    else:
        while (end := block.find(b"\n\n", start) + 2) > 1:
            yield block[start:end]
            start = end
    if start < len(block):
        yield block[start:]


def parse_event(raw: bytes) -> Event:
    if raw.startswith(b"data: ") and raw.endswith(b"\n\n") and raw.count(b"\n") == 2 and b"\r" not in raw:
        return Event("", raw[6:-2])
    name, data = "", []
    for line in _LINE_END.split(raw.removeprefix(_BOM)):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return Event(name, b"\n".join(data))


def encode_event(data: bytes, name: str = "") -> bytes:
    if b"\n" in data or b"\r" in data:
        data = b"\ndata: ".join(_LINE_END.split(data))
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data) if name else b"data: %b\n\n" % data
