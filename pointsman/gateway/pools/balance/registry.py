"""Balancers by their names in the YAML."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pointsman.gateway.pools.balance.base import Balancer
from pointsman.gateway.pools.balance.least_load import LeastLoad
from pointsman.gateway.pools.balance.peak_ewma import PeakEwmaLatency
from pointsman.gateway.pools.balance.round_robin import RoundRobin
from pointsman.gateway.pools.balance.session import Session
from pointsman.gateway.pools.balance.weighted import Weighted
from pointsman.gateway.schema.pools import Balance

BALANCERS: Mapping[Balance, type[Balancer]] = MappingProxyType(
    {
        Balance.LEAST_LOAD: LeastLoad,
        Balance.ROUND_ROBIN: RoundRobin,
        Balance.WEIGHTED: Weighted,
        Balance.PEAK_EWMA: PeakEwmaLatency,
        Balance.SESSION: Session,
    }
)
