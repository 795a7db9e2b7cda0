"""A simulated vLLM server inside the running event loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from pointsman.gateway.sim.app import SimApp
from pointsman.gateway.sim.engine import Engine
from pointsman.gateway.sim.faults import Faults
from pointsman.gateway.sim.options import SimOptions

_GRACE = 2.0  # seconds for requests to notice that their connection is gone


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol; the application also sees the transport, for faults that end it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self.access_log = False
        self.app_state = {"transport": transport}


class SimServer:
    """`async with SimServer(options) as server:` serves at `server.url`; it installs no signal handlers."""

    def __init__(self, options: SimOptions | None = None) -> None:
        self.options = options or SimOptions()
        self._app = SimApp(self.options)
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self._runner: asyncio.Task[None] | None = None

    @property
    def engine(self) -> Engine:
        return self._app.engine

    @property
    def inflight(self) -> int:
        """Generation requests that have begun and not ended, as `/load` reports them."""
        return self._app.generator.inflight

    @property
    def faults(self) -> Faults:
        return self._app.faults

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("the server has not been started")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Without `/v1`."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.options.host, self.options.host)  # noqa: S104 - the name of an address, not a bind
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def start(self) -> None:
        """OSError if the address cannot be listened on."""
        config = uvicorn.Config(self._app, http=_Protocol, ws="none", lifespan="off", log_config=None)
        config.load()
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Protocol(config, self._state, {}), self.options.host, self.options.port
        )
        self._runner = asyncio.create_task(self._app.runner.run())

    async def close(self) -> None:
        """Cut all connections and wait until their requests are gone."""
        if self._server is None or self._runner is None:
            return
        self._server.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        if self._state.tasks:
            _, late = await asyncio.wait(self._state.tasks, timeout=_GRACE)
            for task in late:
                task.cancel()
        await self._server.wait_closed()
        self._runner.cancel()
        with suppress(asyncio.CancelledError):
            await self._runner

    async def __aenter__(self) -> SimServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
