"""`pointsman bench`, and `python -m pointsman.bench`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pointsman.bench import machine, memory, overhead, overload, streaming
from pointsman.bench.children import ChildFailed, Cores, ended_by_signals
from pointsman.bench.contenders import BARE, HEURISTIC, OWN, POINTSMAN, Rivals
from pointsman.bench.fleet import run as fleet
from pointsman.bench.fleet import sweep
from pointsman.bench.report import Report, markdown, replace_between, show, write_json

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_NOWHERE = "the clock is virtual; only the time of a pick depends on the machine"
_PIPE_WIDTH = 160  # columns, where there is no terminal that has its own


class Part(StrEnum):
    OVERHEAD = "overhead"
    STREAMING = "streaming"
    MEMORY = "memory"
    OVERLOAD = "overload"
    FLEET = "fleet"


def bench(
    parts: Annotated[
        list[Part] | None, typer.Argument(metavar="PART", help="What is measured; by default everything.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A second of each: shows that it works, measures nothing.")
    ] = False,
    write_docs: Annotated[bool, typer.Option("--write-docs", help="Put the tables into docs/benchmarks.md.")] = False,
    rounds: Annotated[int, typer.Option(help="Rounds of overhead and of streaming.", min=1, max=50)] = 5,
    litellm: Annotated[
        Path | None, typer.Option(envvar="LITELLM", exists=True, help="The executable of LiteLLM proxy.")
    ] = None,
    portkey: Annotated[
        Path | None, typer.Option(envvar="PORTKEY", exists=True, help="start-server.js of Portkey gateway.")
    ] = None,
    data: Annotated[
        Path, typer.Option(envvar="POINTSMAN_BENCH_DATA", help="Folder with the traces of the fleet.")
    ] = Path("../shared/data"),
    out: Annotated[Path, typer.Option(help="Folder for the JSON of each run.")] = Path("bench-results"),
) -> None:
    """Measure the gateway next to bare relays and to other gateways that are installed, and its balancers on fleets."""
    if write_docs and quick:
        raise typer.BadParameter("--quick measures nothing that --write-docs could publish")
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
                Part.FLEET: lambda: fleet.run(data, sweep.QUICK if quick else sweep.Effort(), images, _say)
            }
            for part in chosen:
                report = runs[part]()
                if report is None:
                    continue
                show(report, console)
                console.print(f"JSON: {write_json(report, described, out)}", highlight=False)
                failed = failed or bool(report.problems)
                if write_docs:
                    where = described | ({"placement": _NOWHERE} if part is Part.FLEET else {})
                    _write(report, machine.lines(where, _command(part, rounds, rivals)))
    except ChildFailed as error:
        _say(f"pointsman bench: error: {error}")
        raise typer.Exit(1) from error
    raise typer.Exit(1 if failed else 0)


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
    }


def _command(part: Part, rounds: int, rivals: Rivals) -> str:
    words = ["pointsman bench", part.value]
    if part in (Part.OVERHEAD, Part.STREAMING):
        words.append(f"--rounds {rounds}")
    if part is Part.OVERHEAD:
        words += ["--litellm PATH"] if rivals.litellm else []
        words += ["--portkey PATH"] if rivals.portkey else []
    if part is Part.FLEET:
        words.append("--data DIR")
    return " ".join(words)


def _write(report: Report, origin: str) -> None:
    page = replace_between(PAGE.read_text("utf-8"), report.name, f"{markdown(report.tables)}\n\n{origin}")
    PAGE.write_text(page, "utf-8")
