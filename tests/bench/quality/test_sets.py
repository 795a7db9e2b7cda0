from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.bench.parts import is_test
from pointsman.bench.quality import sets
from pointsman.bench.quality.sets import Sets, failures, thin
from tests.bench.quality import samples


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    samples.write(tmp_path)
    return tmp_path


def test_what_is_reported_was_not_trained_on(folder: Path) -> None:
    train, test = Sets(folder).parts(sets.MMLU)
    assert train
    assert test
    assert all(is_test(row["id"]) for row in test)
    assert not any(is_test(row["id"]) for row in train)
    assert {row["id"] for row in (*train, *test)} == set(range(samples.ROWS))


def test_benign_prompts_are_halved_and_nothing_else_is_among_them(folder: Path) -> None:
    choose, report = Sets(folder).benign()
    assert {row["source"] for row in (*choose, *report)} == {"squad", "gsm8k"}
    assert abs(len(choose) - len(report)) < samples.ROWS
    assert not {row["id"] for row in choose} & {row["id"] for row in report}


def test_a_sample_does_not_depend_on_the_order() -> None:
    rows = [{"id": number} for number in range(100)]
    assert thin(rows, 10) == thin(rows[::-1], 10) == thin(rows, 20)[:10]
    assert thin(rows, 10) != rows[:10]
    assert len(thin(rows, 200)) == 100


def test_models_that_did_not_answer_do_not_count(folder: Path) -> None:
    failed = failures(Sets(folder))
    assert failed["0"] == 0.5
    assert failed["1"] == 0


def test_what_is_missing(folder: Path) -> None:
    assert Sets(folder).missing([sets.MMLU, "no/such.jsonl"]) == ["no/such.jsonl"]
