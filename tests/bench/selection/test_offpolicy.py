from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest

from pointsman.bench.quality.sets import Sets
from pointsman.bench.selection import offpolicy
from pointsman.bench.selection.bench import QUICK, Bench, Measured
from tests.support.encoders import LetterEncoder


def row(number: int) -> dict[str, Any]:
    easy = number % 2 == 0
    text = ("banana papaya " if easy else "issue tissue ") + str(number)
    return {"id": f"row/{number}", "prompt": text, "scores": {"cheap": 0.9 if easy else 0.1, "dear": 0.8}}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    folder: Path = tmp_path_factory.mktemp("data")
    for path, content in (
        (offpolicy.NINE, gzip.compress(b"\n".join(orjson.dumps(row(n)) for n in range(200)))),
        (
            offpolicy.PRICES,
            orjson.dumps({n: {"input_price": p, "output_price": p} for n, p in (("cheap", 1), ("dear", 2))}),
        ),
    ):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)
    return offpolicy.measure(Bench(Sets(folder), LetterEncoder(), QUICK, lambda line: None))


def test_a_log_that_explores_tells_the_truth(measured: Measured) -> None:
    found = measured.data["1"]
    assert found["best single"]["truth"] == pytest.approx(0.8)
    assert found["best by prompt"]["truth"] == pytest.approx(0.85, abs=0.03)
    for each in found.values():
        assert each["error_dr"] < 0.03
        assert (each["right"], each["cannot_tell"]) == (1, 0)


def test_one_that_does_not_cannot_tell_of_others(measured: Measured) -> None:
    found = measured.data["0"]
    assert found["best single"]["cannot_tell"] == found["best by prompt"]["cannot_tell"] == 1
    assert found["as the log"]["right"] == 1
    assert {each["wrong"] for each in found.values()} == {0}


def test_the_table_has_a_row_for_each(measured: Measured) -> None:
    [table] = measured.tables
    assert len(table.rows) == sum(map(len, measured.data.values()))
    assert all(len(line) == len(table.columns) for line in table.rows)
