from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.bench.quality.sets import Sets
from pointsman.bench.selection import cascade
from pointsman.bench.selection.bench import QUICK, Bench, Measured
from pointsman.bench.selection.cascade import CHEAP, STRONG, Pair
from tests.support.encoders import LetterEncoder

RIGHT = np.array([1.0] * 60 + [0.0] * 40)
PAIR = Pair(RIGHT, np.full(100, 0.9), np.full(100, 1.0), np.full(100, 10.0))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """The cheap models answer what has many a's, the strong one everything."""
    folder: Path = tmp_path_factory.mktemp("data")
    rows = []
    for number in range(200):
        easy = number % 2
        text = ("banana papaya " if easy else "issue tissue ") + str(number)
        scores, cost = dict.fromkeys(CHEAP, easy) | {STRONG: 1}, dict.fromkeys(CHEAP, 0.001) | {STRONG: 0.01}
        rows.append(orjson.dumps({"id": str(number), "prompt": text, "scores": scores, "cost": cost}))
    path = folder / cascade.ROUTERBENCH
    path.parent.mkdir()
    path.write_bytes(gzip.compress(b"\n".join(rows)))
    return cascade.measure(Bench(Sets(folder), LetterEncoder(), QUICK, lambda line: None))


@pytest.mark.parametrize("name", CHEAP)
def test_every_way_is_reported_beside_what_must_be_beaten(measured: Measured, name: str) -> None:
    figures = measured.data[name]
    assert figures["random, 50% strong"]["above_hull"] == pytest.approx(0)
    assert figures["test no better than chance, 50% rejected"]["above_hull"] < 0
    assert figures["need, fitted on four fifths, 50% strong"]["quality"] == 1
    oracle = figures["oracle"]
    assert (oracle["quality"], oracle["usd_per_1000"]) == (1, pytest.approx(5.5))
    assert all(found["above_hull"] <= oracle["above_hull"] + 1e-9 for found in figures.values())
    low, high = figures["logprob of AUROC 0.75, 50% rejected"]["above_hull_interval"]
    assert low <= figures["logprob of AUROC 0.75, 50% rejected"]["above_hull"] <= high
    assert not measured.problems


@given(st.floats(0.5, 0.99), st.floats(0.05, 0.95))
def test_a_cascade_costs_what_it_asks(auroc: float, share: float) -> None:
    way = cascade.cascade(PAIR, auroc, share)
    assert way.cost.mean() == pytest.approx(1 + 10 * share)
    assert cascade.cascade(PAIR, auroc, share, checks=True).cost.mean() == pytest.approx(2 + 10 * share)


def test_the_better_the_test_the_better_the_answers() -> None:
    qualities = [cascade.cascade(PAIR, auroc, 0.4).quality.mean() for auroc in (0.5, 0.7, 0.8, 0.9, 1.0)]
    assert qualities == sorted(qualities)
    assert qualities[0] == pytest.approx(0.6 * 0.6 + 0.4 * 0.9)
    assert qualities[-1] == pytest.approx(0.6 + 0.4 * 0.9)


def test_simulated_confidences_have_the_stated_auroc() -> None:
    """Each share of rejections is a point of the ROC curve; the area below it is the AUROC."""
    points = [(0.0, 0.0)]
    for share in np.linspace(0.01, 0.99, 99):
        rejected = cascade._rejected(RIGHT, 0.75, float(share))
        points.append((float(rejected[0]), float(rejected[-1])))
    points.append((1.0, 1.0))
    false, true = np.array(points).T
    area = float(((true[1:] + true[:-1]) / 2 * np.diff(false)).sum())
    assert area == pytest.approx(0.75, abs=0.005)
