"""redis-py's clients, which give up early and try nothing again: who uses them knows better what can wait."""

from __future__ import annotations

from typing import Any

import redis.asyncio
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Unconnected

from pointsman.cache.store.redis.address import Address


def client_of(address: Address, timeout: float, connect: float, *, again: bool = False) -> Any:
    """`timeout` of an answer, `connect` of the way there, in seconds. `again`: once more if the connection had been
    closed by the other side, as Redis does with idle ones."""
    settings = address.options | {
        "socket_timeout": timeout,
        "socket_connect_timeout": connect,
        "socket_keepalive": True,
        "protocol": 2,
        "retry": Retry(NoBackoff(), int(again), (Unconnected,)),
    }
    if address.kind == "sentinel":
        asked = {"socket_timeout": connect, "socket_connect_timeout": connect, "protocol": 2}
        sentinels: Any = redis.asyncio.Sentinel(list(address.hosts), sentinel_kwargs=asked)  # type: ignore[no-untyped-call]
        return sentinels.master_for(address.master, **settings)
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        return redis.asyncio.RedisCluster(startup_nodes=nodes, **settings)
    [(host, port)] = address.hosts
    return redis.asyncio.Redis(host=host, port=port, max_connections=4, **settings)


async def close(client: Any) -> None:
    """redis-py leaves the connections to the Sentinels open."""
    await client.aclose()
    manager = getattr(getattr(client, "connection_pool", None), "sentinel_manager", None)
    for sentinel in manager.sentinels if manager is not None else ():
        await sentinel.aclose()
