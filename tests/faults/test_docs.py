"""docs/faults.md says of every fault what the other tests here show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.faults import FAULTS, Fault, Sees, What

PAGE = (Path(__file__).parents[2] / "docs" / "faults.md").read_text("utf-8")
KINDS = ("plain", "stream", "other")


def _cell(sees: Sees | None) -> str:
    if sees is None:
        return "–"
    match sees.what:
        case What.WHOLE:
            return "whole"
        case What.ERROR:
            return f"{sees.status} `{sees.code}`" if sees.code else f"{sees.status}, its own"
        case What.BROKEN:
            return f"error event `{sees.code}`" if sees.code else "error event, its own"
        case What.CUT:
            return "cut off"
        case What.AS_IT_IS:
            return "as it is"


def _which(fault: Fault, name: str) -> str:
    """`yes` or `no`, or the kinds of answers for which it is so."""
    sights = {kind: getattr(fault, kind) for kind in KINDS}
    told = {kind: getattr(sees, name) for kind, sees in sights.items() if sees is not None}
    if len(set(told.values())) == 1:
        return "yes" if all(told.values()) else "no"
    return ", ".join(kind for kind, true in told.items() if true)


def row(fault: Fault) -> str:
    cells = [_cell(getattr(fault, kind)) for kind in KINDS]
    star = " *" if fault.unlike else ""
    return " | ".join([f"| {fault.name}{star}", *cells, _which(fault, "retried"), f"{_which(fault, 'counts')} |"])


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_each_fault_has_its_row(fault: Fault) -> None:
    assert row(fault) in PAGE.splitlines()


def test_no_row_is_about_anything_else() -> None:
    rows = re.findall(
        r"^\| (?!fault|---).*\|$", PAGE.partition("## What becomes")[2].partition("\n## ")[0], re.MULTILINE
    )
    assert len(rows) == len(FAULTS)
