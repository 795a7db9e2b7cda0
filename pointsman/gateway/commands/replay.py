"""`pointsman replay`: what a configuration would have decided for the traffic of a decision log."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import orjson
import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from pointsman.gateway.replay.entries import Entry
    from pointsman.gateway.replay.replayer import Replayed, Replayer
    from pointsman.gateway.replay.report import Table
    from pointsman.gateway.replay.selecting import Selecting
    from pointsman.gateway.replay.selection_report import Part
    from pointsman.gateway.replay.tally import Tally
    from pointsman.policies.select.sums import Sums


class _Replay(TyperCommand):
    """`--select` may stand alone."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        nexts = [*args[1:], ""]
        alone = [arg == "--select" and not _OVERRIDE.match(after) for arg, after in zip(args, nexts, strict=True)]
        return super().parse_args(
            ctx, ["--select=" if single else arg for arg, single in zip(args, alone, strict=True)]
        )


_OVERRIDE = re.compile(r"^[^=]+=\s*\{")

replay = typer.Typer(add_completion=False, rich_markup_mode=None)


@replay.command("replay", cls=_Replay)
def run(
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
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[DECISION={by: ...}]",
            help="Also estimate what the selectors would have been worth, or this one in the place of the file's.",
            show_default=False,
        ),
    ] = None,
    learn: Annotated[bool, typer.Option("--learn", help="With --select: they learn from the log as they go.")] = False,
    state: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="With --select: what they have learned before, a `learning.path`.", show_default=False
        ),
    ] = None,
    clip: Annotated[
        float | None,
        typer.Option(metavar="WEIGHT", min=1.0, help="With --select: bound the weights.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Show what a configuration would have decided for the requests of a decision log. No backend is called.

    Exits with 0, 1 if more than --max-changed would change, 2 if the file cannot be used."""
    from pointsman.gateway.config import load  # pydantic and all signals: not needed for help
    from pointsman.gateway.replay import report, selection_report
    from pointsman.gateway.replay.lines import read_lines
    from pointsman.gateway.replay.replayer import Replayer
    from pointsman.gateway.replay.selecting import Selecting
    from pointsman.gateway.replay.tally import Tally
    from pointsman.gateway.replay.whatif import load_with, read_overrides

    if select is None and (learn or state is not None or clip is not None):
        raise typer.BadParameter("--learn, --state and --clip are of --select; give that, too")
    span, limit = _Span(_time("--since", since), _time("--until", until)), _share(max_changed)
    overrides = read_overrides([text for text in select or () if text])
    replayer, tally = Replayer(load_with(config, overrides) if overrides else load(config)), Tally()
    only = frozenset(overrides) if select and all(select) else None
    selecting = None if select is None else Selecting(replayer, only, learn, _learned(state))
    for replayed in _replayed(read_lines(logs), _Reader(replayer, selecting), span, tally):
        tally.add(replayed)
        if changed and replayed.changed:
            typer.echo(orjson.dumps(report.changed_form(replayed)) if as_json else report.changed_line(replayed))
    evaluated = [] if selecting is None else selecting.evaluate(clip)
    if as_json:
        more = {} if selecting is None else {"selection": [selection_report.form(each) for each in evaluated]}
        typer.echo(orjson.dumps(report.form(logs, config, tally) | more))
    else:
        _show(tally, [selection_report.part(each) for each in evaluated])
    raise typer.Exit(_status(tally, limit))


def _learned(path: str | None) -> Mapping[tuple[str, str], Sums]:
    """By decision and selector."""
    import sqlite3

    from pointsman.gateway.learning.store import read
    from pointsman.gateway.replay.lines import CannotRead

    if path is None:
        return {}
    try:
        return {notebook.subject: notebook.sums for notebook in read(Path(path)).notebooks}
    except (sqlite3.Error, ValueError) as error:
        raise CannotRead(f"cannot read {path}: {error}") from None


class _Span(NamedTuple):
    since: datetime | None
    until: datetime | None

    def has(self, time: datetime) -> bool:
        return (self.since is None or self.since <= time) and (self.until is None or time < self.until)


class _Reader(NamedTuple):
    replayer: Replayer
    selecting: Selecting | None


def _replayed(lines: Iterator[bytes], reader: _Reader, span: _Span, tally: Tally) -> Iterator[Replayed]:
    replayer, selecting = reader
    for line in lines:
        try:
            entry = _entry(line, reader)
            if entry is None or not span.has(entry.time):
                continue
            replayed = replayer.replay(entry) if entry.decided is not None else None
            if replayed is not None and selecting is not None:
                selecting.add(replayed)
        except ValueError:  # also what orjson raises
            tally.broken += 1
            continue
        if replayed is None:
            tally.undecided += 1
        else:
            yield replayed


def _entry(line: bytes, reader: _Reader) -> Entry | None:
    """None for a line that is about others. ValueError for what is neither."""
    from pointsman.gateway.replay.entries import read_entry

    form = orjson.loads(line)
    if not isinstance(form, dict):
        raise ValueError("an object is expected")
    event = form.get("event")
    if event is None:
        return read_entry(form)
    if event == "config":
        reader.replayer.heard(form)
    elif event == "reward" and reader.selecting is not None:
        reader.selecting.rewarded(form)
    return None


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


def _show(tally: Tally, parts: Sequence[Part]) -> None:
    from pointsman.gateway.replay import report

    for line in report.summary(tally):
        typer.echo(line)
    _print(report.tables(tally))
    for part in parts:
        _print([part.table])
        for note in part.notes:
            typer.echo(f"  {note}")


def _print(tables: Iterable[Table]) -> None:
    from pointsman.gateway.replay import report

    if not sys.stdout.isatty():
        for table in tables:
            typer.echo("\n".join(["", table.title, *report.lines(table)]))
        return
    from rich.console import Console
    from rich.table import Table as Shown
    from rich.text import Text

    console = Console()
    for found in tables:
        shown = Shown(title=found.title, title_justify="left", title_style="bold", box=None, pad_edge=False)
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
