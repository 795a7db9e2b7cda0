"""EndpointSlices (`discovery.k8s.io/v1`) of a service, as the API's JSON has them → its servers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pointsman.gateway.pools.discovery.base import DiscoveryError
from pointsman.gateway.pools.roster import Member
from pointsman.gateway.schema.pools import Kubernetes

Json = Mapping[str, Any]


def members(slices: Iterable[Json], service: Kubernetes) -> list[Member]:
    """Each pod once, though it may be in several slices: of both address families, or while slices are rebuilt."""
    best: dict[str, tuple[tuple[bool, bool], Member]] = {}
    for piece in slices:
        for endpoint in piece.get("endpoints") or ():
            draining = _is_draining(endpoint.get("conditions") or {})
            addresses = endpoint.get("addresses")
            if draining is None or not addresses:
                continue
            member = _member(addresses[0], _port(piece.get("ports") or (), service), service, draining)
            pod = (endpoint.get("targetRef") or {}).get("uid") or addresses[0]
            rank = (draining, piece.get("addressType") != "IPv4")
            if pod not in best or rank < best[pod][0]:
                best[pod] = rank, member
    return sorted((member for _, member in best.values()), key=lambda member: member.url)


def _is_draining(conditions: Json) -> bool | None:
    """None if it takes no requests at all. An absent condition is unknown, which counts as ready."""
    if conditions.get("terminating"):
        return True
    return None if conditions.get("ready") is False else False


def _member(address: str, port: int, service: Kubernetes, draining: bool) -> Member:
    host = f"[{address}]" if ":" in address else address
    authority = f"{service.service}.{service.namespace}.svc:{port}"
    return Member(f"{service.scheme}://{host}:{port}", authority=authority, draining=draining)


def _port(ports: Sequence[Json], service: Kubernetes) -> int:
    named = {port.get("name") or "": int(port["port"]) for port in ports if port.get("protocol", "TCP") == "TCP"}
    wanted = service.port
    if isinstance(wanted, str) and wanted in named:
        return named[wanted]
    if isinstance(wanted, int) and (not named or wanted in named.values()):
        return wanted
    if wanted is None and len(named) == 1:
        return next(iter(named.values()))
    has = ", ".join(f"{number} ({name})" if name else str(number) for name, number in named.items()) or "none"
    lacks = "names no port, so `port` is needed" if wanted is None and not named else f"has these ports: {has}"
    if wanted is None and named:
        lacks += "; choose one with `port`"
    raise DiscoveryError(f"service {service.service} {lacks}" + (f", but not {wanted}" if wanted is not None else ""))
