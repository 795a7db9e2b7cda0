"""The listening socket and the HTTP server around the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator

import structlog
import uvicorn

from pointsman.gateway.app import Gateway
from pointsman.gateway.errors import ConfigError, PointsmanError

log = structlog.get_logger(__name__)

# Longer than any client keeps an idle connection, so that it is never us who close it under a request.
_KEEP_ALIVE = 75
_BACKLOG = 2048
# A kernel's send buffer grows to megabytes and hides a slow reader; with this it is noticed at once.
_SEND_BUFFER = 256 * 1024


class CannotListen(PointsmanError):
    pass


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        sock.bind((host, port))
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise CannotListen(f"cannot listen on {host}:{port}: {_advice(error)}") from None
    return sock


def _advice(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is in use. Stop what uses it, or choose another with --port."
    if error.errno == errno.EACCES:
        return "this user may not use the port. Choose one above 1023 with --port."
    return f"{(os.strerror(error.errno) if error.errno else str(error)).lower()}. Check --host and --port."


def _options(gateway: Gateway) -> uvicorn.Config:
    return uvicorn.Config(
        gateway,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(gateway.runtime.config.server.drain)),
    )


class Server(uvicorn.Server):
    """uvicorn, with our own answer to signals: drain and exit with 0, reload on SIGHUP."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(_options(gateway))
        self._gateway = gateway
        self._reloads: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises a signal again after its shutdown, which would end the process with the signal's
        # status instead of 0; so the handlers are ours.
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        """First time: finish what runs. Second time: at once."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._gateway.draining = True

    def _reload(self) -> None:
        task = asyncio.get_running_loop().create_task(self._reload_file())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload_file(self) -> None:
        try:
            await self._gateway.reload()
        except ConfigError as error:
            log.error("reload_failed", problems=[str(p) for p in error.problems], serving="the old configuration")


async def serve(gateway: Gateway, sock: socket.socket) -> None:
    await Server(gateway).serve(sockets=[sock])


@contextlib.asynccontextmanager
async def running(gateway: Gateway, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """The gateway's URL, served in the running loop without touching the process's signals."""
    config = _options(gateway)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with contextlib.closing(listen(host, port)) as sock:
        await server.startup(sockets=[sock])
        try:
            yield f"http://{host}:{sock.getsockname()[1]}"
        finally:
            await server.shutdown(sockets=[sock])
