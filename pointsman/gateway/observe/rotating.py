"""A file that is appended to by one process, and set aside when it is full."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


class RotatingFile:
    """All methods may raise OSError; the next call starts afresh from what is on the disk."""

    def __init__(self, path: Path, max_size: int, keep: int, head: bytes = b"") -> None:
        """`head` is written whenever the file is opened, so that each file that was set aside has it, too."""
        self.path = path
        self._head = head
        self._max_size = max_size
        self._keep = keep
        self._fd: int | None = None
        self._size = 0
        self._regular = True
        self._only_head = False

    def open(self) -> int:
        if self._fd is None:
            # Decisions tell who asked what: nobody else reads a file that we made.
            fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            status = os.fstat(fd)
            self._fd, self._size, self._regular = fd, status.st_size, stat.S_ISREG(status.st_mode)
            self._append(fd, self._head)
            self._only_head = status.st_size == 0
        return self._fd

    def write(self, data: bytes) -> None:
        """All of `data` or, if the disk is full, nothing of it."""
        self.open()
        if self._regular and not self._only_head and self._size + len(data) > self._max_size:
            self._rotate()
        self._append(self.open(), data)
        self._only_head = self._only_head and not data

    def close(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def _append(self, fd: int, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(fd, rest) :]
        except OSError:
            self._undo(fd)
            raise
        self._size += len(data)

    def _undo(self, fd: int) -> None:
        try:
            if self._regular:
                os.ftruncate(fd, self._size)
        finally:
            self.close()

    def _rotate(self) -> None:
        self.close()
        names = [self.path, *(Path(f"{self.path}.{n}") for n in range(1, self._keep + 1))]
        for old, new in zip(names[-2::-1], names[:0:-1], strict=True):
            with suppress(FileNotFoundError):  # not yet so many, or somebody took it away
                old.replace(new)
