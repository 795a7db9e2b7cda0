"""Tables: on the terminal, as JSON, and between the markers of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table as RichTable


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One benchmark's outcome: `data` is everything that was measured."""

    name: str
    tables: tuple[Table, ...]
    data: dict[str, Any]
    problems: tuple[str, ...] = field(default=())


def show(report: Report, console: Console) -> None:
    for table in report.tables:
        shown = RichTable(title=table.title, title_justify="left")
        for number, column in enumerate(table.columns):
            shown.add_column(column, justify="right" if number else "left")
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
    for problem in report.problems:
        console.print(problem, style="red", markup=False, highlight=False)


def write_json(report: Report, machine: dict[str, Any], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{report.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    content = {"benchmark": report.name, "machine": machine, "problems": report.problems, **report.data}
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    return path


def markdown(tables: Sequence[Table]) -> str:
    parts = []
    for table in tables:
        lines = [f"**{table.title}**", "", _row(table.columns), _row(["---"] + ["---:"] * (len(table.columns) - 1))]
        parts.append("\n".join([*lines, *map(_row, table.rows)]))
    return "\n\n".join(parts)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def replace_between(page: str, name: str, text: str) -> str:
    """The page with `text` between its two markers; ValueError if it lacks them."""
    start, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    head, found, rest = page.partition(start)
    _old, ended, tail = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"the page has no markers {start} and {end}; add them where the figures belong")
    return f"{head}{start}\n\n{text}\n\n{end}{tail}"
