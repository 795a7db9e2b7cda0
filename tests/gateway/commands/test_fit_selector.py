from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from pointsman.gateway.cli import run
from pointsman.signals import fitted, outcomes
from tests.support.gateway import config, pool
from tests.support.past import two_kinds

NOUNS = ["river", "bridge", "garden", "engine", "market", "castle", "window", "teacher", "island", "forest"]
SUMS = [f"What is {a} times {b}, plus {a + b}?" for a in range(11, 23) for b in range(3, 11)]
POEMS = [f"Write a short poem about a {a} and a {b}" for a in NOUNS for b in NOUNS if a != b]


def rows() -> list[dict[str, Any]]:
    """The small model can write but not count, the large one costs ten times as much and can do both."""
    cost = {"cost": {"small": 0.0001, "large": 0.001}}
    return [
        *({"text": text, "scores": {"small": 0.9, "large": 0.9}, **cost} for text in POEMS),
        *({"text": text, "scores": {"small": 0.1, "large": 0.9}, **cost} for text in SUMS),
    ]


def write(path: Path, given: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in given))
    return path


def policy(path: Path, select: Mapping[str, Any]) -> Path:
    pools = {
        "small": pool("http://127.0.0.1:1", price={"input": 0.1, "output": 0.3}),
        "large": pool("http://127.0.0.1:2", price={"input": 1.0, "output": 3.0}),
    }
    decisions = [{"name": "all", "when": "true", "models": ["small", "large"], "select": select}]
    path.write_text(yaml.safe_dump(config(pools, decisions)))
    return path


def fit(*args: object) -> int:
    return run(["fit", "selector", *map(str, args)])


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    _, err = capsys.readouterr()
    assert err.count("\n") == 1
    return err


def pasted(said: str, by: str) -> Any:
    [line] = [line for line in said.splitlines() if line.startswith("select: ") and by in line]
    return yaml.safe_load(line)["select"]


@pytest.mark.parametrize("by", ["knn", "clusters"])
def test_a_selector_that_a_policy_can_use(by: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "past.npz"
    assert fit(write(tmp_path / "data.jsonl", rows()), "--out", out) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{len(rows())} rows, 2 models: large, small\nfitted on ")
    for name in ("knn", "clusters", "best single, large", "cheapest, small", "random", "oracle"):
        assert f"\n  {name} " in said
    path = policy(tmp_path / "policy.yaml", {"by": by, "data": str(out)})
    for prompt, chosen in (("Write a short poem about a lamp", "small"), ("What is 12 times 7, plus 5?", "large")):
        assert run(["explain", str(path), prompt, "--json"]) == 0
        selection = json.loads(capsys.readouterr().out)["selection"]
        assert (selection["by"], selection["choice"]) == (by, chosen)
        assert selection["quality"]["large"] == pytest.approx(0.9, abs=0.1)


def test_it_says_what_is_saved_at_the_quality_of_the_best_single_model(tmp_path: Path, capsys: Any):
    assert fit(write(tmp_path / "data.jsonl", rows()), "--out", tmp_path / "past.npz") == 0
    said = capsys.readouterr().out
    [line] = [line.split() for line in said.splitlines() if line.startswith("  knn ")]
    assert float(line[1]) == pytest.approx(0.9, abs=0.001)
    assert -55 < int(line[3].rstrip("%")) < -35  # the poems are about half of the rows, and cost a tenth
    weights = pasted(said, "weights")["weights"]
    assert weights["quality"] == 1
    assert 0 < weights["cost"] < 1


def test_it_proposes_prior_qualities(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert fit(write(tmp_path / "data.jsonl", rows()), "--out", tmp_path / "past.npz") == 0
    lines = {line.partition(":")[0]: line for line in capsys.readouterr().out.splitlines()}
    large, small = (yaml.safe_load(lines[name])[name]["quality"] for name in ("large", "small"))
    mean = np.mean([row["scores"]["small"] for row in rows()])
    assert large == {"default": 0.9}
    assert small["default"] == pytest.approx(mean, abs=0.01)
    assert small["math"] < 0.35


@pytest.mark.parametrize(("option", "share"), [("--strong-share", 0.5), ("--cost-share", 0.55)])
def test_of_two_models_a_threshold_for_a_share(option: str, share: float, tmp_path: Path, capsys: Any):
    out = tmp_path / "past.npz"
    assert fit(write(tmp_path / "data.jsonl", rows()), "--out", out, option, share) == 0
    said = capsys.readouterr().out
    assert 0 < pasted(said, "by: threshold")["threshold"] < 1
    found = re.search(r"^# large for (\d+)% of the requests: quality (\S+), between (\S+) of small", said, re.MULTILINE)
    assert found is not None
    assert 45 <= int(found[1]) <= 55
    assert float(found[2]) > float(found[3]) + 0.2
    head = fitted.load(out).head
    assert head.labels == ("need",)


@pytest.mark.parametrize("by", ["knn", "clusters"])
def test_a_file_of_another_encoder_is_refused_before_anything_is_served(by: str, tmp_path: Path, capsys: Any):
    path = policy(tmp_path / "policy.yaml", {"by": by, "data": two_kinds(tmp_path / "past.npz")})
    assert run(["explain", str(path), "hello"]) == 2
    assert "decision `all`: " in (said := complaint(capsys))
    assert "past.npz was fitted for another encoder (`letters`, 8 dimensions" in said


def test_rewards_of_a_decision_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    log = []
    for number, row in enumerate(rows()):
        chosen = ("small", "large")[number % 2]
        messages = [{"role": "system", "text": "be kind"}, {"role": "user", "text": row["text"]}]
        log.append({"v": 1, "id": f"r{number}", "choice": {"pool": chosen}, "messages": messages, "cost_usd": 0.1})
        log.append({"event": "reward", "id": f"r{number}", "reward": 0.5, "weight": 0.5})
        log.append({"event": "reward", "id": f"r{number}", "reward": row["scores"][chosen], "weight": 1.0})
    log += [{"event": "config", "all": "x"}, {"v": 1, "id": "unrewarded", "choice": None, "messages": []}]
    out = tmp_path / "past.npz"
    assert fit(write(tmp_path / "log.jsonl", log), "--out", out) == 0
    assert "too few rows have scores of every model" in capsys.readouterr().out
    table = outcomes.load(out).outcomes
    assert table.models == ("large", "small")
    assert np.isnan(table.scores).sum() == len(rows())
    path = policy(tmp_path / "policy.yaml", {"by": "knn", "data": str(out)})
    assert run(["explain", str(path), "What is 13 times 8, plus 2?", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["selection"]["choice"] == "large"


def test_prices_of_a_configuration_stand_for_costs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    data = write(tmp_path / "data.jsonl", ({k: v for k, v in row.items() if k != "cost"} for row in rows()))
    assert fit(data, "--out", tmp_path / "past.npz") == 0
    assert "USD/1,000" not in capsys.readouterr().out
    path = policy(tmp_path / "policy.yaml", {"by": "static"})
    assert fit(data, "--out", tmp_path / "past.npz", "--config", path) == 0
    said = capsys.readouterr().out
    assert "USD/1,000" in said
    assert "cheapest, small" in said


def test_messages_are_read_as_the_gateway_reads_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    parts = [{"type": "text", "text": "Hello"}, {"type": "image_url"}]
    given = [{"messages": [{"role": "user", "content": parts}], "scores": {"a": 1, "b": 0.5}}] * 20
    given += [{"prompt": f"Hello {n}", "scores": {"a": 1, "b": True}} for n in range(30)]
    assert fit(write(tmp_path / "data.jsonl", given), "--out", tmp_path / "past.npz") == 0
    assert capsys.readouterr().out.startswith("50 rows, 2 models: a, b\n")


SCORED = {"text": "a", "scores": {"a": 1, "b": 0}}


@pytest.mark.parametrize(
    ("given", "args", "expected"),
    [
        ([], (), "has no rows"),
        ([SCORED], (), "has 1 rows; to fit a selector takes at least 40"),
        ([{"text": "a", "scores": {"a": 1}}], (), "has scores of 1 models; there may be 2 to"),
        ([{"scores": {"a": 1}}], (), 'data.jsonl:1: "text" must be text'),
        ([{"text": "a", "scores": {"a": 2}}], (), 'data.jsonl:1: "scores" of a must be a number from 0 to 1'),
        ([{"text": "a", "scores": {}}], (), 'data.jsonl:1: "scores" must say'),
        ([{**SCORED, "cost": {"a": -1}}], (), 'data.jsonl:1: "cost" of a must be USD, 0 or more'),
        ([{**SCORED, "cost": 3}], (), 'data.jsonl:1: "cost" must be an object of numbers by model'),
        ([{"id": "1", "choice": {"pool": "a"}}], (), "is a decision log without a rewarded request"),
        ([{"text": f"{n}", "scores": {"a": 1, "b": 0, "c": 1}} for n in range(40)], ("--strong-share", "0.3"),
         "--strong-share and --cost-share are for two models"),
        ([{"text": f"text {n}", "scores": {"a": 1, "b": 0}} for n in range(200)], ("--cost-share", "0.3"),
         "--cost-share needs costs on the lines, or prices with --config"),
        ([SCORED], ("--out", "past.bin"), "write --out"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted(given: Any, args: tuple[str, ...], expected: str, tmp_path: Path, capsys: Any):
    data = write(tmp_path / "data.jsonl", given)
    out = () if "--out" in args else ("--out", tmp_path / "past.npz")
    assert fit(data, *out, *args) == 1
    assert expected in complaint(capsys)
