"""The engine on a virtual clock: hours of traffic in seconds, and the same answer every time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pointsman.gateway.sim.engine import Engine, EngineOptions, Request, Sequence, Token


class Arrival(NamedTuple):
    time: float
    request: Request


class Timing(NamedTuple):
    """Seconds after the arrival."""

    queued: float  # until it first ran
    first_token: float
    finished: float
    cached: int  # prompt tokens that the prefix cache had
    preemptions: int


def simulate(arrivals: Iterable[Arrival], options: EngineOptions | None = None) -> list[Timing]:
    """One engine serves all arrivals to their end; timings come in the order given."""
    engine = Engine(options)
    order = sorted(enumerate(arrivals), key=lambda item: item[1].time)
    pending = iter(order)
    upcoming = next(pending, None)
    position: dict[Sequence, int] = {}
    first: dict[Sequence, float] = {}
    timings: dict[int, Timing] = {}
    now = 0.0
    while upcoming or not engine.idle:
        if upcoming and engine.idle:
            now = max(now, upcoming[1].time)
        while upcoming and upcoming[1].time <= now:
            position[engine.submit(upcoming[1].request, upcoming[1].time)] = upcoming[0]
            upcoming = next(pending, None)
        step = engine.step(now)
        now += step.duration
        for token in step.tokens:
            if token.position == 0:
                first[token.sequence] = token.time
            if token.finished:
                timings[position.pop(token.sequence)] = _timing(token, first.pop(token.sequence))
    return [timings[index] for index in range(len(order))]


def _timing(last: Token, first: float) -> Timing:
    sequence = last.sequence
    if sequence.started is None or sequence.cached is None:
        raise RuntimeError("a sequence finished that never ran")
    arrival = sequence.arrival
    return Timing(
        queued=sequence.started - arrival,
        first_token=first - arrival,
        finished=last.time - arrival,
        cached=sequence.cached,
        preemptions=sequence.preemptions,
    )
