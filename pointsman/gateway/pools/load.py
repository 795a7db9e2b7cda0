"""Engine load out of Prometheus' text format (version 0.0.4).

An exposition has thousands of lines of histograms and we want three numbers, so this looks at the names
first and parses only the lines that it came for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pointsman.gateway.pools.engines import SOURCES, Series, Source

_SAMPLE = re.compile(
    rb"""(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*+) [ \t]*+
         (?: \{ (?P<labels> (?: [^"}] | "(?:[^"\\]|\\.)*+" )*+ ) \} [ \t]*+ )?+
         (?P<value>[^\s_]++) (?:\s|\Z)""",
    re.VERBOSE,
)
_LABEL = re.compile(rb'([a-zA-Z_][a-zA-Z0-9_]*+)[ \t]*+=[ \t]*+"((?:[^"\\]|\\.)*+)"')
_MOST = 1e9
"""No engine has more requests; whatever says so is broken."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an engine said; None is not said, which is not zero."""

    running: float | None = None
    waiting: float | None = None
    kv: float | None = None  # in [0, 1]

    @property
    def empty(self) -> bool:
        return self.running is None and self.waiting is None and self.kv is None


def _aliases(name: str) -> Iterator[bytes]:
    """Some exporters replace the colon, some add the suffix of counters."""
    for spelled in {name, name.replace(":", "_")}:
        yield spelled.encode()
        yield f"{spelled}_total".encode()


class Reader:
    """Built once per engine; called with each exposition."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._wanted: dict[bytes, list[Series]] = {}
        for series in {*source.running, *source.waiting, *source.kv}:
            for alias in _aliases(series.name):
                self._wanted.setdefault(alias, []).append(series)
        self._names = tuple(self._wanted)

    def __call__(self, exposition: bytes) -> Reading:
        found: dict[Series, list[float]] = {}
        for line in exposition.split(b"\n"):
            line = line.lstrip(b" \t")
            if line.startswith(self._names):
                self._sample(line, found)
        running, waiting, kv = (
            next((found[s] for s in choices if s in found), None)
            for choices in (self._source.running, self._source.waiting, self._source.kv)
        )
        # One series per data-parallel rank: their requests add up, the fullest cache is the one that hurts.
        return Reading(
            running=None if running is None else sum(running),
            waiting=None if waiting is None else sum(waiting),
            kv=None if kv is None else min(1.0, max(kv)),
        )

    def _sample(self, line: bytes, found: dict[Series, list[float]]) -> None:
        match = _SAMPLE.match(line)
        if match is None or match["name"] not in self._wanted:
            return
        value = _number(match["value"])
        if value is None:
            return
        for series in self._wanted[match["name"]]:
            if series.label is None or _has(match["labels"] or b"", series.label):
                found.setdefault(series, []).append(value)


def _number(text: bytes) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= _MOST else None  # NaN is neither


def _has(labels: bytes, wanted: tuple[str, str]) -> bool:
    name, value = wanted[0].encode(), wanted[1].encode()
    return any(found == (name, value) for found in _LABEL.findall(labels))


READERS = {engine: Reader(source) for engine, source in SOURCES.items() if source.metrics}
