"""`discover: {dns: URL}`: each address of a host name is a server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from pointsman.gateway.pools.discovery.base import Discovery, DiscoveryError
from pointsman.gateway.pools.roster import Member

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Host name → addresses. Raises OSError."""


class Dns(Discovery):
    def __init__(self, url: str, interval: float, resolve: Resolve | None = None) -> None:
        self.longest = interval
        self._parts = parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._interval = interval
        self._resolve = resolve or _resolve

    async def sets(self) -> AsyncGenerator[Sequence[Member]]:
        while True:
            yield [self._member(address) for address in _one_family(await self._lookup())]
            await asyncio.sleep(self._interval)

    async def _lookup(self) -> Sequence[str]:
        # Without a timeout: the resolver has its own, and its thread could not be stopped.
        try:
            addresses = await self._resolve(self._host)
        except (OSError, UnicodeError) as error:
            raise DiscoveryError(f"{self._host} could not be resolved: {error}") from error
        if not addresses:
            raise DiscoveryError(f"{self._host} has no address")
        return addresses

    def _member(self, address: str) -> Member:
        parts = self._parts
        host = f"[{address}]" if ":" in address else address
        return Member(f"{parts.scheme}://{host}:{self._port}{parts.path}", authority=parts.netloc)


def _one_family(addresses: Sequence[str]) -> list[str]:
    """IPv4 if there is any, for a server with addresses of both kinds is still one server. In a fixed order."""
    distinct = sorted(set(map(ip_address, addresses)), key=lambda address: (address.version, int(address)))
    return [str(address) for address in distinct if address.version == distinct[0].version]


async def _resolve(host: str) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]
