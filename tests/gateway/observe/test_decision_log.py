from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from pointsman.gateway.observe.decision_log import COMPLAIN, DecisionLog
from pointsman.gateway.observe.outcome import Outcome
from pointsman.gateway.schema.running import DecisionLogConfig
from pointsman.signals.base import SignalValue

MakeOutcome = Callable[..., Outcome]
PATIENCE = 30.0


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.jsonl"


@pytest.fixture
def open_log() -> Iterator[Callable[..., DecisionLog]]:
    opened: list[DecisionLog] = []

    def make(config: DecisionLogConfig | None, **options: Any) -> DecisionLog:
        opened.append(DecisionLog(config, **options))
        return opened[-1]

    yield make
    for log in opened:
        log.close(PATIENCE)


OpenLog = Callable[..., DecisionLog]


def config(path: Path, **options: Any) -> DecisionLogConfig:
    return DecisionLogConfig.model_validate({"path": str(path), **options})


def ids(path: Path) -> list[str]:
    return [orjson.loads(line)["id"] for line in path.read_bytes().splitlines()]


def test_entries_are_written_in_order_and_the_rest_at_the_end(
    path: Path, open_log: OpenLog, make_outcome: MakeOutcome
) -> None:
    log = open_log(config(path))
    for number in range(100):
        log.record(make_outcome(id=f"r{number}"))
    assert log.flush(PATIENCE)
    assert len(ids(path)) == 100
    for number in range(100, 200):
        log.record(make_outcome(id=f"r{number}"))
    assert log.close(PATIENCE)
    assert ids(path) == [f"r{number}" for number in range(200)]
    assert log.dropped == {"full": 0, "error": 0, "unfit": 0}


def test_no_message_text_unless_configured(path: Path, open_log: OpenLog, make_outcome: MakeOutcome) -> None:
    log = open_log(config(path))
    log.record(make_outcome(id="without"))
    log.reload(config(path, text=True))
    log.record(make_outcome(id="with"))
    log.close(PATIENCE)
    without, with_text = path.read_text("utf-8").splitlines()
    assert "证明" not in without
    assert "证明" in with_text


def test_without_configuration_nothing_is_kept(open_log: OpenLog, make_outcome: MakeOutcome) -> None:
    log = open_log(None)
    log.record(make_outcome())
    assert log.flush(0)
    assert log.close(0)


def test_rotation(path: Path, open_log: OpenLog, make_outcome: MakeOutcome) -> None:
    log = open_log(config(path, max_size="4KB", keep=2))
    for number in range(60):
        log.record(make_outcome(id=f"r{number}"))
    log.close(PATIENCE)
    files = [Path(f"{path}.2"), Path(f"{path}.1"), path]
    assert sorted(path.parent.iterdir()) == sorted(files)
    assert all(0 < file.stat().st_size <= 4096 for file in files)
    kept = [entry for file in files for entry in ids(file)]
    assert kept == [f"r{number}" for number in range(60 - len(kept), 60)]


def test_a_reload_writes_to_the_new_path_and_reopens_the_same(
    path: Path, open_log: OpenLog, make_outcome: MakeOutcome
) -> None:
    log = open_log(config(path))
    log.record(make_outcome(id="one"))
    log.flush(PATIENCE)
    path.rename(f"{path}.moved")  # as logrotate does
    log.reload(config(path))
    log.record(make_outcome(id="two"))
    other = path.with_name("other.jsonl")
    log.reload(config(other))
    log.record(make_outcome(id="three"))
    log.reload(None)
    log.record(make_outcome(id="nowhere"))
    log.close(PATIENCE)
    assert (ids(Path(f"{path}.moved")), ids(path), ids(other)) == (["one"], ["two"], ["three"])


def test_what_entries_need_to_be_understood_comes_before_them(
    path: Path, open_log: OpenLog, make_outcome: MakeOutcome
) -> None:
    log = open_log(config(path), head=b'{"id":"head"}\n')
    log.record(make_outcome(id="one"))
    log.reload(config(path), b'{"id":"other"}\n')
    log.record(make_outcome(id="two"))
    log.close(PATIENCE)
    assert ids(path) == ["head", "one", "other", "two"]


def test_a_disk_that_does_not_take_them_costs_entries_and_not_requests(
    tmp_path: Path, make_outcome: MakeOutcome
) -> None:
    """A FIFO that nobody reads: opening it blocks, as a hanging network disk does."""
    pipe = tmp_path / "fifo"
    os.mkfifo(pipe)
    log = DecisionLog(config(pipe), max_pending=20_000)
    for number in range(100):
        log.record(make_outcome(id=f"r{number}"))
    lost = log.dropped["full"]
    assert 0 < lost < 100
    assert not log.flush(0)
    assert not log.close(0)
    reader = os.open(pipe, os.O_RDONLY)
    assert log.close(PATIENCE)
    assert len(os.read(reader, 2**20).splitlines()) == 100 - lost
    os.close(reader)


def test_errors_are_counted_and_said_once_a_minute_and_end(
    tmp_path: Path, open_log: OpenLog, make_outcome: MakeOutcome
) -> None:
    folder = tmp_path / "missing"
    clock = Clock()
    with capture_logs() as lines:
        log = open_log(config(folder / "log"), clock=clock)
        for now in (0, COMPLAIN - 1, COMPLAIN + 1):
            clock.now = 1000.0 + now
            log.record(make_outcome())
            log.flush(PATIENCE)
        assert log.dropped["error"] == 3
        assert [(line["log_level"], line["lost"]) for line in lines] == [("error", 0), ("error", 3)]
        assert "No such file" in lines[0]["error"]
        folder.mkdir()
        log.record(make_outcome(id="back"))
        log.flush(PATIENCE)
    assert [line["log_level"] for line in lines] == ["error", "error", "info"]
    assert ids(folder / "log") == ["back"]


def test_what_json_cannot_hold_is_counted(path: Path, open_log: OpenLog, make_outcome: MakeOutcome) -> None:
    log = open_log(config(path))
    log.record(make_outcome(signals={"x": SignalValue("\ud800")}))
    log.record(make_outcome(id="fine"))
    log.close(PATIENCE)
    assert log.dropped["unfit"] == 1
    assert ids(path) == ["fine"]
