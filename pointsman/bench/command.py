"""`pointsman bench`, and `python -m pointsman.bench`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from pointsman.bench import deciding, machine, memory, overhead, overload, streaming
from pointsman.bench import signals as neural
from pointsman.bench.cache import run as cache
from pointsman.bench.children import ChildFailed, Cores, ended_by_signals
from pointsman.bench.contenders import BARE, HEURISTIC, OWN, POINTSMAN, Rivals
from pointsman.bench.fleet import run as fleet
from pointsman.bench.fleet import sweep
from pointsman.bench.quality import figures
from pointsman.bench.quality import run as quality
from pointsman.bench.quality.run import Subject
from pointsman.bench.report import Report, Table, markdown, replace_between, show, write_json
from pointsman.bench.selection import bench as choosing
from pointsman.bench.selection import run as selection

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
CARD = Path(__file__).parents[1] / "signals" / "models" / "README.md"
_NOWHERE = "the clock is virtual; only the time of a pick depends on the machine"
_ANYWHERE = "a single thread; another processor may round the model's integers otherwise"
_PIPE_WIDTH = 160  # columns, where there is no terminal that has its own


class Part(StrEnum):
    OVERHEAD = "overhead"
    STREAMING = "streaming"
    MEMORY = "memory"
    OVERLOAD = "overload"
    FLEET = "fleet"
    QUALITY = "quality"
    SIGNALS = "signals"
    POLICY = "policy"
    SELECTION = "selection"
    CACHE = "cache"


def bench(
    parts: Annotated[
        list[Part] | None, typer.Argument(metavar="PART", help="What is measured; by default everything.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A second of each: shows that it works, measures nothing.")
    ] = False,
    write_docs: Annotated[bool, typer.Option("--write-docs", help="Put the tables into docs/benchmarks.md.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Of the cache also a million entries.")] = False,
    rounds: Annotated[int, typer.Option(help="Rounds of overhead and of streaming.", min=1, max=50)] = 5,
    litellm: Annotated[
        Path | None, typer.Option(envvar="LITELLM", exists=True, help="The executable of LiteLLM proxy.")
    ] = None,
    portkey: Annotated[
        Path | None, typer.Option(envvar="PORTKEY", exists=True, help="start-server.js of Portkey gateway.")
    ] = None,
    data: Annotated[
        Path, typer.Option(envvar="POINTSMAN_BENCH_DATA", help="Folder with the data of fleet and of what follows it.")
    ] = Path("../shared/data"),
    signals: Annotated[
        list[Subject] | None, typer.Option("--signal", help="Of the quality only this; may be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the JSON of each run.")] = Path("bench-results"),
) -> None:
    """Measure the gateway next to bare relays and to other gateways that are installed, its balancers on fleets,
    how well its signals judge, how well its selectors choose, and what its cache is worth."""
    if write_docs and quick:
        raise typer.BadParameter("--quick measures nothing that --write-docs could publish")
    if write_docs and signals:
        raise typer.BadParameter("--write-docs wants the quality of all signals: leave out --signal")
    if write_docs and not PAGE.exists():
        raise typer.BadParameter("--write-docs needs a checkout of the repository")
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    cores, rivals = Cores.of_this_machine(), Rivals.find(litellm, portkey)
    described = machine.describe(cores, rivals)
    chosen = parts or list(Part)
    if Part.OVERHEAD in chosen:
        for line in rivals.missing():
            _say(line)
    _say(f"Placement: {cores}")
    failed = False
    images = PAGE.parent / "images" if write_docs else None
    try:
        with tempfile.TemporaryDirectory() as name, ended_by_signals():
            runs = _runs(cores, rivals, Path(name), quick, rounds) | {
                Part.FLEET: lambda: fleet.run(data, sweep.QUICK if quick else sweep.Effort(), images, _say),
                Part.QUALITY: lambda: quality.run(data, signals, figures.QUICK if quick else figures.Effort(), _say),
                Part.POLICY: lambda: deciding.run(data, deciding.QUICK if quick else deciding.Effort(), _say),
                Part.CACHE: lambda: cache.run(data, _cache_effort(quick, full), images, _say),
                Part.SELECTION: lambda: selection.run(data, choosing.QUICK if quick else choosing.Effort(), _say),
            }
            for part in chosen:
                report = runs[part]()
                if report is None:
                    continue
                show(report, console)
                console.print(f"JSON: {write_json(report, described, out)}", highlight=False)
                failed = failed or bool(report.problems)
                if write_docs:
                    _write(part, report, machine.lines(_where(part, report, described), _command(part, rounds, rivals)))
    except ChildFailed as error:
        _say(f"pointsman bench: error: {error}")
        raise typer.Exit(1) from error
    raise typer.Exit(1 if failed else 0)


def _cache_effort(quick: bool, full: bool) -> cache.Effort:
    return cache.QUICK if quick else cache.FULL if full else cache.Effort()


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _runs(
    cores: Cores, rivals: Rivals, folder: Path, quick: bool, rounds: int
) -> dict[Part, Callable[[], Report | None]]:
    load = overhead.QUICK if quick else overhead.Effort(rounds=rounds)
    streams = streaming.QUICK if quick else streaming.Effort(rounds=rounds)
    everyone = (BARE, OWN, *POINTSMAN, *rivals.contenders())
    return {
        Part.OVERHEAD: lambda: overhead.run(cores, everyone, folder, load, _say),
        Part.STREAMING: lambda: streaming.run(cores, (BARE, OWN, HEURISTIC), folder, streams, _say),
        Part.MEMORY: lambda: memory.run(cores, folder, memory.QUICK if quick else memory.Effort(), _say),
        Part.OVERLOAD: lambda: overload.run(cores, folder, overload.QUICK if quick else overload.Effort(), _say),
        Part.SIGNALS: lambda: neural.run(cores, folder, neural.QUICK if quick else neural.Effort(), _say),
    }


def _command(part: Part, rounds: int, rivals: Rivals) -> str:
    words = ["pointsman bench", part.value]
    if part in (Part.OVERHEAD, Part.STREAMING):
        words.append(f"--rounds {rounds}")
    if part is Part.OVERHEAD:
        words += ["--litellm PATH"] if rivals.litellm else []
        words += ["--portkey PATH"] if rivals.portkey else []
    if part in (Part.FLEET, Part.QUALITY, Part.POLICY, Part.SELECTION, Part.CACHE):
        words.append("--data DIR")
    return " ".join(words)


def _where(part: Part, report: Report, described: dict[str, Any]) -> dict[str, Any]:
    if part is Part.FLEET:
        return described | {"placement": _NOWHERE}
    if part in (Part.QUALITY, Part.SELECTION, Part.CACHE):
        return described | {"placement": _ANYWHERE, "versions": described["versions"] | report.data.get("model", {})}
    return described


def _write(part: Part, report: Report, origin: str) -> None:
    _fill(PAGE, report.name, report.tables, origin)
    if part is Part.QUALITY and CARD.exists():
        _fill(CARD, report.name, quality.card(report), origin)


def _fill(path: Path, name: str, tables: Sequence[Table], origin: str) -> None:
    path.write_text(replace_between(path.read_text("utf-8"), name, f"{markdown(tables)}\n\n{origin}"), "utf-8")
