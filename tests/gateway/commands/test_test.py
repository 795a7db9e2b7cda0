"""`pointsman test`: what a policy's author sees, and what CI reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pointsman.gateway import cli
from tests.support.examples import EXAMPLES, invent_secrets

Captured = pytest.CaptureFixture[str]

POLICY = """\
version: 1
pools:
  small: {model: s, endpoints: [http://127.0.0.1:9]}
  large: {model: l, endpoints: [http://127.0.0.1:9]}
signals:
  urgent: {type: keyword, any: [urgent]}
  size:   {type: context}
decisions:
  - {name: hurry, when: urgent, models: [small]}
  - {name: all, when: not urgent, models: [small, large]}
tests:
"""
PASSES = '  - {prompt: "This is urgent", expect: {decision: hurry}}\n'
FAILS = '  - {name: calm, prompt: "No haste", expect: {decision: hurry, models: [small], signals: {size: "> 100"}}}\n'

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "pointsman/gateway/commands/demo.yaml"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY + PASSES + FAILS)
    return path


def test_a_test_that_passes(path: Path, capsys: Captured) -> None:
    path.write_text(POLICY + PASSES)
    assert cli.run(["test", str(path)]) == 0
    assert capsys.readouterr() == (f"ok    {path}:12  This is urgent\n{path}: 1 passed\n", "")


def test_a_test_that_fails_says_what_was_expected_what_came_and_of_which_signals(path: Path, capsys: Captured) -> None:
    assert cli.run(["test", str(path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"ok    {path}:12  This is urgent",
        f"FAIL  {path}:13  calm",
        "      decision      expected  hurry, when urgent",
        "                    got       all, when not urgent",
        "      models        expected  small",
        "                    got       small, large",
        "      signals.size  expected  > 100",
        "                    got       2",
        "      signals       urgent false",
        f"{path}: 1 failed, 1 passed",
    ]


def test_one_object_for_programs(path: Path, capsys: Captured) -> None:
    assert cli.run(["test", str(path), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["config"], report["passed"], report["failed"]) == (str(path), 1, 1)
    first, second = report["tests"]
    assert (first["name"], first["passed"], first["mismatches"]) == ("This is urgent", True, [])
    assert first["got"]["decision"] == "hurry"
    assert first["got"]["signals"]["urgent"]["value"] is True
    assert (second["name"], second["file"], second["line"], second["column"]) == ("calm", str(path), 13, 5)
    assert second["mismatches"][0] == {"what": "decision", "expected": "hurry", "got": "all"}


def test_junit(path: Path, tmp_path: Path, capsys: Captured) -> None:
    path.write_text(POLICY + PASSES + FAILS.replace("calm", '"a <b> \\x07 & c"'), "utf-8")
    assert cli.run(["test", str(path), "--junit", str(tmp_path / "out.xml")]) == 1
    assert f"{path}: 1 failed, 1 passed" in capsys.readouterr().out
    root = ET.parse(tmp_path / "out.xml").getroot()
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"]) == ("2", "1", "0")
    passed, failed = suite
    assert (passed.attrib["name"], passed.attrib["line"], len(passed)) == ("This is urgent", "12", 0)
    assert (failed.attrib["name"], failed.attrib["classname"]) == ("a <b> & c", str(path))
    (failure,) = failed
    assert failure.attrib["message"].startswith("decision: expected hurry, got all; models: expected small")
    assert f"{path}:13:5" in (failure.text or "")


def test_junit_can_hold_whatever_is_in_a_prompt(path: Path, tmp_path: Path) -> None:
    hostile = '  - {headers: {x-a: "\\0"}, signals: {urgent: true}, expect: {models: ["large"], status: 500}}\n'
    path.write_text(POLICY + PASSES.replace("This", "\\e[0m \\uFFFE"))
    assert cli.run(["test", str(path), "--junit", str(tmp_path / "out.xml")]) == 0
    path.write_text(POLICY + hostile)
    assert cli.run(["test", str(path), "--junit", str(tmp_path / "out.xml")]) == 1
    assert len(ET.parse(tmp_path / "out.xml").findall(".//failure")) == 1


def test_a_report_that_cannot_be_written(path: Path, tmp_path: Path, capsys: Captured) -> None:
    assert cli.run(["test", str(path), "--junit", str(tmp_path / "no" / "out.xml")]) == 1
    assert "No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["CALM", "haste", "no HASTE"])
def test_only_some(path: Path, capsys: Captured, text: str) -> None:
    assert cli.run(["test", str(path), "--filter", text]) == 1
    out = capsys.readouterr().out
    assert "This is urgent" not in out
    assert out.endswith(f"{path}: 1 failed, 0 passed, 1 left out\n")


def test_a_filter_that_leaves_nothing(path: Path, capsys: Captured) -> None:
    assert cli.run(["test", str(path), "--filter", "nowhere"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no test has this in its name, prompt or decision" in captured.err


def test_a_file_without_tests(path: Path, capsys: Captured) -> None:
    path.write_text(POLICY.replace("tests:\n", ""))
    assert cli.run(["test", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: there are no tests; write some under `tests:`\n"


def test_a_file_with_errors_is_not_tested(path: Path, capsys: Captured) -> None:
    path.write_text(POLICY + PASSES.replace("hurry", "hury"))
    assert cli.run(["test", str(path)]) == 2
    captured = capsys.readouterr()
    place = f"{path}:12:51"
    assert (captured.out, captured.err) == (
        "",
        f"{place}: error: there is no decision `hury`; did you mean `hurry`?\n",
    )


def test_the_page_shows_what_it_prints(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "testing.md").read_text("utf-8")
    policy, printed = re.findall(r"^```(?:yaml)?\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[:2]
    (tmp_path / "policy.yaml").write_text(policy)
    monkeypatch.chdir(tmp_path)
    assert cli.run(["test", "policy.yaml"]) == 1
    assert f"$ pointsman test policy.yaml\n{capsys.readouterr().out}" == printed


@pytest.mark.parametrize("example", [*EXAMPLES, DEMO], ids=lambda path: path.name)
def test_the_examples_own_tests_pass(example: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    invent_secrets(example, monkeypatch)
    assert cli.run(["test", str(example)]) == 0, capsys.readouterr().out
    assert "there are no tests" not in capsys.readouterr().out
