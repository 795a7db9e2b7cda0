"""`/admin/pools`: the state of pools, and endpoints that are added, drained and removed while they serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI, Request
from fastapi.params import Depends
from pydantic import ValidationError

from pointsman.gateway.errors import BadRequest, Conflict, NotFound
from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.schema.pools import MAX_ENDPOINTS, EndpointConfig
from pointsman.gateway.wire.inbound import parse_json, read_body
from pointsman.policies.nearest import did_you_mean

if TYPE_CHECKING:
    from pointsman.gateway.app import Gateway
    from pointsman.gateway.pools.discovery.finder import Standing
    from pointsman.gateway.pools.pool import Pool

_LARGEST = 64 * 1024
"""Bytes of a body here."""

log = structlog.get_logger(__name__)


def add_pool_routes(app: FastAPI, gateway: Gateway, guard: Sequence[Depends]) -> None:
    @app.get("/admin/pools", dependencies=guard)
    async def pools() -> dict[str, Any]:
        found = gateway.discoveries()
        return {name: _pool(pool, found.get(name)) for name, pool in gateway.runtime.pools.items()}

    @app.get("/admin/pools/{pool}", dependencies=guard)
    async def one(pool: str) -> dict[str, Any]:
        return _pool(_find_pool(gateway, pool), gateway.discoveries().get(pool))

    @app.post("/admin/pools/{pool}/endpoints", dependencies=guard, status_code=201)
    async def add(pool: str, request: Request) -> dict[str, Any]:
        to = _find_pool(gateway, pool)
        given = await _endpoint_given(request)
        _check_room(to, given.url)
        to.roster.add(given.url, given.weight)
        return changed(to, "added", given.url)

    @app.post("/admin/pools/{pool}/endpoints/{name:path}/drain", dependencies=guard)
    async def drain(pool: str, name: str) -> dict[str, Any]:
        within = _find_pool(gateway, pool)
        endpoint = _find_endpoint(within, name)
        within.roster.drain(endpoint.url)
        return changed(within, "drained", endpoint.url)

    @app.post("/admin/pools/{pool}/endpoints/{name:path}/undrain", dependencies=guard)
    async def undrain(pool: str, name: str) -> dict[str, Any]:
        within = _find_pool(gateway, pool)
        endpoint = _find_endpoint(within, name)
        within.roster.undrain(endpoint.url)
        answer = changed(within, "undrained", endpoint.url)
        if endpoint.draining:
            raise Conflict(f"The endpoint {endpoint.name} goes on draining: discovery says that it is terminating.")
        return answer

    @app.delete("/admin/pools/{pool}/endpoints/{name:path}", dependencies=guard)
    async def remove(pool: str, name: str) -> dict[str, Any]:
        within = _find_pool(gateway, pool)
        endpoint = _find_endpoint(within, name)
        within.roster.remove(endpoint.url)
        within.regroup()
        gateway.endpoints_changed()
        log.info("endpoint_removed", pool=within.name, endpoint=endpoint.name, running=endpoint.inflight)
        return {"status": "removed", "pool": within.name, "endpoint": _endpoint(endpoint, within)}

    def changed(pool: Pool, what: str, url: str) -> dict[str, Any]:
        if pool.regroup():
            gateway.endpoints_changed()
        endpoint = next(e for e in pool.endpoints if e.url == url)
        log.info(f"endpoint_{what}", pool=pool.name, endpoint=endpoint.name)
        return {"status": what, "pool": pool.name, "endpoint": _endpoint(endpoint, pool)}


def _find_pool(gateway: Gateway, name: str) -> Pool:
    pools = gateway.runtime.pools
    if name not in pools:
        raise NotFound(f"There is no pool {name[:64]!r}{did_you_mean(name[:64], pools)}.", param="pool")
    return pools[name]


def _find_endpoint(pool: Pool, name: str) -> Endpoint:
    """By its name or its URL."""
    found = [e for e in pool.endpoints if e.url == name] or [e for e in pool.endpoints if e.name == name.lower()]
    if len(found) > 1:
        urls = " and ".join(endpoint.url for endpoint in found)
        raise Conflict(f"Pool {pool.name!r} has several endpoints {name!r}. Name one by its URL: {urls}.", param="name")
    if not found:
        hint = did_you_mean(name[:128], [endpoint.name for endpoint in pool.endpoints])
        raise NotFound(f"Pool {pool.name!r} has no endpoint {name[:128]!r}{hint}.", param="name")
    return found[0]


async def _endpoint_given(request: Request) -> EndpointConfig:
    # Not by FastAPI, which reads bodies of any size, and before it asks for the key.
    raw = await read_body(request.receive, request.headers, _LARGEST)
    body = parse_json(raw, request.headers)
    try:
        return EndpointConfig.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = str(first["loc"][0])[:64]
        said = str(first.get("ctx", {}).get("error") or _lower(first["msg"]))
        raise BadRequest(f'`{key}`: {said}. Send {{"url": "http://host:8000", "weight": 1}}.', param=key) from error


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _check_room(pool: Pool, url: str) -> None:
    name = Endpoint(url).name
    if any(endpoint.name == name for endpoint in pool.endpoints):
        raise Conflict(f"Pool {pool.name!r} has the endpoint {name} already. Remove it first.", param="url")
    if len(pool.endpoints) >= MAX_ENDPOINTS:
        raise Conflict(f"Pool {pool.name!r} has {MAX_ENDPOINTS} endpoints, which is the most. Remove others first.")


def _pool(pool: Pool, discovery: Standing | None) -> dict[str, Any]:
    state = pool.snapshot()
    shown: Mapping[str, Any] = {} if discovery is None else {"discovery": discovery._asdict()}
    return {
        "model": pool.config.model,
        "healthy": state.healthy,
        "load": state.load,
        "inflight": state.inflight,
        "queue": state.queue,
        "kv": state.kv,
        **shown,
        "endpoints": [_endpoint(endpoint, pool) for endpoint in pool.endpoints],
    }


def _endpoint(endpoint: Endpoint, pool: Pool) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "url": endpoint.url,
        "source": endpoint.source,
        "state": endpoint.state,
        "reason": endpoint.health.why or None,
        "up": endpoint.up,
        "inflight": endpoint.inflight,
        "load": endpoint.load,
        "weight": endpoint.weight,
    }
