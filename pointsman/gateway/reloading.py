"""What a new configuration would change, and the file that is watched for one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pointsman.gateway.document import read_document
from pointsman.gateway.errors import ConfigError, Problem
from pointsman.gateway.includes import KEY, MAX_FILES
from pointsman.gateway.policy_diff import Change
from pointsman.gateway.schema.config import Config

if TYPE_CHECKING:
    from pointsman.gateway.app import Rules

INTERVAL = 1.0
"""Seconds between two looks at the files."""

Stamp = tuple[int, ...] | None
"""Of a file's state; None if it is not there."""


class Proposal(NamedTuple):
    """A configuration that can serve."""

    config: Config
    rules: Rules
    changes: list[Change]  # against the one that serves
    findings: list[Problem]  # no errors

    @property
    def digest(self) -> str:
        return self.rules.declared.config if self.rules.declared else ""


class FileWatch:
    """A configuration's files, looked at again and again: 32 of them at most, for which asking once a second costs
    nothing, and which tells the same on every file system, for files that are written in place, renamed, or behind
    symbolic links that are swapped, as Kubernetes does with a ConfigMap."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[Path, Stamp] = {}  # as they were last told of
        self._seen: dict[Path, Stamp] = {}
        self._note()

    def changed(self) -> bool:
        """Whether the files differ from those that were last told of, and have stopped to change: looked the same
        twice."""
        now = {file: _stamp(file) for file in self._known}
        calm, self._seen = now == self._seen, now
        if not calm or now == self._known:
            return False
        self._note()
        return True

    def _note(self) -> None:
        """Comes before the files are read, so that no later change is missed."""
        self._known = self._seen = {file: _stamp(file) for file in _files(self._path)}

    async def run(self, reload: Callable[[], Awaitable[object]]) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            if await asyncio.to_thread(self.changed):
                await reload()


@asynccontextmanager
async def watching(watch: FileWatch | None, reload: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    if watch is None:
        yield
        return
    task = asyncio.create_task(watch.run(reload))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _stamp(file: Path) -> Stamp:
    try:
        found = os.stat(file)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _files(path: Path) -> list[Path]:
    """Those that it includes, too, as far as they can be read: also where the whole is no configuration."""
    found = [path]
    for file in found:
        try:
            names = read_document(file).data.get(KEY)
        except ConfigError:
            continue
        for name in names if isinstance(names, list) else ():
            other = file.parent / str(name)
            if other not in found and len(found) < MAX_FILES:
                found.append(other)
    return found
