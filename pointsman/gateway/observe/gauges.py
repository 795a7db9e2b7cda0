"""Gauges that are read from the live pools when somebody scrapes, and cost nothing in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pointsman.gateway.observe import names
from pointsman.gateway.observe.names import Name
from pointsman.signals.facts import PoolLoad


class EndpointView(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def inflight(self) -> int: ...
    @property
    def up(self) -> bool: ...


class PoolView(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def endpoints(self) -> Sequence[EndpointView]: ...
    def snapshot(self) -> PoolLoad: ...


ReadPools = Callable[[], Iterable[PoolView]]
ReadLeases = Callable[[], int]


class PoolGauges(Collector):
    """`read` on the event loop, where the pools live; `collect` in any thread."""

    def __init__(self) -> None:
        self.pools: ReadPools = tuple
        self.leases: ReadLeases = int
        self._metrics: tuple[Metric, ...] = ()

    def read(self) -> None:
        inflight, queue = _gauge(names.POOL_INFLIGHT), _gauge(names.POOL_QUEUE)
        load, kv = _gauge(names.POOL_LOAD), _gauge(names.POOL_KV)
        up, running = _gauge(names.ENDPOINT_UP), _gauge(names.ENDPOINT_INFLIGHT)
        leases = _gauge(names.LEASES)
        leases.add_metric((), self.leases())
        for pool in self.pools():
            state = pool.snapshot()
            inflight.add_metric((pool.name,), state.inflight)
            for gauge, value in ((queue, state.queue), (load, state.load), (kv, state.kv)):
                if value is not None:  # unknown is not zero
                    gauge.add_metric((pool.name,), value)
            for endpoint in pool.endpoints:
                up.add_metric((pool.name, endpoint.name), float(endpoint.up))
                running.add_metric((pool.name, endpoint.name), endpoint.inflight)
        self._metrics = (inflight, queue, load, kv, up, running, leases)

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)

    def describe(self) -> Iterator[Metric]:
        return iter(())


def _gauge(name: Name) -> GaugeMetricFamily:
    return GaugeMetricFamily(name.name, name.help, labels=name.labels)
