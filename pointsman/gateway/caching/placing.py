"""Where a request that nobody waits for belongs in the cache: its decision, its category, its candidates."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import orjson

from pointsman.cache.categories import Category
from pointsman.cache.entry import Vector
from pointsman.gateway.access.keys import Identity
from pointsman.gateway.caching.admission import ROUTES as CACHED
from pointsman.gateway.errors import BadRequest, NotFound
from pointsman.gateway.rehearse import chat
from pointsman.gateway.routing import decide_request
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.wire.inbound import ROUTES, Inbound, check_types
from pointsman.gateway.wire.reading import build_facts
from pointsman.policies.nearest import did_you_mean
from pointsman.signals.base import SignalValue
from pointsman.signals.encoder.encoding import EncoderError
from pointsman.signals.facts import Facts
from pointsman.signals.neural import NeedsEncoding
from pointsman.signals.readings import Readings

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds for the encoder: nobody's answer waits for it."""
_CHAT = "/chat/completions"


class Placed(NamedTuple):
    decision: str
    candidates: tuple[str, ...]
    category: Category | None  # None: the decision does not cache
    values: Mapping[str, SignalValue]  # of the signals that it needed


class Wanted(NamedTuple):
    """A request as an operator writes it."""

    inbound: Inbound
    facts: Facts
    readings: Readings


def wanted(
    runtime: Runtime,
    prompt: str | None,
    request: Mapping[str, Any] | None,
    path: str | None = None,
    tenant: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Wanted:
    """BadRequest if routing could not read it. `path` is that of a route whose answers are texts."""
    if (prompt is None) == (request is None):
        raise BadRequest('Send one of "prompt" (a string) and "request" (the body of a request).')
    below = (path or _CHAT).removeprefix("/v1")
    route = ROUTES.get(below)
    if route is None or route not in CACHED:
        known = [f"/v1{each}" for each, kind in ROUTES.items() if kind in CACHED]
        raise BadRequest(f"`path` must be one of: {', '.join(known)}.", param="path")
    if prompt is not None and below != _CHAT:
        raise BadRequest("`prompt` is a chat completion; for another `path` send `request`.", param="path")
    body = dict(request) if request is not None else chat(prompt or "")
    body.pop("stream", None)  # however it is told
    check_types(route, body)
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    inbound = Inbound(route, "POST", below, b"", lower, orjson.dumps(body), body)
    facts = build_facts(inbound, Identity(tenant), runtime.load)
    return Wanted(inbound, facts, Readings(runtime.signals, facts))


async def place(runtime: Runtime, asked: Wanted, decision: str | None = None, category: str | None = None) -> Placed:
    """As it would be routed, or of the decision or category that is named. NotFound if there is none."""
    named = {each.name: each for each in runtime.decisions()}
    if decision is not None:
        if decision not in named:
            raise NotFound(
                f"There is no decision {decision[:64]!r}{did_you_mean(decision[:64], named)}.", param="decision"
            )
        found = await _category(runtime, asked.readings, decision, category)
        return _placed(runtime, decision, named[decision].models, asked.readings.values, found)
    caching = [name for name in named if category in _names(runtime, name)] if category is not None else []
    if category is not None and not caching:
        used = sorted({each for name in named for each in _names(runtime, name)})
        hint = did_you_mean(category[:64], used)
        raise NotFound(f"No decision caches in a category {category[:64]!r}{hint}.", param="category")
    if len(caching) == 1:
        return _placed(runtime, caching[0], named[caching[0]].models, {}, category)
    inbound, facts, readings = asked
    routed = await encoding(runtime, readings, lambda: decide_request(runtime, facts, inbound.path, readings))
    if caching and routed.decision not in caching:
        return _placed(runtime, caching[0], named[caching[0]].models, {}, category)
    return _placed(runtime, routed.decision, routed.candidates, readings.values, category or routed.category)


def _names(runtime: Runtime, decision: str) -> list[str]:
    sorting = runtime.caches.get(decision)
    return [] if sorting is None else sorting.names


async def _category(runtime: Runtime, readings: Readings, decision: str, wanted: str | None) -> str | None:
    """`wanted` if the decision may cache in it."""
    sorting = runtime.caches.get(decision)
    if sorting is None or wanted in sorting.names:
        return None if sorting is None else wanted
    return await encoding(runtime, readings, lambda: sorting.category(readings.__getitem__))


async def vector_of(runtime: Runtime, asked: Wanted, text: str) -> Vector | None:
    """None if there is no encoder, or it fails."""
    if runtime.encoder is None:
        return None
    found = await encoding(runtime, asked.readings, lambda: asked.readings.encoding(text))
    return None if found is None else found.vector


async def encoding(runtime: Runtime, readings: Readings, step: Callable[[], T]) -> T:
    """Texts may be long: whoever is served meanwhile does not wait for them."""
    while True:
        try:
            return await asyncio.to_thread(step)
        except NeedsEncoding as needed:
            assert runtime.encoder is not None
            began = time.perf_counter()
            try:
                encodings = await runtime.encoder.encode(needed.passages, PATIENCE)
            except EncoderError as error:
                readings.unencoded(needed.passages, str(error), time.perf_counter() - began)
            else:
                readings.encoded(encodings, time.perf_counter() - began, runtime.encoder.reader)


def _placed(
    runtime: Runtime,
    decision: str,
    models: tuple[str, ...],
    values: Mapping[str, SignalValue],
    name: str | None,
) -> Placed:
    category = None if name is None or runtime.caching is None else runtime.caching.category(name)
    return Placed(decision, models, category, values)
