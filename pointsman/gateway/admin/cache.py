"""`/admin/cache`: what the cache has and brings, why a request would hit it or not, purging it, and warming it up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from fastapi import FastAPI, Request
from fastapi.params import Depends
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pointsman.cache.stats import Stats
from pointsman.cache.verify import Estimate
from pointsman.gateway.caching.peeking import peek
from pointsman.gateway.caching.placing import place, wanted
from pointsman.gateway.caching.service import Caching
from pointsman.gateway.caching.warming import read_line, warm
from pointsman.gateway.errors import BadRequest, Conflict, NotFound, RequestError
from pointsman.gateway.units import parse_duration
from pointsman.gateway.wire.inbound import parse_json, read_body
from pointsman.policies.nearest import did_you_mean
from pointsman.signals.encoder.encoding import EncoderError, Vector, excerpt

if TYPE_CHECKING:
    from pointsman.gateway.app import Gateway

log = structlog.get_logger(__name__)

_PATIENCE = 10.0  # seconds for the encoder
_SAVING = 5.0  # and for the store
_COMPLAINTS = 20
"""Lines of one body whose errors are told."""

Form = dict[str, Any]
B = TypeVar("B", bound=BaseModel)


class Peek(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: str | None = None
    request: dict[str, Any] | None = None
    path: str | None = None
    decision: str | None = None
    category: str | None = None
    tenant: str | None = None
    headers: dict[str, str] = {}


class Similar(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = Field(min_length=1)
    at_least: float = Field(ge=0, le=1)


class Purge(BaseModel):
    """What goes has to be all of it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    category: str | None = None
    tenant: str | None = None
    older: str | float | None = None
    similar: Similar | None = None
    ids: list[str] | None = None
    all: bool = False

    @property
    def says_nothing(self) -> bool:
        return (self.category, self.tenant, self.older, self.similar, self.ids) == (None,) * 5


def add_cache_routes(app: FastAPI, gateway: Gateway, guard: Sequence[Depends]) -> None:
    @app.get("/admin/cache", dependencies=guard)
    async def stats() -> Form:
        return _stats(gateway, _caching(gateway))

    @app.post("/admin/cache/lookup", dependencies=guard)
    async def lookup(request: Request) -> Form:
        runtime, caching = gateway.runtime, _caching(gateway)
        given = _read(Peek, await _body(gateway, request), request)
        asked = wanted(runtime, given.prompt, given.request, given.path, given.tenant, given.headers)
        return await peek(runtime, caching, asked, await place(runtime, asked, given.decision, given.category))

    @app.post("/admin/cache/purge", dependencies=guard)
    async def purge(request: Request) -> Form:
        given = _read(Purge, await _body(gateway, request), request)
        return await _purge(gateway, _caching(gateway), given)

    @app.delete("/admin/cache/{id}", dependencies=guard)
    async def remove(id: str) -> Form:
        caching = _caching(gateway)
        if not await caching.cache.purge(only=[id]):
            raise NotFound(f"The cache has no entry {id[:64]!r}.", param="id")
        return await _purged(caching, 1)

    @app.post("/admin/cache/warm", dependencies=guard)
    async def warm_up(request: Request) -> Form:
        return await _warm(gateway, _caching(gateway), await _body(gateway, request))


async def _body(gateway: Gateway, request: Request) -> bytes:
    return await read_body(request.receive, request.headers, gateway.runtime.config.server.max_body)


def _caching(gateway: Gateway) -> Caching:
    caching = gateway.runtime.caching
    if caching is None:
        raise Conflict("The gateway has not started yet.")
    return caching


def _read(kind: type[B], raw: bytes, request: Request) -> B:
    try:
        return kind.model_validate(parse_json(raw, request.headers))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = str(first["loc"][0])[:64]
        if first["type"] == "extra_forbidden":
            raise BadRequest(f"There is no `{key}` here{did_you_mean(key, kind.model_fields)}.", param=key) from None
        raise BadRequest(f"`{'.'.join(map(str, first['loc']))[:128]}`: {first['msg']}.", param=key) from None


# What it has, and what it brings


def _stats(gateway: Gateway, caching: Caching) -> Form:
    cache, health = caching.cache, caching.cache.store.health()
    found = caching.stats()
    refused: dict[str, dict[str, int]] = {}
    for (category, reason), count in gateway.metrics.cache_refused.cells.items():
        refused.setdefault(category, {})[reason] = int(count)
    wrong = caching.verifying.estimates() if caching.verifying is not None else {}
    return {
        "store": {"kind": caching.kind, "up": health.up, **health.counts},
        "entries": len(cache),
        "max_entries": cache.bounds.entries,
        "bytes": sum(each.bytes for each in found.values()),
        "max_bytes": cache.bounds.bytes,
        "categories": {
            name: _category(each, refused.get(name, {}), wrong.get(name)) for name, each in found.items()
        },
    }  # fmt: skip


def _category(stats: Stats, refused: Mapping[str, int], wrong: Estimate | None) -> Form:
    counts, worth = stats.counts, stats.worth
    return {
        "entries": stats.entries,
        "max_entries": stats.max_entries,
        "bytes": stats.bytes,
        "max_bytes": stats.max_bytes,
        "threshold": stats.threshold,
        "ttl": stats.ttl,
        "loosening": stats.relief,
        "off": stats.off,
        "lookups": counts.lookups,
        "hits": {"exact": counts.exact, "similar": counts.similar},
        "hit_rate": {"rate": worth.rate, "low": worth.low, "high": worth.high},
        "break_even": {"rate": worth.needed, "pays": worth.pays},
        "wrong_hits": None if wrong is None else {
            "share": wrong.wrong, "low": wrong.low, "high": wrong.high, "labels": wrong.labels,
        },
        "saved": {"seconds": stats.saved_seconds, "usd": stats.saved_usd},
        "found_but": {
            "guard": counts.refused, "too_old": counts.stale, "not_shared": counts.unshared,
            "explored": counts.explored, "lost": counts.lost, "away": counts.away,
        },
        "refused": dict(refused),
        "stored": counts.stored,
        "gone": {"evicted": counts.evicted, "expired": counts.expired, "purged": counts.purged},
    }  # fmt: skip


# Purging


async def _purge(gateway: Gateway, caching: Caching, given: Purge) -> Form:
    if given.says_nothing != given.all:
        raise BadRequest(
            "`all` takes no other condition." if given.all
            else 'Say what goes: `category`, `tenant`, `older`, `similar`, `ids`, or {"all": true} for everything.',
            param="all",
        )  # fmt: skip
    names = caching.stats()
    if given.category is not None and given.category not in names:
        hint = did_you_mean(given.category[:64], names)
        raise NotFound(f"The cache has no category {given.category[:64]!r}{hint}.", param="category")
    before = None if given.older is None else caching.clock() - _seconds(given.older)
    similar = None if given.similar is None else (await _vector(gateway, given.similar.text), given.similar.at_least)
    gone = await caching.cache.purge(given.category, given.tenant, before, similar, given.ids)
    return await _purged(caching, gone)


async def _purged(caching: Caching, entries: int) -> Form:
    """`saved`: whether it is so in the store, too; if not it will be when that can be reached."""
    saved = True
    try:
        async with asyncio.timeout(_SAVING):
            await caching.cache.store.flush()
    except TimeoutError:
        saved = False
    saved = saved and caching.cache.store.health().up
    log.info("cache_purged", entries=entries, saved=saved)
    return {"status": "purged", "entries": entries, "saved": saved}


def _seconds(older: str | float) -> float:
    try:
        return float(older) if isinstance(older, float | int) else parse_duration(older)
    except ValueError as error:
        raise BadRequest(f"`older`: {error}.", param="older") from None


async def _vector(gateway: Gateway, text: str) -> Vector:
    encoder = gateway.runtime.encoder
    if encoder is None:
        raise Conflict("There is no encoder: no signal and no category of this policy compares texts.", param="similar")
    passage = excerpt(text)
    try:
        return (await encoder.encode([passage], _PATIENCE))[passage].vector
    except EncoderError as error:
        raise Conflict(f"The text cannot be compared: {error}.", param="similar") from None


# Warming it up


async def _warm(gateway: Gateway, caching: Caching, body: bytes) -> Form:
    stored, refused, errors = 0, Counter[str](), []
    for number, raw in enumerate(body.splitlines(), 1):
        if not raw.strip():
            continue
        await asyncio.sleep(0)  # requests have their turn
        try:
            why = await warm(gateway.runtime, caching, read_line(raw))
        except RequestError as error:
            errors.append({"line": number, "message": error.message})
            continue
        if why is None:
            stored += 1
        else:
            refused[why] += 1
    return {"stored": stored, "refused": dict(refused), "failed": len(errors), "errors": errors[:_COMPLAINTS]}
