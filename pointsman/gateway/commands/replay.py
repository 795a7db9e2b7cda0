"""`pointsman replay`: what a configuration would have decided for the traffic of a decision log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple

import orjson
import typer

if TYPE_CHECKING:
    from pointsman.gateway.replay.entries import Entry
    from pointsman.gateway.replay.replayer import Replayed, Replayer
    from pointsman.gateway.replay.tally import Tally


def replay(
    logs: Annotated[
        list[str],
        typer.Argument(metavar="LOG", help="Files of the decision log, rotated and gzipped ones, too; - is stdin."),
    ],
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="The YAML file.", show_default=False)],
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only requests from then on.", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only requests before then.", show_default=False)
    ] = None,
    changed: Annotated[bool, typer.Option("--changed", help="Also list the requests that change.")] = False,
    max_changed: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Exit with 1 if more change, such as 5%.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Show what a configuration would have decided for the requests of a decision log. No backend is called.

    Exits with 0, 1 if more than --max-changed would change, 2 if the file cannot be used."""
    from pointsman.gateway.config import load  # pydantic and all signals: not needed for help
    from pointsman.gateway.replay import report
    from pointsman.gateway.replay.lines import read_lines
    from pointsman.gateway.replay.replayer import Replayer
    from pointsman.gateway.replay.tally import Tally

    span, limit = _Span(_time("--since", since), _time("--until", until)), _share(max_changed)
    replayer, tally = Replayer(load(config)), Tally()
    for replayed in _replayed(read_lines(logs), replayer, span, tally):
        tally.add(replayed)
        if changed and replayed.changed:
            typer.echo(orjson.dumps(report.changed_form(replayed)) if as_json else report.changed_line(replayed))
    if as_json:
        typer.echo(orjson.dumps(report.form(logs, config, tally)))
    else:
        _show(tally)
    raise typer.Exit(_status(tally, limit))


class _Span(NamedTuple):
    since: datetime | None
    until: datetime | None

    def has(self, time: datetime) -> bool:
        return (self.since is None or self.since <= time) and (self.until is None or time < self.until)


def _replayed(lines: Iterator[bytes], replayer: Replayer, span: _Span, tally: Tally) -> Iterator[Replayed]:
    for line in lines:
        try:
            entry = _entry(line, replayer)
            if entry is None or not span.has(entry.time):
                continue
            replayed = replayer.replay(entry) if entry.decided is not None else None
        except ValueError:  # also what orjson raises
            tally.broken += 1
            continue
        if replayed is None:
            tally.undecided += 1
        else:
            yield replayed


def _entry(line: bytes, replayer: Replayer) -> Entry | None:
    """None for a line that says of what the next ones are. ValueError for what is neither."""
    from pointsman.gateway.replay.entries import read_entry

    form = orjson.loads(line)
    if not isinstance(form, dict):
        raise ValueError("an object is expected")
    if form.get("event") == "config":
        replayer.heard(form)
        return None
    return read_entry(form)


def _status(tally: Tally, limit: float | None) -> int:
    sums = tally.all
    if limit is None:
        return 0
    if sums.requests and not sums.told:
        typer.echo("pointsman replay: of no request it can be told whether it changes", err=True)
        return 1
    share = sums.changed / sums.told if sums.told else 0.0
    if share <= limit:
        return 0
    message = f"{share:.2%} of the requests that can be told change; --max-changed is {limit:.2%}"
    typer.echo(f"pointsman replay: {message}", err=True)
    return 1


def _show(tally: Tally) -> None:
    from pointsman.gateway.replay import report

    for line in report.summary(tally):
        typer.echo(line)
    if not sys.stdout.isatty():
        for table in report.tables(tally):
            typer.echo("\n".join(["", table.title, *report.lines(table)]))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for found in report.tables(tally):
        shown = Table(title=found.title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for index, name in enumerate(found.columns):
            shown.add_column(Text(name, style="dim"), justify="right" if index in found.numbers else "left")
        for row in found.rows:
            shown.add_row(*map(Text, row))
        console.print()
        console.print(shown)
        if found.more:
            console.print(f"… {found.more:,} more; --json has all", highlight=False)


def _share(text: str | None) -> float | None:
    from pointsman.gateway.units import parse_share

    try:
        return None if text is None else parse_share(text)
    except ValueError as error:
        raise typer.BadParameter(f"--max-changed {text!r}: {error}") from None


def _time(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{option} {text!r}: a time is written as 2026-03-02 or 2026-03-02T22:30Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
