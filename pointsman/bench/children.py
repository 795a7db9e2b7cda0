"""Child processes of a benchmark: each on its core, ready before it is used, gone at the end whatever happens."""

from __future__ import annotations

import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

_GRACE = 5.0  # seconds to end after SIGTERM
_POLL = 0.05
_PR_SET_PDEATHSIG = 1


class ChildFailed(Exception):
    """A process of the benchmark did not start, or ended early; the message has the end of its output."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which processor each part may use; None is any."""

    gateway: int | None
    upstream: int | None
    load: int | None

    @classmethod
    def of_this_machine(cls) -> Cores:
        usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        if len(usable) < 2:
            return cls(None, None, None)
        return cls(usable[0], usable[1], usable[2] if len(usable) > 2 else usable[1])

    @property
    def pinned(self) -> bool:
        return self.gateway is not None

    def __str__(self) -> str:
        if not self.pinned:
            return "not pinned (that needs Linux and two cores): the parts compete, and the figures mean little"
        return f"gateway on core {self.gateway}, upstream on core {self.upstream}, load on core {self.load}"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def module(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", f"pointsman.bench.{name}", *map(str, arguments)]


def _prepare(core: int | None) -> Callable[[], None]:
    """What a child does before it becomes its program: its core, and not to outlive us even if we are killed."""
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def prepare() -> None:
        if core is not None:
            os.sched_setaffinity(0, {core})
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return prepare


class Child:
    def __init__(self, argv: Sequence[str], core: int | None, log: Path, env: Mapping[str, str]) -> None:
        self._log = log
        self.name = Path(argv[0]).name
        try:
            with log.open("wb") as output:
                self._process = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **env},
                    start_new_session=True,
                    preexec_fn=_prepare(core),
                )
        except OSError as error:
            raise ChildFailed(f"{argv[0]} cannot be started: {error.strerror}") from error

    def wait_ready(self, port: int, path: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not _answers(port, path):
            if self._process.poll() is not None:
                raise ChildFailed(f"it ended with status {self._process.returncode}: {self.tail()}")
            if time.monotonic() > deadline:
                raise ChildFailed(f"it did not answer {path} within {seconds:.0f} s: {self.tail()}")
            time.sleep(_POLL)

    def tail(self) -> str:
        return self._log.read_text("utf-8", "replace")[-600:].strip() or "(no output)"

    def cpu_seconds(self) -> float:
        """User and system time so far; 0 where there is no /proc."""
        fields = _proc(self._process.pid, "stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0

    def resident_mb(self) -> float:
        return resident_mb(self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """With all that it started itself."""
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)
        self._signal(signal.SIGKILL)
        self._process.wait(_GRACE)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def resident_mb(pid: int) -> float:
    for line in _proc(pid, "status").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _proc(pid: int, name: str) -> str:
    path = Path(f"/proc/{pid}/{name}")
    return path.read_text() if path.exists() else ""


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def running(
    argv: Sequence[str],
    port: int,
    log: Path,
    core: int | None = None,
    *,
    ready: str = "/",
    env: Mapping[str, str] | None = None,
    patience: float = 20.0,
) -> Iterator[Child]:
    """Answering at `port` when the block begins."""
    child = Child(argv, core, log, env or {})
    try:
        child.wait_ready(port, ready, patience)
        yield child
    finally:
        child.stop()


def result_of(argv: Sequence[str], core: int | None, seconds: float) -> dict[str, Any]:
    """The JSON object that a child prints; it has `seconds` for it."""
    with begun(argv, core) as process:
        return result(process, seconds)


@contextmanager
def begun(argv: Sequence[str], core: int | None) -> Iterator[subprocess.Popen[bytes]]:
    """A child that will print a `result`; gone behind the block."""
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=_prepare(core)
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def result(process: subprocess.Popen[bytes], seconds: float) -> dict[str, Any]:
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise ChildFailed(f"it did not end within {seconds:.0f} s") from None
    if process.returncode != 0:
        raise ChildFailed(f"it ended with status {process.returncode}: {errors.decode('utf-8', 'replace')[-600:]}")
    told: dict[str, Any] = orjson.loads(output)
    return told


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM unwinds the stack as Ctrl-C does, so that the children are stopped."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
