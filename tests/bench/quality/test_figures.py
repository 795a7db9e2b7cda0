from __future__ import annotations

from math import nan
from pathlib import Path
from typing import Any

import pytest

from pointsman.bench.quality.figures import Bench, Effort, Figure, Target, plain, summary
from pointsman.bench.quality.sets import Sets

NO_ASKER: Any = None


@pytest.mark.parametrize(
    ("target", "value", "reached"),
    [
        (Target(0.9), 0.9, True),
        (Target(0.9), 0.89, False),
        (Target(0.05, at_most=True), 0.05, True),
        (Target(0.05, at_most=True), 0.06, False),
        (Target(0.9), nan, None),
        (None, 0.9, None),
    ],
)
def test_reached(target: Target | None, value: float, reached: bool | None) -> None:
    assert Figure("x", value, 10, (0, 1), target).reached is reached


def test_the_table_shows_target_and_floors() -> None:
    figure = Figure("a", 0.91234, 1234, (0.9, 0.92), Target(0.05, at_most=True), {"length": 0.5})
    table = summary("T", [figure, Figure("b", nan, 0, (nan, nan), Target(0.9))])
    assert table.columns[-3:] == ("majority", "length", "TF-IDF")
    assert table.rows[0] == ("a", "1,234", "0.912", "0.900 to 0.920", "≤ 0.050", "no", "", "0.500", "")
    assert table.rows[1] == ("b", "0", "", "", "≥ 0.900", "", "", "", "")
    assert plain("T", [figure]).rows == (("a", "1,234", "0.912", "0.900 to 0.920"),)


def test_without_rows_there_is_no_value(tmp_path: Path) -> None:
    bench = Bench(Sets(tmp_path), NO_ASKER, Effort())
    assert bench.figure("x", 0, lambda rows: 1 / len(rows)).reached is None
