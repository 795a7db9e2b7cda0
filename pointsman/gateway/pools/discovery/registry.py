"""Discoveries by their keys in the YAML."""

from __future__ import annotations

from pointsman.gateway.pools.discovery.base import Discovery
from pointsman.gateway.pools.discovery.dns import Dns
from pointsman.gateway.pools.discovery.kubernetes import KubernetesService
from pointsman.gateway.schema.pools import Discover


def build(config: Discover) -> Discovery:
    if config.dns is not None:
        return Dns(config.dns, config.interval)
    assert config.kubernetes is not None
    return KubernetesService(config.kubernetes)
