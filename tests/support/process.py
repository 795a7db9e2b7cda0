"""The installed command as a process, as a shell or systemd runs it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

POINTSMAN = Path(sys.executable).with_name("pointsman")
PATIENCE = 30.0  # seconds after which a test that waits has failed


def pointsman(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run to its end."""
    command = [POINTSMAN, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, **options)


def environment(**extra: str) -> dict[str, str]:
    return {**os.environ, **extra}


class Running:
    """A process whose stderr is a JSON log."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.log: list[dict[str, Any]] = []

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def event(self, name: str) -> dict[str, Any]:
        """The next log line of this name."""
        assert self._process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while line := await self._process.stderr.readline():
                self.log.append(json.loads(line))
                if self.log[-1]["event"] == name:
                    return self.log[-1]
        raise AssertionError(f"it ended without {name!r}: {self.log}")

    async def end(self) -> tuple[int, str]:
        """Exit status and stdout; the rest of the log is read, too."""
        async with asyncio.timeout(PATIENCE):
            out, errors = await self._process.communicate()
        self.log += [json.loads(line) for line in errors.splitlines()]
        assert self._process.returncode is not None
        return self._process.returncode, out.decode()

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.log]


@asynccontextmanager
async def started(*arguments: object, **extra_env: str) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        POINTSMAN,
        *map(str, arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**extra_env),
    )
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
