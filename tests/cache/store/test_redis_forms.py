"""Behind Sentinels and as a Cluster: real ones, of one node each."""

from __future__ import annotations

import time
from pathlib import Path

import redis

from tests.cache.store.test_redis import joined
from tests.support.cached import entry
from tests.support.redis import PATIENCE, RedisServer


async def test_a_cluster(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, "--cluster-enabled", "yes", "--cluster-require-full-coverage", "no")
    server.start()
    try:
        with server.client() as client:
            client.execute_command("CLUSTER ADDSLOTS", *range(16384))
            end = time.monotonic() + PATIENCE
            while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                assert time.monotonic() < end
        url = server.url.replace("redis://", "redis+cluster://")
        async with joined(url) as one, joined(url) as other:
            await one.insert(entry("a"), entry("b"))
            await other.knows("a", "b")
            assert await other.answer("a") == b"a" * 10
            other.cache.drop([entry("a").id])
            await one.knows("b")
    finally:
        server.kill()


async def test_sentinels(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    config = tmp_path / "sentinel.conf"
    config.write_text(f"sentinel monitor pointsman 127.0.0.1 {server.port} 1\n")
    sentinel = RedisServer(tmp_path, config=config)
    sentinel.start()
    try:
        with redis.Redis(port=sentinel.port, protocol=2, socket_timeout=PATIENCE) as client:
            assert client.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", "pointsman")
        url = sentinel.url.replace("redis://", "redis+sentinel://") + "/pointsman/0"
        async with joined(url) as one, joined(url) as other:
            await one.insert(entry("a"))
            await other.knows("a")
            assert await other.answer("a") == b"a" * 10
    finally:
        sentinel.kill()
        server.kill()
