from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.cli import run
from pointsman.gateway.commands.fit_heads import RECIPES
from pointsman.gateway.commands.fit_thresholds import choose, measure
from pointsman.signals import domain
from pointsman.signals.encoder.onnx import OnnxEncoder
from tests.support.gateway import config, pool

REFUND = ["I want my money back", "how do I get a refund", "refund me please", "return my payment",
          "give back the money",
          "you charged me twice, refund it", "can the amount be refunded", "I'd like a refund of my order"]  # fmt: skip
DELIVERY = ["where is my parcel", "how long does shipping take", "my package is late", "when will it be delivered",
            "track my shipment", "the courier did not come", "has my order been shipped", "delivery date?"]  # fmt: skip


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [
        {"text": text, "label": label}
        for label, texts in (("refund", REFUND), ("delivery", DELIVERY))
        for text in texts
    ]
    return write(tmp_path / "data.jsonl", rows)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    signals = {"refund": {"type": "embedding", "examples": ["I want a refund"]}, "size": {"type": "context"}}
    decisions = [{"name": "money", "when": "refund", "models": ["small"]}]
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(config({"small": pool("http://127.0.0.1:1")}, decisions, signals=signals)))
    return path


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    _, err = capsys.readouterr()
    assert err.count("\n") == 1
    return err


def test_a_classifier_that_a_policy_can_use(data: Path, policy: Path, capsys: pytest.CaptureFixture[str]):
    out = data.with_name("model.npz")
    assert run(["fit", "classifier", str(data), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("16 texts, 2 labels: delivery 8, refund 8\n")
    for name in ("classifier", "its words alone", "most frequent label"):
        assert f"\n  {name} " in said
    written = yaml.safe_load(policy.read_text())
    written["signals"]["refund"] = {"type": "classifier", "model": str(out), "is": "refund"}
    policy.write_text(yaml.safe_dump(written))
    assert run(["explain", str(policy), "please refund what I paid"]) == 0
    assert capsys.readouterr().out.startswith("decision   money\n")


@pytest.mark.parametrize(
    ("rows", "out", "expected"),
    [
        ([{"text": "a", "label": "x"}], "model.npz", "has one label only, `x`"),
        ([{"text": "a"}], "model.npz", 'data.jsonl:1: "label" must be'),
        ([], "model.npz", "has no rows"),
        ([], "model.bin", "write --out"),
        ([], "nowhere/model.npz", "there is no folder"),
    ],
)
def test_what_a_classifier_cannot_be_made_of(
    tmp_path: Path, rows: Any, out: str, expected: str, capsys: pytest.CaptureFixture[str]
):
    path = write(tmp_path / "data.jsonl", rows)
    assert run(["fit", "classifier", str(path), "--out", str(tmp_path / out)]) == 1
    assert expected in complaint(capsys)


@pytest.mark.parametrize("form", ["label", "flag"])
def test_a_threshold_to_paste(form: str, policy: Path, data: Path, capsys: pytest.CaptureFixture[str]):
    if form == "flag":
        write(data, [{"text": text, "refund": text in REFUND} for text in (*REFUND, *DELIVERY)])
    assert run(["fit", "thresholds", str(policy), str(data)]) == 0
    said = capsys.readouterr().out
    proposed = yaml.safe_load(said)["refund"]
    assert proposed["type"] == "embedding"
    assert 0.1 < proposed["threshold"] < 0.9
    assert "false alarms" in said


def test_too_few_false_alarms_to_count_are_said(policy: Path, data: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["fit", "thresholds", str(policy), str(data), "--fpr", "0.01"]) == 0
    assert "8 lines that say false are too few to tell 1.00% false alarms from none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"text": "a", "label": "other"}], "names a boolean signal with a threshold"),
        ([{"text": "a", "size": True}], "has: refund"),
        ([{"text": "a", "refund": "yes"}], 'data.jsonl:1: "refund" must be true or false'),
        ([{"refund": True}], 'data.jsonl:1: "text"'),
    ],
)
def test_lines_without_thresholds(policy: Path, data: Path, rows: Any, expected: str, capsys: Any):
    write(data, rows)
    assert run(["fit", "thresholds", str(policy), str(data)]) == 1
    assert expected in complaint(capsys)


scored = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=40)


@given(scored, st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0]))
def test_the_false_alarms_asked_for_are_kept_and_no_lower_threshold_keeps_them(rows: Any, fpr: float):
    truth, scores = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    scores = np.minimum(scores, 0.999)  # above 1 there is no threshold
    threshold = choose(truth, scores, fpr)
    assert measure(truth, scores, threshold).alarms <= fpr
    lower = max((score for score in scores if score < threshold - 0.0001), default=None)
    assert lower is None or measure(truth, scores, lower).alarms >= measure(truth, scores, threshold).alarms


@given(scored)
def test_no_score_is_a_better_threshold_than_the_best(rows: Any):
    truth, scores = np.array([row[0] for row in rows]), np.round([row[1] for row in rows], 4)
    best = measure(truth, scores, choose(truth, scores, None)).f1
    assert all(measure(truth, scores, score).f1 <= best + 1e-9 for score in scores)


def test_heads_of_what_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = tmp_path / "heads"
    folder.mkdir()
    rows = [
        {"text": text, "label": label}
        for label, texts in (("needed", DELIVERY), ("not_needed", REFUND))
        for text in texts
    ]
    write(folder / "fact_check.jsonl", rows[:8])
    write(folder / "fact_check_more.jsonl", rows[8:])
    write(
        folder / "domain.jsonl", [{"text": f"{label} {n}", "label": label} for label in domain.LABELS for n in range(3)]
    )
    write(folder / "complexity.jsonl", [{"text": "1 + 1", "label": "easy"}, {"text": "prove it", "label": 0.9}])
    write(folder / "jailbreak_x.jsonl", [{"text": text, "label": int(text in REFUND)} for text in (*REFUND, *DELIVERY)])
    out = tmp_path / "heads.npz"
    assert run(["fit", "heads", "--data", str(folder), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "fact_check: 16 texts, accuracy" in said
    assert "feedback: left out" in said
    encoder = OnnxEncoder(heads=out)
    [encoding] = encoder.encode(["where is my parcel"])
    assert encoder.head("fact_check").probability(encoding) > 0.5
    [encoding] = encoder.encode(["physics 1"])
    labels = encoder.head("domain").probabilities(encoding)
    assert max(labels, key=labels.__getitem__) == "physics"
    for name in ("complexity", "jailbreak"):  # they have features of their own
        more = RECIPES[name].more
        assert more is not None
        assert 0 <= encoder.head(name).probability(encoding, more(encoding, "physics 1")) <= 1


@pytest.mark.parametrize(
    ("name", "rows", "expected"),
    [
        ("other", [{"text": "a", "label": "b"}], "has no file of a head"),
        ("feedback", [{"text": "a", "label": "glad"}], 'feedback.jsonl:1: "label" must be one of satisfied'),
        ("feedback", [{"text": "a", "label": "none"}], "no text of the head `feedback` has the label `satisfied`"),
        ("complexity", [{"text": "a", "label": 3}], 'complexity.jsonl:1: "label" must be a number from 0 to 1'),
        ("modality", [{"text": "", "label": "text"}], 'modality.jsonl:1: "text"'),
    ],
)
def test_what_heads_cannot_be_made_of(tmp_path: Path, name: str, rows: Any, expected: str, capsys: Any):
    write(tmp_path / f"{name}.jsonl", rows)
    assert run(["fit", "heads", "--data", str(tmp_path), "--out", str(tmp_path / "heads.npz")]) == 1
    assert expected in complaint(capsys)
