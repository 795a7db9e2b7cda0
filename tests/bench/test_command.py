from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pointsman.bench import command, deciding, machine, memory, overhead, overload, signals, streaming
from pointsman.bench.cache import run as cache
from pointsman.bench.children import ChildFailed
from pointsman.bench.command import Part
from pointsman.bench.fleet import run as fleet
from pointsman.bench.quality import run as quality
from pointsman.bench.report import Report, Table, replace_between
from pointsman.gateway.cli import run

Ran = list[str]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ran:
    """The parts that were measured; they do not really measure here."""
    names: Ran = []
    monkeypatch.chdir(tmp_path)
    for variable in ("LITELLM", "PORTKEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(
        machine, "describe", lambda *_: {**dict.fromkeys(_MACHINE, "x"), "versions": {"pointsman": "1"}}
    )
    modules = {
        Part.OVERHEAD: overhead,
        Part.STREAMING: streaming,
        Part.MEMORY: memory,
        Part.OVERLOAD: overload,
        Part.FLEET: fleet,
        Part.QUALITY: quality,
        Part.SIGNALS: signals,
        Part.POLICY: deciding,
        Part.CACHE: cache,
    }
    for part, module in modules.items():

        def measure(*_: object, name: str = part) -> Report:
            names.append(name)
            return Report(name, (Table(name, ("", "n"), ((f"a row of {name}", "1"),)),), {"n": 1})

        monkeypatch.setattr(module, "run", measure)
    return names


_MACHINE = ("date", "processor", "cores", "kernel", "python", "placement")


def test_everything_is_measured_by_default(ran: Ran, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["bench"]) == 0
    assert ran == ["overhead", "streaming", "memory", "overload", "fleet", "quality", "signals", "policy", "cache"]
    captured = capsys.readouterr()
    assert "a row of streaming" in captured.out
    assert "Placement: " in captured.err
    assert len(list((tmp_path / "bench-results").glob("*.json"))) == 9


def test_the_parts_that_are_named(ran: Ran) -> None:
    assert run(["bench", "memory", "overhead"]) == 0
    assert ran == ["memory", "overhead"]


def test_other_gateways_are_named_when_they_are_missed(ran: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    run(["bench", "streaming"])
    assert "Portkey" not in capsys.readouterr().err
    run(["bench", "overhead"])
    assert "Portkey gateway is skipped" in capsys.readouterr().err


def test_a_problem_is_status_1(ran: Ran, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(memory, "run", lambda *_: Report("memory", (), {}, ("3 errors",)))
    assert run(["bench"]) == 1
    assert "3 errors" in capsys.readouterr().out


def test_a_part_that_has_no_data_is_left_out(ran: Ran, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n<!-- bench:fleet -->\nold\n<!-- /bench:fleet -->\n")
    monkeypatch.setattr(command, "PAGE", page)
    monkeypatch.setattr(fleet, "run", lambda *_: None)
    assert run(["bench", "fleet", "--write-docs"]) == 0
    assert "old" in page.read_text()
    assert not (tmp_path / "bench-results").exists()


def test_the_data_may_be_anywhere(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    folders: list[object] = []
    monkeypatch.setattr(fleet, "run", lambda *given: folders.append(given[0]))
    run(["bench", "fleet", "--data", "elsewhere"])
    monkeypatch.setenv("POINTSMAN_BENCH_DATA", "there")
    run(["bench", "fleet"])
    assert folders == [Path("elsewhere"), Path("there")]


def test_a_million_entries_only_if_they_are_wanted(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    largest: list[int] = []
    monkeypatch.setattr(cache, "run", lambda *given: largest.append(max(each.entries for each in given[1].shapes)))
    run(["bench", "cache"])
    run(["bench", "cache", "--full"])
    assert largest == [100_000, 1_000_000]


def test_a_part_that_breaks_is_one_line(
    ran: Ran, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(*_: object) -> Report:
        raise ChildFailed("it did not answer / within 20 s")

    monkeypatch.setattr(memory, "run", measure)
    assert run(["bench", "memory"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "pointsman bench: error: it did not answer / within 20 s"


def test_the_quality_of_some_signals_only(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(quality, "run", lambda *given: asked.append(given[:2]))
    run(["bench", "quality", "--data", "here", "--signal", "domain", "--signal", "pii"])
    assert asked == [(Path("here"), ["domain", "pii"])]


def test_the_quality_goes_into_the_model_card_too(ran: Ran, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pages = tmp_path / "page.md", tmp_path / "card.md"
    for page in pages:
        page.write_text("# A\n<!-- bench:quality -->\nold\n<!-- /bench:quality -->\n")
    monkeypatch.setattr(command, "PAGE", pages[0])
    monkeypatch.setattr(command, "CARD", pages[1])
    tables = tuple(Table(title, ("", "n"), (("a row", "1"),)) for title in ("the figures", "a detail"))
    monkeypatch.setattr(quality, "run", lambda *_: Report("quality", tables, {"model": {"encoder.onnx": "12ab"}}))
    assert run(["bench", "quality", "--write-docs"]) == 0
    shown, card = (page.read_text() for page in pages)
    assert "**the figures**" in shown
    assert "**a detail**" in shown
    assert "**the figures**" in card
    assert "**a detail**" not in card
    assert "encoder.onnx 12ab" in card


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--quick", "--write-docs"], "--quick measures nothing"),
        (["--litellm", "/no/such/litellm"], "'/no/such/litellm' does not exist"),
        (["speed"], "'speed' is not one of"),
        (["quality", "--signal", "wit"], "'wit' is not one of"),
        (["quality", "--signal", "pii", "--write-docs"], "--write-docs wants the quality of all signals"),
        (["--rounds", "0"], "'--rounds'"),
    ],
)
def test_wrong_usage(ran: Ran, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", *arguments]) == 2
    assert complaint in capsys.readouterr().err
    assert ran == []


def test_figures_go_between_the_markers_of_the_page(ran: Ran, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n<!-- bench:memory -->\nold\n<!-- /bench:memory -->\n# B\n")
    monkeypatch.setattr(command, "PAGE", page)
    assert run(["bench", "memory", "--write-docs"]) == 0
    text = page.read_text()
    assert text.startswith("# A\n<!-- bench:memory -->\n\n**memory**")
    assert "| a row of memory | 1 |\n\n- Date: x\n" in text
    assert text.endswith("- Command: `pointsman bench memory`\n\n<!-- /bench:memory -->\n# B\n")


def test_without_a_checkout_there_is_no_page_to_write(
    ran: Ran, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "PAGE", tmp_path / "absent.md")
    assert run(["bench", "--write-docs"]) == 2
    assert "--write-docs needs a checkout" in capsys.readouterr().err
    assert ran == []


@pytest.mark.parametrize("part", Part)
def test_the_page_has_a_place_for_each_part(part: Part) -> None:
    assert "the figures" in replace_between(command.PAGE.read_text("utf-8"), part, "the figures")


def test_it_is_a_module_to_run_too() -> None:
    argv = [sys.executable, "-m", "pointsman.bench", "--quick", "--write-docs"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "--quick measures nothing" in done.stderr
