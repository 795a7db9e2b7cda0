from __future__ import annotations

import asyncio
import os

from pointsman.bench import probes
from pointsman.bench.probes import Prober
from tests.support.gateway import config, pool, serving


async def test_it_measures_health_metrics_and_memory() -> None:
    async with serving(config({"small": pool("http://127.0.0.1:9")})) as gateway:
        probed = await asyncio.to_thread(Prober(gateway.url, os.getpid(), 0.3, 0.05).run)
    assert probed.failures == []
    assert len(probed.healthz) > 1
    assert len(probed.metrics) > 1
    assert all(0 < seconds < probes.PATIENCE for seconds in (*probed.healthz, *probed.metrics))
    assert len(probed.resident) > 1


async def test_a_probe_that_fails_counts_as_the_slowest() -> None:
    probed = await asyncio.to_thread(Prober("http://127.0.0.1:9", os.getpid(), 0.05, 0.1).run)
    assert probed.healthz == [probes.PATIENCE]
    assert probed.metrics == [probes.PATIENCE]
    assert sorted(probed.failures) == ["/healthz: ConnectionRefusedError", "/metrics: ConnectionRefusedError"]
