"""`pointsman bench fleet`: which balancer serves a fleet of engines best."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from pointsman.bench.fleet import tables
from pointsman.bench.fleet.picking import ENDPOINTS, LIMIT, pick_times
from pointsman.bench.fleet.plots import draw
from pointsman.bench.fleet.sweep import QUICK, Effort, Sweep
from pointsman.bench.fleet.tables import Fleet
from pointsman.bench.fleet.traces import load
from pointsman.bench.report import Report

Say = Callable[[str], None]


def run(folder: Path, effort: Effort, images: Path | None, say: Say) -> Report | None:
    """None without any trace. Plots are written to `images`."""
    traces, missing = load(folder)
    for line in missing:
        say(line)
    if not traces:
        return None
    times = list(pick_times(ENDPOINTS, 50))
    sweep = Sweep(folder, traces, effort, say)
    fleets = [Fleet(trace.source, number, effort) for trace in traces.values() for number, _ in effort.windows]
    sweep.run("by load", chain.from_iterable(fleet.loads() for fleet in fleets))
    sweep.run("by age of the metrics", chain.from_iterable(fleet.stale(fleet.knee(sweep)) for fleet in fleets))
    if images is not None:
        draw(fleets, sweep, images, say)
    return report(fleets, sweep, times, effort)


def report(fleets: list[Fleet], sweep: Sweep, times: list[tuple[str, float]], effort: Effort) -> Report:
    shown = [make(fleet, sweep) for fleet in fleets for make in (tables.by_load, tables.at_knee, tables.by_view)]
    windows = {str(number): window._asdict() for number, window in effort.windows}
    data: dict[str, Any] = {
        "effort": {**asdict(effort), "windows": windows},
        "capacity": sweep.capacities,
        "picks": dict(times),
        "found": [{**asdict(case), **asdict(outcome)} for case, outcome in sweep.found.items()],
    }
    return Report(
        "fleet",
        (*shown, tables.picks(times, ENDPOINTS)),
        data,
        tuple(_problems(fleets, sweep, times) if effort is not QUICK else ()),
    )


def _problems(fleets: list[Fleet], sweep: Sweep, times: list[tuple[str, float]]) -> Iterator[str]:
    for fleet in fleets:
        yield from tables.problems(fleet, sweep)
    for name, microseconds in times:
        if microseconds > LIMIT:
            yield f"{name} takes {microseconds:.1f} µs to pick one of {ENDPOINTS} endpoints, more than {LIMIT:g}"
