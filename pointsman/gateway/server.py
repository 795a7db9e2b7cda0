"""The listening socket and the HTTP server around the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import structlog
import uvicorn
from uvicorn.server import ServerState

from pointsman.gateway.access.origin import is_loopback
from pointsman.gateway.app import Gateway
from pointsman.gateway.entrance import Entrance
from pointsman.gateway.errors import ConfigError, PointsmanError
from pointsman.gateway.protocol import Protocol
from pointsman.gateway.reloading import FileWatch, watching
from pointsman.gateway.wire.inbound import Receive, Scope, Send

log = structlog.get_logger(__name__)

# Longer than any client keeps an idle connection, so that it is never us who close it under a request.
_KEEP_ALIVE = 75
_BACKLOG = 2048
# uvloop accepts one connection in a turn of its loop for each object that listens: too few when turns are long.
_ACCEPTORS = 8
# A kernel's send buffer grows to megabytes and hides a slow reader; with this it is noticed at once.
_SEND_BUFFER = 256 * 1024
_TICKS_PER_SECOND = 10  # uvicorn's
_TICK = 0.02  # seconds between two looks at what still runs
_CUT = 2.0  # seconds for requests to end after their connection was cut


class CannotListen(PointsmanError):
    pass


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        sock.bind((host, port))
        sock.listen(_BACKLOG)  # only now is the port surely ours
        sock.setblocking(False)
    except (OSError, ValueError, TypeError) as error:  # the latter two: text that cannot be a host
        sock.close()
        raise CannotListen(f"cannot listen on {host}:{port}: {_advice(error)}") from None
    return sock


def _advice(error: Exception) -> str:
    if not isinstance(error, OSError):
        return "this is no host name. Check --host and server.host."
    if error.errno == errno.EADDRINUSE:
        return "the port is in use. Stop what uses it, or choose another with --port."
    if error.errno == errno.EACCES:
        return "this user may not use the port. Choose one above 1023 with --port."
    return f"{(error.strerror or str(error)).lower()}. Check --host and --port."


def _url(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _config(app: Callable[[Scope, Receive, Send], Awaitable[None]], protocol: type[Protocol]) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here trusts what a header says of the client's address
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE,
    )
    config.load()
    return config


class Server(uvicorn.Server):
    """uvicorn's acceptor and HTTP protocol; start, signals, drain and end are ours."""

    def __init__(self, gateway: Gateway) -> None:
        config = _config(gateway, Entrance)
        super().__init__(config)
        self.lifespan = config.lifespan_class(config)
        self._gateway = gateway
        self._controllers = ServerState()
        self._reloads: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def open(self, sock: socket.socket, control: socket.socket | None = None) -> AsyncIterator[str]:
        """Answers at the URL that it yields; drains on the way out. `control` has the control plane for itself."""
        self._gateway.exposed = not is_loopback(sock.getsockname()[0])
        await self._gateway.start()
        self._gateway.metrics.watch_connections(lambda: len(self.server_state.connections))
        try:
            async with self._controlled(control):
                await self.startup([sock, *(sock.dup() for _ in range(_ACCEPTORS - 1))])
                try:
                    yield _url(sock)
                finally:
                    await self.shutdown()
        finally:
            await self._gateway.stop()

    @contextlib.asynccontextmanager
    async def _controlled(self, sock: socket.socket | None) -> AsyncIterator[None]:
        """Until the drain is over, so that /readyz can tell of it."""
        if sock is None:
            yield
            return
        config, state = _config(self._gateway.control, Protocol), self._controllers

        def protocol() -> Protocol:
            return Protocol(config=config, server_state=state, app_state={})

        server = await asyncio.get_running_loop().create_server(protocol, sock=sock, backlog=_BACKLOG)
        try:
            yield
        finally:
            server.close()
            for connection in list(state.connections):
                connection.transport.abort()
            await _wait(_CUT, lambda: not state.connections)

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_PER_SECOND == 0:
            self.close_late()
        return await super().on_tick(counter)

    def close_late(self) -> None:
        for connection in [*self.server_state.connections, *self._controllers.connections]:
            assert isinstance(connection, Protocol)
            connection.close_if_late()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's own cancels what is left, with a traceback for each, or abandons it when it is forced."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        drain = self._gateway.runtime.config.server.drain
        await _wait(drain, lambda: self.force_exit or self._is_idle())
        if self.server_state.tasks:
            reason = "second signal" if self.force_exit else "server.drain"
            log.warning("cut", requests=len(self.server_state.tasks), reason=reason)
        for connection in list(self.server_state.connections):
            connection.transport.abort()  # to a request this is a client that leaves
        await _wait(_CUT, self._is_idle)

    def _is_idle(self) -> bool:
        return not (self.server_state.connections or self.server_state.tasks)

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
        if not self.started or self.should_exit:
            return
        task = asyncio.get_running_loop().create_task(self.reload_file())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def reload_file(self) -> None:
        try:
            await self._gateway.reload()
        except ConfigError as error:
            log.error("reload_failed", problems=[str(p) for p in error.problems], serving="the old configuration")


async def _wait(seconds: float, done: Callable[[], bool]) -> None:
    """At most so long. uvicorn has no event for its last connection, so we look."""
    for _ in range(math.ceil(seconds / _TICK)):
        if done():
            return
        await asyncio.sleep(_TICK)


async def serve(
    gateway: Gateway, sock: socket.socket, control: socket.socket | None = None, watch: FileWatch | None = None
) -> None:
    """Until SIGTERM or SIGINT, and then until the running requests are done, for at most `server.drain`."""
    server = Server(gateway)
    with contextlib.closing(sock), contextlib.closing(control or sock), server.capture_signals():
        async with server.open(sock, control) as url:
            log.info("listening", url=url, **({"control": _url(control)} if control else {}))
            async with watching(watch, server.reload_file):
                await server.main_loop()
            log.info("draining", requests=len(server.server_state.tasks))
        log.info("stopped")


@contextlib.asynccontextmanager
async def running(gateway: Gateway, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """The gateway's URL, served in the running loop without touching the process's signals."""
    with contextlib.closing(listen(host, port)) as sock:
        async with Server(gateway).open(sock) as url:
            yield url
