from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from pointsman.bench.children import (
    Child,
    ChildFailed,
    Cores,
    ended_by_signals,
    free_port,
    module,
    result_of,
    running,
)

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # an orphan that ended may wait for whoever adopted it
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def ends(pid: int) -> bool:
    """A signal that was sent is not yet a process that ended."""
    deadline = time.monotonic() + 10
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return gone(pid)


@LINUX
def test_a_child_answers_inside_the_block_and_is_gone_behind_it(tmp_path: Path) -> None:
    port = free_port()
    with running(module("upstream", "--port", port), port, tmp_path / "log") as child:
        pid = child._process.pid
        assert not gone(pid)
        assert child.resident_mb() > 1
        assert child.cpu_seconds() > 0
    assert gone(pid)


def test_a_child_that_ends_early_shows_its_output(tmp_path: Path) -> None:
    argv = python("print('no such option'); raise SystemExit(3)")
    with pytest.raises(ChildFailed, match="status 3: no such option"), running(argv, free_port(), tmp_path / "log"):
        pass


def test_a_child_that_never_answers_is_stopped(tmp_path: Path) -> None:
    argv = python("import signal; signal.pause()")
    late = pytest.raises(ChildFailed, match="did not answer /health")
    with late, running(argv, free_port(), tmp_path / "log", ready="/health", patience=0.0):
        pass


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match=r"/no/such/program cannot be started: No such file"):
        Child(["/no/such/program"], None, tmp_path / "log", {})


@LINUX
def test_what_a_child_started_ends_with_it(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys\n"
        "from pointsman.bench import upstream\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "print(grandchild.pid, flush=True)\n"
        "upstream.main()\n"
    )
    port = free_port()
    argv = [*python(script), "--port", str(port)]
    with running(argv, port, tmp_path / "log"):
        pid = int((tmp_path / "log").read_text())
        assert not gone(pid)
    assert ends(pid)


def test_a_result_is_the_json_that_was_printed() -> None:
    assert result_of(python("print('{\"rate\": 1.5}')"), None, 20) == {"rate": 1.5}


def test_no_result() -> None:
    with pytest.raises(ChildFailed, match=r"(?s)status 1: .*ValueError: bad"):
        result_of(python("raise ValueError('bad')"), None, 20)
    with pytest.raises(ChildFailed, match="did not end within 0 s"):
        result_of(python("import signal; signal.pause()"), None, 0.0)


@LINUX
def test_a_child_stays_on_its_core() -> None:
    core = min(os.sched_getaffinity(0))
    code = "import json, os; print(json.dumps({'cores': list(os.sched_getaffinity(0))}))"
    assert result_of(python(code), core, 20) == {"cores": [core]}


@pytest.mark.parametrize(
    ("usable", "expected"),
    [({3}, (None, None, None)), ({0, 1}, (0, 1, 1)), ({2, 5, 7, 8}, (2, 5, 7))],
)
def test_the_gateway_has_a_core_to_itself(
    usable: set[int], expected: tuple[int | None, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: usable, raising=False)
    cores = Cores.of_this_machine()
    assert (cores.gateway, cores.upstream, cores.load) == expected
    assert ("not pinned" in str(cores)) is not cores.pinned


def test_sigterm_unwinds_like_ctrl_c() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended, ended_by_signals():
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before
