"""Streamed events per second through a relay, with one and with five events per write of the upstream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from pointsman.bench.children import ChildFailed, Cores, free_port, module, result_of, running
from pointsman.bench.contenders import BASES, Contender
from pointsman.bench.report import Report, Table
from pointsman.bench.streams import Streamed
from pointsman.bench.summary import share, spread

DIRECT = "direct"
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Effort:
    rounds: int = 5
    streams: int = 32
    events: int = 500
    waves: int = 6  # streams that each connection reads, one after the other


QUICK = Effort(rounds=1, streams=4, events=20, waves=1)


@dataclass(frozen=True, slots=True)
class Kind:
    """How the upstream writes."""

    title: str
    per_write: int
    paced: bool


KINDS = (
    Kind("1 event per write, each on its own", 1, True),
    Kind("5 events per write, each write on its own", 5, True),
    Kind("1 event per write, as fast as the relay reads", 1, False),
    Kind("5 events per write, as fast as the relay reads", 5, False),
)


@dataclass(slots=True)
class Series:
    """The rounds of one contender, for each kind."""

    name: str
    streamed: dict[str, list[Streamed]] = field(default_factory=lambda: {kind.title: [] for kind in KINDS})
    problem: str = ""

    def rates(self, kind: Kind) -> list[float]:
        return [s.rate for s in self.streamed[kind.title]]

    @property
    def failures(self) -> list[Streamed]:
        return [s for rounds in self.streamed.values() for s in rounds if s.errors]


def run(
    cores: Cores, contenders: Sequence[Contender], folder: Path, effort: Effort, say: Callable[[str], None]
) -> Report:
    direct, table = Series(DIRECT), {c.name: Series(c.name) for c in contenders}
    for number in range(effort.rounds):
        port = free_port()
        _measure(direct, f"http://127.0.0.1:{port}", port, cores, effort, {})
        for contender in contenders if number % 2 == 0 else reversed(contenders):
            say(f"streaming: round {number + 1} of {effort.rounds}, {contender.name}")
            _try(contender, table[contender.name], cores, folder, effort)
    return report(direct, list(table.values()), effort)


def _try(contender: Contender, series: Series, cores: Cores, folder: Path, effort: Effort) -> None:
    if series.problem:
        return
    upstream, port = free_port(), free_port()
    launch = contender.launch(f"http://127.0.0.1:{upstream}", port, folder)
    log = folder / "contender.log"
    try:
        with running(launch.argv, port, log, cores.gateway, ready=launch.ready, env=launch.env):
            _measure(series, f"http://127.0.0.1:{port}", upstream, cores, effort, dict(launch.headers))
    except ChildFailed as error:
        series.problem = f"{contender.name}: {error}"


def _measure(series: Series, url: str, upstream: int, cores: Cores, effort: Effort, headers: dict[str, str]) -> None:
    for kind in KINDS:
        # where a write carries more, the same time takes more streams
        waves = effort.waves * (kind.per_write if kind.paced else 3 * kind.per_write)
        argv = module("streams", "--url", url, "--port", upstream, "--streams", effort.streams, "--waves", waves)
        argv += ["--events", str(effort.events), "--per-write", str(kind.per_write)]
        argv += ["--headers", orjson.dumps(headers).decode(), *(["--paced"] if kind.paced else [])]
        series.streamed[kind.title].append(Streamed(**result_of(argv, cores.load, 2 * _PATIENCE)))


def report(direct: Series, measured: Sequence[Series], effort: Effort) -> Report:
    everyone = [direct, *measured]
    data: dict[str, Any] = {"effort": asdict(effort), "series": [asdict(series) for series in everyone]}
    rows = [_row(kind, series, measured) for kind in KINDS for series in everyone if series.rates(kind)]
    problems = [s.problem for s in everyone if s.problem]
    problems += [f"{s.name}: {f.errors} errors, such as: {f.example}" for s in everyone for f in s.failures]
    title = f"Streaming: {effort.streams} concurrent streams of {effort.events} events"
    columns = ("the upstream writes", "through", "events/s", "± rounds", *BASES, "errors")
    return Report("streaming", (Table(title, columns, tuple(rows)),), data, tuple(problems))


def _row(kind: Kind, series: Series, measured: Sequence[Series]) -> tuple[str, ...]:
    rates, bases = series.rates(kind), {other.name: other.rates(kind) for other in measured}
    return (
        kind.title,
        series.name,
        f"{median(rates):,.0f}",
        f"{spread(rates):.0%}",
        *("" if series.name == DIRECT else share(rates, bases.get(name, [])) for name in BASES.values()),
        str(sum(s.errors for s in series.streamed[kind.title])),
    )
