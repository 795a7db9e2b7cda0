"""Requests per second, added latency and memory of gateways in front of an upstream that answers at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from pointsman.bench.children import Child, ChildFailed, Cores, free_port, module, result_of, running
from pointsman.bench.contenders import BASES, POINTSMAN, Contender, Launch
from pointsman.bench.load import Measured
from pointsman.bench.report import Report, Table
from pointsman.bench.summary import median_difference, median_ratio, share, spread

DIRECT = "direct"
_MARGIN = 30.0  # seconds that a load may take beyond its own time


@dataclass(frozen=True, slots=True)
class Effort:
    rounds: int = 5
    seconds: float = 4.0  # of a load
    warm: float = 1.0
    connections: int = 64
    sequential: int = 2000  # requests one after the other


QUICK = Effort(rounds=1, seconds=0.2, warm=0.05, connections=8, sequential=50)


@dataclass(slots=True)
class Series:
    """What the rounds gave for one contender."""

    name: str
    loaded: list[Measured] = field(default_factory=list)
    sequential: list[Measured] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  # seconds per request
    resident: list[float] = field(default_factory=list)  # MB after the load
    problem: str = ""

    @property
    def rates(self) -> list[float]:
        return [m.rate for m in self.loaded]

    @property
    def p50s(self) -> list[float]:
        return [m.p50 for m in self.sequential]

    @property
    def errors(self) -> int:
        return sum(m.errors for m in (*self.loaded, *self.sequential))

    @property
    def silent(self) -> bool:
        """Latencies of 0 are none."""
        return any(m.requests == 0 for m in (*self.loaded, *self.sequential))


class Stage:
    """The static upstream, up for the whole run, and the loads against whatever is put in front of it."""

    def __init__(self, cores: Cores, folder: Path, effort: Effort) -> None:
        self._cores, self._folder, self._effort = cores, folder, effort
        self._port = free_port()
        self.upstream = f"http://127.0.0.1:{self._port}"

    @contextmanager
    def open(self) -> Iterator[Stage]:
        argv = module("upstream", "--port", self._port)
        with running(argv, self._port, self._folder / "upstream.log", self._cores.upstream):
            yield self

    def load(self, url: str, launch: Launch | None, connections: int, seconds: float, limit: int) -> Measured:
        argv = module("load", "--url", url, "--connections", connections, "--seconds", seconds, "--limit", limit)
        argv += [
            "--warm",
            str(self._effort.warm),
            "--headers",
            orjson.dumps(dict(launch.headers if launch else {})).decode(),
        ]
        return Measured(**result_of(argv, self._cores.load, seconds + self._effort.warm + _MARGIN))

    @contextmanager
    def contender(self, contender: Contender) -> Iterator[tuple[str, Launch, Child]]:
        port = free_port()
        launch = contender.launch(self.upstream, port, self._folder)
        log = self._folder / "contender.log"
        with running(
            launch.argv, port, log, self._cores.gateway, ready=launch.ready, env=launch.env, patience=launch.patience
        ) as child:
            yield f"http://127.0.0.1:{port}", launch, child

    def direct(self, series: Series) -> None:
        series.sequential.append(self._sequentially(self.upstream, None))
        series.loaded.append(self._loaded(self.upstream, None))

    def measure(self, contender: Contender, series: Series) -> None:
        with self.contender(contender) as (url, launch, child):
            self._loaded(url, launch)  # warms up caches, pools and interpreters; not counted
            sequential = self._sequentially(url, launch)
            before = child.cpu_seconds()
            loaded = self._loaded(url, launch)
            spent = child.cpu_seconds() - before
            resident = child.resident_mb()
        series.sequential.append(sequential)
        series.loaded.append(loaded)
        series.cpu.append(spent / max(1, loaded.answered))
        series.resident.append(resident)

    def _loaded(self, url: str, launch: Launch | None) -> Measured:
        return self.load(url, launch, self._effort.connections, self._effort.seconds, 10**7)

    def _sequentially(self, url: str, launch: Launch | None) -> Measured:
        return self.load(url, launch, 1, self._effort.seconds, self._effort.sequential)


def run(
    cores: Cores, contenders: Sequence[Contender], folder: Path, effort: Effort, say: Callable[[str], None]
) -> Report:
    direct, table = Series(DIRECT), {c.name: Series(c.name) for c in contenders}
    with Stage(cores, folder, effort).open() as stage:
        for number in range(effort.rounds):
            stage.direct(direct)
            # there and back again: what drifts in the machine falls on all alike
            for contender in contenders if number % 2 == 0 else reversed(contenders):
                say(f"overhead: round {number + 1} of {effort.rounds}, {contender.name}")
                _try(stage, contender, table[contender.name])
    return report(direct, list(table.values()), effort)


def _try(stage: Stage, contender: Contender, series: Series) -> None:
    if series.problem:
        return
    try:
        stage.measure(contender, series)
    except ChildFailed as error:
        series.problem = f"{contender.name}: {error}"


def report(direct: Series, measured: Sequence[Series], effort: Effort) -> Report:
    everyone = [direct, *measured]
    data: dict[str, Any] = {"effort": asdict(effort), "series": [asdict(series) for series in everyone]}
    problems = [s.problem for s in everyone if s.problem]
    problems += [f"{s.name}: {s.errors} errors, such as: {_example(s)}" for s in everyone if s.errors]
    problems += [f"{s.name}: a load ended without one answer" for s in everyone if s.silent]
    tables = [_throughput(direct, measured, effort), _latency(direct, measured), *_compared(measured)]
    return Report("overhead", tuple(tables), data, tuple(problems))


def _example(series: Series) -> str:
    return next((m.example for m in (*series.loaded, *series.sequential) if m.example), "")


def _throughput(direct: Series, measured: Sequence[Series], effort: Effort) -> Table:
    rates = {series.name: series.rates for series in measured}
    bases = [rates.get(name, []) for name in BASES.values()]
    rows = [_throughput_row(s, bases) for s in (direct, *measured) if s.loaded]
    columns = ("", "requests/s", "± rounds", *BASES, "CPU µs/request", "p50 ms", "p99 ms", "errors", "RSS MB")
    return Table(
        f"Throughput: {effort.connections} connections that ask again as soon as answered", columns, tuple(rows)
    )


def _throughput_row(series: Series, bases: Sequence[list[float]]) -> tuple[str, ...]:
    loaded = series.loaded
    return (
        series.name,
        f"{median(series.rates):,.0f}",
        f"{spread(series.rates):.0%}",
        *("" if series.name == DIRECT else share(series.rates, base) for base in bases),
        f"{median(series.cpu) * 1e6:,.0f}" if series.cpu else "",
        f"{median(m.p50 for m in loaded) * 1e3:.2f}",
        f"{median(m.p99 for m in loaded) * 1e3:.2f}",
        str(series.errors),
        f"{max(series.resident):.0f}" if series.resident else "",
    )


def _latency(direct: Series, measured: Sequence[Series]) -> Table:
    rows = [_latency_row(s, direct) for s in (direct, *measured) if s.sequential]
    return Table(
        "Latency: one request after the other", ("", "p50 ms", "p90 ms", "added p50 ms", "added p90 ms"), tuple(rows)
    )


def _latency_row(series: Series, direct: Series) -> tuple[str, ...]:
    count = min(len(series.sequential), len(direct.sequential))
    p90s, direct_p90s = ([m.p90 for m in s.sequential[:count]] for s in (series, direct))
    added = (
        ("", "")
        if series is direct
        else (
            f"{median_difference(series.p50s[:count], direct.p50s[:count]) * 1e3:.3f}",
            f"{median_difference(p90s, direct_p90s) * 1e3:.3f}",
        )
    )
    return (series.name, f"{median(series.p50s) * 1e3:.3f}", f"{median(p90s) * 1e3:.3f}", *added)


def _compared(measured: Sequence[Series]) -> list[Table]:
    """How many times as many requests the gateway serves as each of the others; nothing without others."""
    ours = {contender.name for contender in POINTSMAN}
    own = [s for s in measured if s.name in ours and s.loaded]
    others = [s for s in measured if s.name not in ours | set(BASES.values()) and s.loaded]
    rows = [(other.name, *(_times(series, other) for series in own)) for other in others]
    title = "Requests per second, as a multiple of another gateway's"
    return [Table(title, ("", *(s.name for s in own)), tuple(rows))] if own and rows else []


def _times(series: Series, other: Series) -> str:
    count = min(len(series.rates), len(other.rates))
    return f"{median_ratio(series.rates[:count], other.rates[:count]):.1f} ×"
