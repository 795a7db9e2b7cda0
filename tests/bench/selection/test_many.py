from __future__ import annotations

import gzip
from typing import Any

import orjson
import pytest

from pointsman.bench.quality.sets import Sets
from pointsman.bench.selection import many
from pointsman.bench.selection.bench import QUICK, Bench, Measured
from tests.support.encoders import LetterEncoder

MODELS = ("cheap", "dear")


def row(number: int) -> dict[str, Any]:
    """The cheap model answers what has many a's, the dear one all but a few."""
    easy = number % 2 == 0
    text = ("banana papaya " if easy else "issue tissue ") * (1 + number % 3) + str(number)
    scores = {"cheap": 0.9 if easy else 0.1, "dear": 0.8}
    return {"id": f"row/{number}", "prompt": text, "scores": scores, "cost": {"cheap": 0.001, "dear": 0.01}}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    folder = tmp_path_factory.mktemp("data")
    for path in (many.NINE, many.SEVEN, many.ELEVEN):
        (folder / path).parent.mkdir()
        (folder / path).write_bytes(gzip.compress(b"\n".join(orjson.dumps(row(n)) for n in range(200))))
    prices = {"cheap": {"input_price": 0.1, "output_price": 0.1}, "dear": {"input_price": 1, "output_price": 1}}
    (folder / many.PRICES).write_bytes(orjson.dumps(prices))
    return many.measure(Bench(Sets(folder), LetterEncoder(), QUICK, lambda line: None))


@pytest.mark.parametrize("name", ["llmrouter_9model", "routerdc_7model", "routerbench_subset"])
def test_each_set_is_reported_beside_what_must_be_beaten(measured: Measured, name: str):
    found = measured.data[name]
    assert {"random", "cheapest, cheap", "best single, dear", "prompt length", "knn", "clusters", "oracle"} <= set(
        found
    )
    assert found["best single, dear"]["quality"] == pytest.approx(0.8)
    assert found["random"]["quality"] < 0.8 < found["knn"]["quality"] <= found["oracle"]["quality"]
    for by in ("knn", "clusters"):
        low, high = found[by]["saved_interval"]
        assert low <= found[by]["saved"] <= high < -0.2
        assert found[by]["saved_less_1"] <= found[by]["saved"]


def test_the_tables_have_a_row_for_each(measured: Measured):
    for table, found in zip(measured.tables, measured.data.values(), strict=True):
        assert [line[0] for line in table.rows] == list(found)
        assert all(len(line) == len(table.columns) for line in table.rows)


def test_costs_are_what_the_sets_say(measured: Measured):
    assert measured.data["routerbench_subset"]["cheapest, cheap"]["usd_per_1000"] == pytest.approx(1)
    nine = measured.data["llmrouter_9model"]
    assert nine["best single, dear"]["usd_per_1000"] == pytest.approx(10 * nine["cheapest, cheap"]["usd_per_1000"])
    seven = measured.data["routerdc_7model"]
    assert seven["best single, dear"]["usd_per_1000"] == pytest.approx(4 * seven["cheapest, cheap"]["usd_per_1000"])
