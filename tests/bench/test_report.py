from __future__ import annotations

import io
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from pointsman.bench.report import Report, Table, markdown, replace_between, show, write_json

TABLE = Table("Throughput", ("", "requests/s"), (("direct", "65,000"), ("relay", "8,000")))
PAGE = "# Page\n<!-- bench:one -->old<!-- /bench:one -->\nmiddle\n<!-- bench:two -->\nkept\n<!-- /bench:two -->\nend\n"


def test_markdown() -> None:
    assert markdown([TABLE]) == (
        "**Throughput**\n\n|  | requests/s |\n| --- | ---: |\n| direct | 65,000 |\n| relay | 8,000 |"
    )


def test_tables_have_a_line_between_them() -> None:
    assert "| relay | 8,000 |\n\n**Throughput**" in markdown([TABLE, TABLE])


def test_only_what_is_between_the_markers_is_replaced() -> None:
    page = replace_between(PAGE, "one", "new")
    assert page == PAGE.replace("old", "\n\nnew\n\n")
    assert replace_between(page, "one", "new") == page


@pytest.mark.parametrize("page", ["nothing", "<!-- bench:one -->", "<!-- /bench:one --> <!-- bench:one -->"])
def test_a_page_without_both_markers_is_not_touched(page: str) -> None:
    with pytest.raises(ValueError, match="<!-- bench:one --> and <!-- /bench:one -->"):
        replace_between(page, "one", "new")


def test_the_terminal_shows_tables_and_problems() -> None:
    out = io.StringIO()
    show(Report("overhead", (TABLE,), {}, ("relay: it ended: [/x] [red]",)), Console(file=out, width=100))
    shown = out.getvalue()
    assert "65,000" in shown
    assert "relay: it ended: [/x] [red]" in shown


def test_json_has_all_that_was_measured(tmp_path: Path) -> None:
    path = write_json(Report("overhead", (TABLE,), {"rates": [1.5]}, ("bad",)), {"cores": 2}, tmp_path / "new")
    assert path.name.startswith("overhead-")
    assert orjson.loads(path.read_bytes()) == {
        "benchmark": "overhead",
        "machine": {"cores": 2},
        "problems": ["bad"],
        "rates": [1.5],
    }
