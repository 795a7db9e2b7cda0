"""Paths beyond the gateway's own: which of them a pool takes, and where its servers have them."""

from __future__ import annotations

from pointsman.gateway.schema.pools import PoolConfig
from pointsman.gateway.wire.inbound import below_v1


def upstream_path(config: PoolConfig, path: str) -> str | None:
    """`path` (below /v1, as in a request) at the pool's servers; None if the pool does not list it.

    Clients may leave /v1 out; a server may not: vLLM has /tokenize and no /v1/tokenize. So the spelling in
    `paths` decides."""
    for listed in config.paths:
        short = below_v1(listed)
        if path == short or path.startswith(short.rstrip("/") + "/"):
            return path if short == listed.rstrip("/") else f"/v1{path}"
    return None
