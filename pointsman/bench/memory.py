"""Resident memory over many requests: flat, if nothing is kept of a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from pointsman.bench.children import Cores
from pointsman.bench.contenders import HEURISTIC
from pointsman.bench.overhead import QUICK as QUICK_LOAD
from pointsman.bench.overhead import Effort as LoadEffort
from pointsman.bench.overhead import Stage
from pointsman.bench.report import Report, Table

_SECONDS = 300.0  # at most, for one of the parts


@dataclass(frozen=True, slots=True)
class Effort:
    requests: int = 200_000
    parts: int = 10


QUICK = Effort(requests=400, parts=2)


def run(cores: Cores, folder: Path, effort: Effort, say: Callable[[str], None]) -> Report:
    resident, served, errors = [], [0], 0
    load = LoadEffort(warm=0.0) if effort is not QUICK else QUICK_LOAD
    with Stage(cores, folder, load).open() as stage, stage.contender(HEURISTIC) as (url, launch, child):
        stage.load(url, launch, load.connections, 2.0, effort.requests // effort.parts)
        resident.append(child.resident_mb())
        for _ in range(effort.parts):
            say(f"memory: {served[-1]:,} of {effort.requests:,} requests")
            part = stage.load(url, launch, load.connections, _SECONDS, effort.requests // effort.parts)
            served.append(served[-1] + part.requests)
            errors += part.errors
            resident.append(child.resident_mb())
    rows = tuple((f"{count:,}", f"{mb:.1f}") for count, mb in zip(served, resident, strict=True))
    data = {"effort": asdict(effort), "requests": served, "resident_mb": resident, "errors": errors}
    problems = (f"{errors} errors",) if errors else ()
    return Report("memory", (Table(f"Memory of {HEURISTIC.name}", ("requests", "RSS MB"), rows),), data, problems)
