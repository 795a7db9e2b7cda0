"""`pointsman cache tune`: what it proposes keeps the bound on other pairs, too."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pointsman.gateway.cli import run
from pointsman.gateway.commands.cache_pairs import Scored
from pointsman.gateway.commands.cache_tune import choose, measure
from pointsman.gateway.config import load
from tests.support.encoders import LetterEncoder
from tests.support.gateway import config, pool


@pytest.fixture(autouse=True)
def letters(monkeypatch):
    monkeypatch.setattr("pointsman.gateway.commands.fit_common.build_encoder", lambda config: LetterEncoder())


@pytest.fixture
def policy(tmp_path):
    def write(**categories):
        names = list(categories) or ["general"]
        decisions = [
            {"name": name, "when": "true", "models": ["small"], "cache": name, "priority": -place}
            for place, name in enumerate(names)
        ]
        path = tmp_path / "policy.yaml"
        settings = config({"small": pool("http://127.0.0.1:1")}, decisions, cache={"categories": categories})
        path.write_text(yaml.safe_dump(settings))
        return str(path)

    return write


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def logged(count=400, category="general"):
    """Lines as the decision log has them: right from 0.9 on, and seldom wrong above."""
    random = np.random.default_rng(4)
    rows = []
    for number in range(count):
        similarity = float(random.uniform(0.7, 1))
        same = similarity >= 0.9 and number % 200 != 7
        rows.append({"v": 1, "event": "cache", "similarity": similarity, "same": same, "category": category})
    return rows


def test_a_threshold_is_chosen_on_one_half_and_reported_on_the_other(policy, tmp_path, capsys):
    data = write(tmp_path / "log.jsonl", [{"v": 1, "event": None, "decision": "x"}, *logged()])
    assert run(["cache", "tune", policy(general={}), data, "--error", "5%"]) == 0
    out = capsys.readouterr().out
    threshold = yaml.safe_load(out)["cache"]["categories"]["general"]["threshold"]
    assert 0.88 < threshold < 0.92
    for part in ("400 pairs", "on the other 200", "as it is", "0.8500"):
        assert part in out


def test_what_it_prints_can_be_pasted(policy, tmp_path, capsys):
    data = write(tmp_path / "log.jsonl", logged())
    path = Path(policy(general={}))
    assert run(["cache", "tune", str(path), data, "--error", "5%"]) == 0
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | yaml.safe_load(capsys.readouterr().out)))
    threshold = load(path).cache.categories["general"].threshold
    assert threshold is not None
    assert 0.88 < threshold < 0.92


def test_a_smaller_error_takes_a_higher_threshold(policy, tmp_path, capsys):
    data = write(tmp_path / "log.jsonl", logged(2000))
    found = []
    for error in ("5%", "30%"):
        assert run(["cache", "tune", policy(general={}), data, "--error", error, "--json"]) == 0
        [choice] = json.loads(capsys.readouterr().out)["categories"]["general"]["choices"]
        assert choice["low"] <= choice["wrong"] <= choice["high"]
        found.append(choice["threshold"])
    assert found[0] > found[1]


def test_pairs_of_texts_are_measured_with_and_without_the_guard(policy, tmp_path, capsys):
    rows = []
    for number in range(60):
        topic = f"the lamp number {chr(97 + number % 26)}{chr(97 + number // 26)}"
        rows.append({"a": f"How do I switch on {topic}?", "b": f"how do i switch on {topic}", "same": True})
        rows.append({"a": f"How do I enable {topic}?", "b": f"How do I disable {topic}?", "same": False})
    data = write(tmp_path / "pairs.jsonl", rows)
    assert run(["cache", "tune", policy(general={}), data, "--error", "10%", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["categories"]["general"]
    curves = {curve["guard"]: curve for curve in found["curves"]}
    assert curves.keys() == {True, False}
    assert curves[True]["precision"][-1] == 1.0
    assert curves[False]["precision"][-1] == 0.5
    guarded = next(choice for choice in found["choices"] if choice["guard"])
    assert guarded["wrong"] == 0


def test_each_category_has_its_own(policy, tmp_path, capsys):
    data = write(tmp_path / "log.jsonl", [*logged(category="general"), *logged(30, category="legal")])
    assert run(["cache", "tune", policy(general={}, legal={}), data, "--error", "5%"]) == 0
    out = capsys.readouterr().out
    assert set(yaml.safe_load(out)["cache"]["categories"]) == {"general"}
    assert "# legal: 30 pairs" in out
    assert "no threshold keeps that" in out


def test_pairs_without_a_category_are_of_the_only_one(policy, tmp_path, capsys):
    rows = [{"similarity": row["similarity"], "same": row["same"]} for row in logged()]
    assert run(["cache", "tune", policy(math={}), write(tmp_path / "p.jsonl", rows), "--error", "5%"]) == 0
    assert "math" in yaml.safe_load(capsys.readouterr().out)["cache"]["categories"]


def test_nothing_to_propose_is_said(policy, tmp_path, capsys):
    rows = [{"similarity": 0.9, "same": number % 2 == 0} for number in range(60)]
    assert run(["cache", "tune", policy(general={}), write(tmp_path / "p.jsonl", rows)]) == 0
    out = capsys.readouterr().out
    assert "nothing to propose" in out
    assert yaml.safe_load(out) is None


def test_the_plot(policy, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    plot = tmp_path / "curve.png"
    data = write(tmp_path / "log.jsonl", [*logged(), *logged(60, "math")])
    assert run(["cache", "tune", policy(general={}), data, "--error", "5%", "--plot", str(plot)]) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_it_says_how_to_install_it(policy, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    data, plot = write(tmp_path / "log.jsonl", logged()), tmp_path / "curve.png"
    assert run(["cache", "tune", policy(general={}), data, "--error", "5%", "--plot", str(plot)]) == 0
    out = capsys.readouterr().out
    assert "pip install 'pointsman[bench]'" in out
    assert "threshold" in yaml.safe_load(out)["cache"]["categories"]["general"]
    assert not plot.exists()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "has no pairs"),
        ([{"a": "x", "b": "y"}], '"same" must be'),
        ([{"a": "x", "same": True}], '"a" and "b" must be'),
        ([{"a": "x", "b": "y", "same": 1, "category": 3}], '"category" must be'),
        ([{"v": 1, "decision": "all"}], "lines of the event `cache`"),
    ],
)
def test_what_is_wrong_with_the_data_is_one_line(policy, tmp_path, capsys, rows, says):
    assert run(["cache", "tune", policy(general={}), write(tmp_path / "p.jsonl", rows)]) == 1
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("error", ["0", "60%", "x"])
def test_an_error_that_is_no_share(policy, tmp_path, capsys, error):
    assert run(["cache", "tune", policy(general={}), write(tmp_path / "p.jsonl", logged()), "--error", error]) == 1
    assert "--error" in capsys.readouterr().err


pairs = st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), min_size=1, max_size=200)


@given(pairs, st.floats(0.01, 0.5), st.booleans())
def test_the_bound_holds_where_it_was_chosen(rows, error, guard):
    similarity, same, passes = (np.array(column) for column in zip(*rows, strict=True))
    similarity = np.round(similarity, 3)
    scored = Scored(similarity, same, passes, [""] * len(rows))
    threshold = choose(scored, guard, error)
    if threshold is not None and threshold > 0.5:
        found = measure(scored, threshold, guard)
        assert found.wrong is not None
        assert found.wrong <= error
