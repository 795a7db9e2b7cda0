from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from pointsman.bench.fleet import plots
from pointsman.bench.fleet.run import run
from pointsman.bench.fleet.sweep import QUICK, Effort, Simulator, Sweep, capacity
from pointsman.bench.fleet.tables import Fleet
from pointsman.bench.fleet.traces import load
from pointsman.bench.fleet.world import Window
from tests.bench.fleet import samples

TINY = Effort(seeds=2, loads=(0.8,), windows=((2, Window(5, 10)),), scrapes=(1.0,), processes=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    samples.azure_file(tmp_path)
    samples.mooncake_file(tmp_path)
    return tmp_path


def test_every_trace_is_told_about(folder: Path) -> None:
    said: list[str] = []
    report = run(folder, QUICK, None, said.append)
    assert report is not None
    titles = [table.title for table in report.tables]
    assert any(title.startswith("Azure LLM 2023, 4 instances; ") for title in titles)
    assert any(title.startswith("Mooncake conversation, 4 instances, at the knee: ") for title in titles)
    assert "A pick among 64 endpoints" in titles
    assert orjson.loads(orjson.dumps(report.data))["found"][0]["setting"]["balancer"] == "random"
    assert any("by load" in line for line in said)


def test_without_data_it_is_skipped_with_a_line_for_each_trace(tmp_path: Path) -> None:
    said: list[str] = []
    assert run(tmp_path, TINY, tmp_path / "images", said.append) is None
    assert [line.partition(" is skipped")[0] for line in said] == ["Azure LLM 2023", "Mooncake conversation"]
    assert not (tmp_path / "images").exists()


def test_processes_find_what_one_finds(folder: Path) -> None:
    traces = load(folder)[0]
    found = []
    for processes in (1, 2):
        effort = Effort(seeds=2, loads=(0.8,), windows=TINY.windows, scrapes=(1.0,), processes=processes)
        sweep = Sweep(folder, traces, effort, lambda line: None)
        sweep.run("by load", Fleet(traces["azure"].source, 2, effort).loads())
        found.append(sweep.found)
    assert found[0] == found[1]


def test_what_is_known_is_not_simulated_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traces = load(folder)[0]
    sweep = Sweep(folder, traces, TINY, lambda line: None)
    cases = list(Fleet(traces["azure"].source, 2, TINY).loads())
    sweep.run("once", cases)
    monkeypatch.delattr(Simulator, "__call__")
    sweep.run("again", cases)
    assert set(sweep.found) == set(cases)


def test_the_load_is_relative_to_what_an_engine_can_do(folder: Path) -> None:
    found = {name: capacity(trace) for name, trace in load(folder)[0].items()}
    assert 1 < found["azure"] < 10


def test_plots(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run(folder, TINY, tmp_path / "images", lambda line: None)
    images = sorted((tmp_path / "images").iterdir())
    assert [image.name for image in images] == ["fleet-azure.png", "fleet-mooncake.png"]
    assert all(image.read_bytes().startswith(b"\x89PNG") and image.stat().st_size < 100_000 for image in images)


def test_without_matplotlib_there_are_no_plots_and_a_line_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    said: list[str] = []
    sweep = Sweep(folder, {}, TINY, said.append)
    plots.draw([], sweep, tmp_path / "images", said.append)
    assert "pointsman[bench]" in said[0]
    assert not (tmp_path / "images").exists()
