from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from pointsman.gateway.observe.gauges import PoolGauges
from pointsman.gateway.pools.endpoint import State
from pointsman.gateway.pools.health import Reason
from pointsman.signals.facts import PoolLoad


@dataclass
class Endpoint:
    name: str
    inflight: int = 0
    up: bool = True
    state: State = State.UP
    ejections: Mapping[Reason, int] = field(default_factory=dict)


@dataclass
class Pool:
    name: str
    load: PoolLoad
    endpoints: Sequence[Endpoint] = field(default_factory=list)

    def snapshot(self) -> PoolLoad:
        return self.load


def exposed(gauges: PoolGauges) -> set[str]:
    registry = CollectorRegistry()
    registry.register(gauges)
    return {line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")}


def test_pools_are_read_when_asked_and_unknown_is_not_zero() -> None:
    endpoint = Endpoint("127.0.0.1:8001", 3)
    other = Endpoint("127.0.0.1:8002", up=False, state=State.EJECTED, ejections={Reason.FAILURES: 2, Reason.SLOW: 0})
    pools = [
        Pool("small", PoolLoad(0.5, 2, 3, 0.25), [endpoint, other]),
        Pool("large", PoolLoad(healthy=False)),
    ]
    gauges = PoolGauges()
    gauges.pools, gauges.leases = lambda: pools, lambda: 3
    assert exposed(gauges) == set()
    gauges.read()
    assert exposed(gauges) == {
        'pointsman_pool_inflight{pool="small"} 3.0',
        'pointsman_pool_inflight{pool="large"} 0.0',
        'pointsman_pool_queue{pool="small"} 2.0',
        'pointsman_pool_load{pool="small"} 0.5',
        'pointsman_pool_kv{pool="small"} 0.25',
        'pointsman_endpoint_up{endpoint="127.0.0.1:8001",pool="small"} 1.0',
        'pointsman_endpoint_up{endpoint="127.0.0.1:8002",pool="small"} 0.0',
        'pointsman_endpoint_state{endpoint="127.0.0.1:8001",pool="small",state="up"} 1.0',
        'pointsman_endpoint_state{endpoint="127.0.0.1:8002",pool="small",state="ejected"} 1.0',
        'pointsman_ejections_total{endpoint="127.0.0.1:8002",pool="small",reason="failures"} 2.0',
        'pointsman_ejections_total{endpoint="127.0.0.1:8002",pool="small",reason="slow"} 0.0',
        'pointsman_endpoint_inflight{endpoint="127.0.0.1:8001",pool="small"} 3.0',
        'pointsman_endpoint_inflight{endpoint="127.0.0.1:8002",pool="small"} 0.0',
        "pointsman_leases 3.0",
    }
    endpoint.inflight = 0
    del pools[1]
    gauges.read()
    assert 'pointsman_endpoint_inflight{endpoint="127.0.0.1:8001",pool="small"} 0.0' in exposed(gauges)
    assert not any("large" in line for line in exposed(gauges))
