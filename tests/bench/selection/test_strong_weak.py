from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from pointsman.bench.quality.sets import MMLU, MMLU_CORRECT, Sets
from pointsman.bench.selection import data, strong_weak
from pointsman.bench.selection.bench import Bench, Effort
from pointsman.bench.selection.run import run
from pointsman.bench.selection.strong_weak import GEMINI, MIXTRAL
from pointsman.signals.encoder.onnx import OnnxEncoder

HARD, EASY = "Prove that group {} of order {} has a normal subgroup of index {}.", "What colour is apple number {}?"


def rows(path: Path, found: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, found))))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The strong model is better at every second question, which are long and about mathematics."""
    questions = [
        {"id": n, "category": "math" if n % 2 else "other", "question": (HARD if n % 2 else EASY).format(n, n + 7, n)}
        for n in range(200)
    ]
    rows(tmp_path / MMLU, [q | {"src": "x", "options": ["a", "b", "c"], "answer_index": 1} for q in questions])
    with (tmp_path / MMLU_CORRECT).open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(("id", MIXTRAL, GEMINI))
        out.writerows((n, 1 - n % 2, "" if n == 3 else 1) for n in range(200))
    for path, key, group in (
        (data.LLMROUTER, "task", "gsm8k"),
        (data.ROUTERDC, "bench", "gsm8k-train"),
        (data.ROUTERBENCH, "bench", "mbpp"),
    ):
        scored = [
            {"id": q["id"], "prompt": q["question"], key: group, "scores": {"w": 1.0 - q["id"] % 2, "s": 1.0}}
            for q in questions
        ]
        rows(tmp_path / path, scored)
    return tmp_path


def test_scores_that_see_the_difference_win_the_gap_early(folder: Path):
    bench = Bench(Sets(folder), OnnxEncoder(), Effort(rows=60, resamples=20), lambda line: None)
    found = strong_weak.measure(bench).data["MMLU-Pro: Mixtral 8x7B, Gemini 1.5 Pro"]
    for name in ("prompt length", "true category", "shipped", "fitted", "oracle"):
        assert found[name]["apgr"] == pytest.approx(0.75, abs=0.05), name
        assert found[name]["cpt50"] < 0.35
    assert 0.3 < found["random"]["apgr"] < 0.7
    low, high = found["shipped"]["interval"]
    assert low <= found["shipped"]["apgr"] <= high


def test_rows_that_training_may_read_are_not_reported(folder: Path):
    exam = data.mmlu_pro(Sets(folder))
    assert 0 < exam.test.sum() < 100
    assert len(exam.only_test().texts) == exam.test.sum()
    assert data.routerdc(Sets(folder)).test.all()
    assert np.isnan(exam.score(GEMINI)).sum() == 1


def test_options_are_part_of_the_prompt_if_wanted(folder: Path):
    bare, lettered = data.mmlu_pro(Sets(folder)), data.mmlu_pro(Sets(folder), options=2)
    assert "\nA. " not in bare.texts[0]
    assert lettered.texts[0].startswith(bare.texts[0])
    assert "b" in lettered.texts[0].split("\n")[1] + lettered.texts[0].split("\n")[2]
    assert lettered.texts[0].endswith("\nAnswer:")


def test_a_folder_without_data_measures_nothing(tmp_path: Path):
    told: list[str] = []
    assert run(tmp_path, Effort(), told.append) is None
    assert any("strong_weak is skipped" in line for line in told)
