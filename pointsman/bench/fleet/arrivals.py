"""A stretch of a trace as a stream of requests at any rate."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from operator import attrgetter
from random import Random
from typing import NamedTuple

from pointsman.bench.fleet.traces import Row, Trace


class Arrival(NamedTuple):
    time: float  # seconds of the simulation
    row: Row


def arrivals(trace: Trace, number: int, rate: float, random: Random) -> Iterator[Arrival]:
    """Without end; the first `number` come at `rate` a second on average, with the trace's own ups and downs.

    They begin anywhere in the trace, which goes round. Its time is stretched; times that it has rounded are spread."""
    began, spread = trace.rows[0].time, trace.source.resolution
    rows = [r._replace(time=(r.time - began + random.random() * spread) % trace.span) for r in trace.rows]
    rows.sort(key=attrgetter("time"))
    start = random.randrange(len(rows))
    scale = number / rate / (_at(rows, start + number, trace.span) - rows[start].time)
    for position in count(start):
        time = _at(rows, position, trace.span) - rows[start].time
        yield Arrival(time * scale, rows[position % len(rows)])


def _at(rows: list[Row], position: int, span: float) -> float:
    lap, index = divmod(position, len(rows))
    return rows[index].time + lap * span
