"""Gauges that are read from the live pools when somebody scrapes, and cost nothing in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pointsman.gateway.observe import names
from pointsman.gateway.observe.names import Name
from pointsman.gateway.pools.endpoint import State
from pointsman.gateway.pools.health import Reason
from pointsman.signals.facts import PoolLoad


class EndpointView(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def inflight(self) -> int: ...
    @property
    def up(self) -> bool: ...
    @property
    def state(self) -> State: ...
    @property
    def ejections(self) -> Mapping[Reason, int]: ...


class PoolView(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def endpoints(self) -> Sequence[EndpointView]: ...
    def snapshot(self) -> PoolLoad: ...


ReadPools = Callable[[], Iterable[PoolView]]
ReadLeases = Callable[[], int]
ReadAges = Callable[[], Mapping[str, float]]
"""Seconds by pool."""


class PoolGauges(Collector):
    """`read` on the event loop, where the pools live; `collect` in any thread."""

    def __init__(self) -> None:
        self.pools: ReadPools = tuple
        self.leases: ReadLeases = int
        self.ages: ReadAges = dict
        self._metrics: tuple[Metric, ...] = ()

    def read(self) -> None:
        inflight, queue = _gauge(names.POOL_INFLIGHT), _gauge(names.POOL_QUEUE)
        load, kv = _gauge(names.POOL_LOAD), _gauge(names.POOL_KV)
        up, running = _gauge(names.ENDPOINT_UP), _gauge(names.ENDPOINT_INFLIGHT)
        states = _gauge(names.ENDPOINT_STATE)
        ejections = CounterMetricFamily(names.EJECTIONS.name, names.EJECTIONS.help, labels=names.EJECTIONS.labels)
        leases = _gauge(names.LEASES)
        leases.add_metric((), self.leases())
        ages = _gauge(names.DISCOVERY_AGE)
        for name, age in self.ages().items():
            ages.add_metric((name,), age)
        for pool in self.pools():
            state = pool.snapshot()
            inflight.add_metric((pool.name,), state.inflight)
            for gauge, value in ((queue, state.queue), (load, state.load), (kv, state.kv)):
                if value is not None:  # unknown is not zero
                    gauge.add_metric((pool.name,), value)
            for endpoint in pool.endpoints:
                up.add_metric((pool.name, endpoint.name), float(endpoint.up))
                running.add_metric((pool.name, endpoint.name), endpoint.inflight)
                states.add_metric((pool.name, endpoint.name, endpoint.state), 1.0)
                for reason, count in endpoint.ejections.items():
                    ejections.add_metric((pool.name, endpoint.name, reason), count)
        self._metrics = (inflight, queue, load, kv, up, states, ejections, running, leases, ages)

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)

    def describe(self) -> Iterator[Metric]:
        return iter(())


def _gauge(name: Name) -> GaugeMetricFamily:
    return GaugeMetricFamily(name.name, name.help, labels=name.labels)
