"""The decision log: one JSON line per request, written by a thread of its own.

A line is encoded on the event loop, after its request's last byte: encoding many in the thread would hold
the interpreter for longer than any one request should wait. The thread only writes, which releases it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import structlog

from pointsman.gateway.observe.entry import encode, encode_compared, encode_reward
from pointsman.gateway.observe.outcome import Outcome
from pointsman.gateway.observe.rotating import RotatingFile
from pointsman.gateway.observe.told import Compared, Told
from pointsman.gateway.schema.running import DecisionLogConfig

MAX_PENDING = 8 * 1024**2
"""Bytes that may wait for the disk; then entries are dropped and counted."""

MAX_CHUNK = 256 * 1024
LINGER = 0.05
"""Seconds in which lines gather before they are written together."""

COMPLAIN = 60.0
"""Seconds between two messages of the same trouble."""

log = structlog.get_logger(__name__)

_STOP = object()


class _Use(NamedTuple):
    config: DecisionLogConfig
    head: bytes


_Item = bytes | threading.Event | _Use | object


class DecisionLog:
    """`record` belongs to one thread, the event loop's, and never blocks and never raises."""

    def __init__(
        self,
        config: DecisionLogConfig | None,
        head: bytes = b"",
        max_pending: int = MAX_PENDING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue: deque[_Item] = deque()
        self._max_pending = max_pending
        self._put = 0  # bytes, counted by the event loop
        self._taken = 0  # bytes, counted by the writer: no lock is needed
        self._full = self._unfit = 0
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._writer = _Writer(clock)
        self._thread: threading.Thread | None = None
        self._config: DecisionLogConfig | None = None
        self.reload(config, head)

    @property
    def dropped(self) -> Mapping[str, int]:
        """Entries lost so far: `full` (the disk is too slow), `error` (it fails), `unfit` (not JSON)."""
        return {"full": self._full, "error": self._writer.lost, "unfit": self._unfit}

    def record(self, outcome: Outcome) -> None:
        if self._config is None:
            return
        try:
            line = encode(outcome, self._config.text)
        except TypeError:  # a number or a string that JSON has no way to write
            self._unfit += 1
        else:
            self._append(line)

    def rewarded(self, told: Told) -> None:
        if self._config is not None:
            self._append(encode_reward(told))

    def compared(self, compared: Compared) -> None:
        if self._config is None:
            return
        try:
            line = encode_compared(compared, self._config.text)
        except TypeError:
            self._unfit += 1
        else:
            self._append(line)

    def _append(self, line: bytes) -> None:
        if self._put - self._taken + len(line) > self._max_pending:
            self._full += 1
            return
        self._put += len(line)
        self._queue.append(line)
        if not self._wake.is_set():
            self._wake.set()

    def reload(self, config: DecisionLogConfig | None, head: bytes = b"") -> None:
        """Go on with `config`; also reopens the file, for those who rotate it themselves. None: no log.

        `head` is a line that the entries from now on need to be understood; every file has it before them."""
        self._config = config
        if config is not None:
            self._start()
            self._command(_Use(config, head))

    def flush(self, timeout: float) -> bool:
        """Whether everything recorded until now was written (or given up) in time. Blocks."""
        if self._thread is None:
            return True
        done = threading.Event()
        self._command(done)
        return done.wait(timeout)

    def close(self, timeout: float) -> bool:
        """Flush, then end. False if the disk hangs: what waits for it is lost."""
        if self._thread is None:
            return True
        self._config = None
        self._command(_STOP)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _command(self, command: _Item) -> None:
        self._queue.append(command)
        self._hurry.set()
        self._wake.set()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        running = True
        while running:
            self._wake.wait()
            self._hurry.wait(LINGER)
            # Cleared before the queue is read: what comes later wakes us again.
            self._wake.clear()
            self._hurry.clear()
            running = self._drain()

    def _drain(self) -> bool:
        """False at the end."""
        lines: list[bytes] = []
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, bytes):
                lines.append(item)
                continue
            self._write(lines)
            lines = []
            if item is _STOP:
                self._writer.close()
                return False
            if isinstance(item, _Use):
                self._writer.use(*item)
            elif isinstance(item, threading.Event):
                item.set()
        self._write(lines)
        return True

    def _write(self, lines: list[bytes]) -> None:
        for chunk in _chunks(lines, self._writer.chunk):
            self._writer.write(chunk)
            self._taken += sum(map(len, chunk))


def _chunks(lines: list[bytes], limit: int) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    size = 0
    for line in lines:
        if chunk and size + len(line) > limit:
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += len(line)
    if chunk:
        yield chunk


class _Writer:
    """The thread's side: writes, counts what it could not write, and complains in measure."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.lost = 0
        self.chunk = MAX_CHUNK
        self._file: RotatingFile | None = None
        self._clock = clock
        self._failing = False
        self._complained = float("-inf")

    def use(self, config: DecisionLogConfig, head: bytes) -> None:
        self.close()
        self._file = RotatingFile(Path(config.path), config.max_size, config.keep, head)
        self.chunk = min(MAX_CHUNK, config.max_size)
        self._attempt(self._file, b"", 0)  # trouble shows at the start, not at the first request

    def write(self, lines: list[bytes]) -> None:
        if self._file is not None:
            self._attempt(self._file, b"".join(lines), len(lines))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _attempt(self, file: RotatingFile, data: bytes, entries: int) -> None:
        try:
            file.write(data)
        except (OSError, ValueError) as error:  # ValueError: a path that cannot be one
            self.lost += entries
            self._complain(file.path, error)
        else:
            if self._failing:
                self._failing = False
                log.info("the decision log is written again", path=str(file.path), lost=self.lost)

    def _complain(self, path: Path, error: OSError | ValueError) -> None:
        self._failing = True
        if self._clock() - self._complained >= COMPLAIN:
            self._complained = self._clock()
            log.error(
                "cannot write the decision log; requests go on without it",
                path=str(path),
                error=str(error),
                lost=self.lost,
            )
