"""The benchmark's own servers, in the test's process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pointsman.bench.upstream import Paces, Upstream


@asynccontextmanager
async def upstream(paces: Paces | None = None) -> AsyncIterator[str]:
    """Its URL."""
    served: list[_Served] = []

    def serve() -> _Served:
        served.append(_Served(paces))
        return served[-1]

    server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for connection in served:
            await connection.close()


class _Served(Upstream):
    """Tells when its connection is gone, which the benchmark leaves to the end of its process."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._gone = asyncio.Event()

    def connection_lost(self, error: Exception | None) -> None:
        self._gone.set()

    async def close(self) -> None:
        self._transport.abort()
        await self._gone.wait()


async def ask(url: str, request: bytes, end: bytes) -> bytes:
    """The bytes up to `end`."""
    _, _, port = url.rpartition(":")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    try:
        writer.write(request)
        async with asyncio.timeout(10):
            return await reader.readuntil(end)
    finally:
        writer.close()
        await writer.wait_closed()
