from __future__ import annotations

import gzip
from typing import Any

import numpy as np
import orjson
import pytest

from pointsman.bench.quality.sets import Sets
from pointsman.bench.selection import bandits
from pointsman.bench.selection.arms import Played, Trouble, World, degraded, play, selector_of, world_of
from pointsman.bench.selection.bench import Bench, Effort, Measured
from tests.support.encoders import LetterEncoder
from tests.support.select import prompt

PRICES = {"cheap": 0.1, "dear": 1.0}
ROWS = 120


def row(number: int) -> dict[str, Any]:
    """The cheap model answers what has many a's as well as the dear one, and nothing else."""
    easy = number % 3 == 0
    text = ("banana papaya " if easy else "issue tissue ") * (1 + number % 2) + str(number)
    return {"id": f"row/{number}", "prompt": text, "scores": {"cheap": float(easy), "dear": 0.8}}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    folder = tmp_path_factory.mktemp("data")
    for path in bandits.FILES:
        (folder / path).parent.mkdir(exist_ok=True)
    rows, prices = bandits.FILES
    (folder / rows).write_bytes(gzip.compress(b"\n".join(orjson.dumps(row(n)) for n in range(ROWS))))
    listed = {name: {"input_price": price, "output_price": price} for name, price in PRICES.items()}
    (folder / prices).write_bytes(orjson.dumps(listed))
    return bandits.measure(Bench(Sets(folder), LetterEncoder(), Effort(rounds=50, resamples=10), lambda line: None))


def world() -> World:
    rows = [row(number) for number in range(ROWS)]
    scores = np.array([[each["scores"][model] for model in PRICES] for each in rows])
    prompts = [prompt(features=(2.0, 0.0) if number % 3 == 0 else (0.0, 2.0)) for number in range(ROWS)]
    return world_of(list(PRICES), list(PRICES.values()), [each["prompt"] for each in rows], prompts, scores)


def played(**trouble: Any) -> Played:
    here = world()
    selector = selector_of(here, {"by": "linucb"}, 0.3, None)
    rows = np.random.default_rng(1).integers(0, ROWS, 400)
    return play(here, selector, rows, 0.3, 1, Trouble(**trouble))


def test_every_learner_is_reported_cold_and_warm_beside_what_must_be_beaten(measured: Measured):
    found = measured.data["replay"]
    assert list(found)[:5] == ["random", "cheapest", "most of the stated quality", "ε-greedy means", "oracle"]
    assert list(found)[5:] == [f"{name}, {start}" for name in bandits.LEARNERS for start in ("cold", "warm")]
    assert found["random"]["0"][0] < 1 < found["oracle"]["0.3"][0]
    assert found["most of the stated quality"]["0"] == (pytest.approx(1), pytest.approx(0))
    assert measured.data["rounds"] == 50
    assert 0 < measured.data["rows"] < ROWS / 2


def test_the_tables_have_a_cell_for_each(measured: Measured):
    replay, trouble, speed = measured.tables
    assert [line[0] for line in replay.rows] == list(measured.data["replay"])
    assert [line[0] for line in trouble.rows] == list(measured.data["trouble"])
    assert [line[0] for line in speed.rows] == list(bandits.LEARNERS)
    assert all(len(line) == len(table.columns) for table in measured.tables for line in table.rows)
    assert not measured.problems


def test_a_selector_that_learns_beats_the_best_single_model_where_prompts_tell():
    found = played()
    assert found.utility[200:].mean() > found.offered[200:].mean(0).max() + 0.03


def test_what_was_not_told_was_not_learned():
    assert played(missing=1.0).utility.mean() < played().utility.mean()
    late, soon = played(delay=300), played()
    assert late.utility[:200].mean() < soon.utility[:200].mean()


def test_a_model_that_degrades_is_worth_less_from_then_on():
    scores = np.ones((4, 2))
    assert degraded(scores, Trouble(degrades=(2, 1, 0.5))).tolist() == [[1, 1], [1, 1], [1, 0.5], [1, 0.5]]
    assert (scores == 1).all()


def test_the_dearest_models_cost_is_one():
    assert world().costs == pytest.approx(np.tile([0.1, 1.0], (ROWS, 1)))
