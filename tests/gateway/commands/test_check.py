from __future__ import annotations

import json
from pathlib import Path

import pytest

from pointsman.gateway.cli import run
from tests.support.examples import EXAMPLES, invent_secrets

GOOD = """\
version: 1
pools:
  small: {model: s, endpoints: [http://127.0.0.1:8001]}
signals:
  urgent: {type: keyword, any: [urgent]}
decisions:
  - {name: hurry, when: urgent, models: [small]}
  - {name: all, when: true, models: [small]}
"""
UNUSED = GOOD.replace("when: urgent", "when: pool.small.healthy")
BAD = GOOD.replace("when: urgent", "when: urgnt")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "policy.yaml"


def test_a_clean_file(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(GOOD)
    assert run(["check", str(path), "--strict"]) == 0
    assert capsys.readouterr() == (f"{path}: ok; 1 pool, 1 signal, 2 decisions\n", "")


def test_warnings_fail_only_a_strict_check(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(UNUSED)
    assert run(["check", str(path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{path}:5:3: warning: signal `urgent` is used by no decision",
        f"{path}: 1 warning; 1 pool, 1 signal, 2 decisions",
    ]
    assert run(["check", "--strict", str(path)]) == 1


def test_remarks_are_no_warnings(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spare = "pools:\n  spare: {model: x, endpoints: [http://127.0.0.1:8002]}\n"
    path.write_text(GOOD.replace("pools:\n", spare))
    assert run(["check", str(path), "--strict"]) == 0
    out = capsys.readouterr().out
    assert f"{path}:3:3: info: pool `spare` is in no decision" in out
    assert f"{path}: ok; 2 pools" in out


@pytest.mark.parametrize("options", [[], ["--strict"]])
def test_errors(path: Path, capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    path.write_text(BAD)
    assert run(["check", str(path), *options]) == 2
    assert capsys.readouterr() == (
        f"{path}:7:25: error: there is no signal `urgnt`; did you mean `urgent`?\n{path}: 1 error\n",
        "",
    )


def test_a_file_that_is_not_there(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(path)]) == 2
    assert capsys.readouterr().out == f"{path}: error: there is no such file\n{path}: 1 error\n"


def test_json(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(UNUSED)
    assert run(["check", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "config": str(path),
        "loaded": {"pools": 1, "signals": 1, "decisions": 2},
        "findings": [
            {
                "file": str(path),
                "line": 5,
                "column": 3,
                "severity": "warning",
                "message": "signal `urgent` is used by no decision",
            }
        ],
    }
    path.write_text(BAD)
    assert run(["check", str(path), "--json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["loaded"] == {}
    assert [finding["severity"] for finding in report["findings"]] == ["error"]


def test_brackets_are_text(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(GOOD + "'[bold]x[/bold]': 1\n")
    assert run(["check", str(path)]) == 2
    assert "unknown key `[bold]x[/bold]`" in capsys.readouterr().out


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_nothing_is_to_be_said_of_the_examples(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    invent_secrets(path, monkeypatch)
    assert run(["check", str(path), "--strict"]) == 0
    assert capsys.readouterr().out.startswith(f"{path}: ok; ")
