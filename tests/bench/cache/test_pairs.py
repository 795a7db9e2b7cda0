from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import orjson
import pytest

from pointsman.bench.cache import pairs
from pointsman.bench.cache.edits import Pair, edits, generated, negated, paraphrases, renumbered
from pointsman.bench.cache.pairs import GUARDED, Judged, judge
from pointsman.bench.parts import is_test
from tests.support.encoders import LetterEncoder


def test_own_pairs_are_many_differ_and_occur_once() -> None:
    wrong, right = edits(), paraphrases()

    assert len(wrong) >= 400
    assert len(right) >= 300
    assert all(pair.a != pair.b for pair in wrong + right)
    assert len({frozenset((pair.a, pair.b)) for pair in wrong + right}) == len(wrong + right)
    assert not any(pair.same for pair in wrong)
    assert all(pair.same for pair in right)


@pytest.mark.parametrize("text", ["Why is ice slippery?", "how do i peel a mango", "Will it rain", "Can you swim?"])
def test_a_negation_is_put_in(text: str) -> None:
    turned = negated(text)

    assert turned is not None
    assert turned != text
    assert "not" in turned or "n't" in turned


@pytest.mark.parametrize("text", ["mango", "Why is it not here?", "Why isn't it here?", "Is it here or there?"])
def test_nothing_is_denied_twice_or_without_a_verb(text: str) -> None:
    assert negated(text) is None


def test_the_last_number_becomes_another_one() -> None:
    assert renumbered("bus 12 at stop 34") == "bus 12 at stop 43"
    assert renumbered("bus 20") not in ("bus 20", "bus 02", None)
    assert renumbered("no bus") is None
    assert renumbered("IPv6, 3.5 and 10:30") is None


def test_generated_pairs_do_not_depend_on_the_order_of_the_texts() -> None:
    texts = [f"bus {number}" for number in range(10, 60)]

    assert generated(texts, "number", 5) == generated(reversed(texts), "number", 5)


def test_hits_are_compared_with_those_of_a_threshold_that_has_no_more_wrong_ones() -> None:
    made = [Pair("a", "b", same, "x") for same in (True, True, True, False, False)]
    cosine = np.array([0.99, 0.9, 0.86, 0.95, 0.87])
    judged = Judged(made, cosine, np.array([True, True, True, False, False]), 0.0)

    right, wrong, single, alone, ratio = pairs._gain(judged, np.arange(5), GUARDED)

    assert (right, wrong, single, alone, ratio) == (3, 0, 0.95, 1, 3.0)


def test_the_guard_is_asked_of_every_pair() -> None:
    judged = judge([Pair("3 eggs", "5 eggs", False, "number"), Pair("eggs", "Eggs?", True, "x")], LetterEncoder())

    assert judged.passed.tolist() == [False, True]


def test_a_report_of_own_and_public_pairs(tmp_path: Path) -> None:
    _write_data(tmp_path)

    report = pairs.run(tmp_path, pairs.QUICK, lambda said: None, LetterEncoder())

    assert report is not None
    names = {figure["name"]: figure["value"] for figure in report.data["figures"]}
    assert names["wrong hits on number swaps, with the guard"] == 0
    assert names["wrong hits on number swaps, cosine alone"] > 0
    assert len(report.tables) == 4


def test_without_data_nothing_is_measured(tmp_path: Path) -> None:
    said: list[str] = []

    assert pairs.run(tmp_path, pairs.QUICK, said.append, LetterEncoder()) is None
    assert "hwu64" in said[0]


def _write_data(folder: Path) -> None:
    ids = [number for number in range(400) if is_test(number)]
    texts = [f"is bus {number} late" for number in ids]
    rows = [
        {"id": number, "a": text, "b": f"{text}?", "dup": 1, "score": 5}
        for number, text in zip(ids, texts, strict=True)
    ]
    rows[0] |= {"b": "when does the tram leave", "dup": 0, "score": 1}
    for path in (pairs.QQP, *pairs.INTENTS, pairs.STSB):
        file = folder / path
        file.parent.mkdir(parents=True)
        content = b"\n".join(orjson.dumps(row | {"text": row["a"]}) for row in rows)
        file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)
