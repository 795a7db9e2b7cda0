"""What is sent to a pool: the client's bytes where the pool speaks the client's wire, else a translation."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping
from typing import Any, NamedTuple

import orjson

from pointsman.gateway.errors import BadRequest
from pointsman.gateway.pools.paths import upstream_path
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.relay.upstream import upstream_headers
from pointsman.gateway.schema.pools import Engine, PoolConfig, Provider
from pointsman.gateway.wire.chat_to_messages import ChatToMessages
from pointsman.gateway.wire.dialect import DIALECTS, Dialect, asks_for_usage
from pointsman.gateway.wire.examples import with_examples
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.messages_to_chat import MessagesToChat
from pointsman.gateway.wire.responses_to_chat import ResponsesToChat
from pointsman.gateway.wire.rewrite import set_members
from pointsman.gateway.wire.translate import Translation
from pointsman.signals.facts import Route

_STREAMS_USAGE = frozenset((Route.CHAT, Route.COMPLETIONS))
_ANTHROPIC = frozenset((Route.MESSAGES, Route.COUNT_TOKENS))

_TRANSLATIONS: Mapping[tuple[Route, bool], Callable[[Mapping[str, Any], Engine], Translation]] = {
    # (the client's wire, whether the pool speaks Anthropic's)
    (Route.MESSAGES, False): lambda body, engine: MessagesToChat(body, engine=engine),
    (Route.RESPONSES, False): lambda body, engine: ResponsesToChat(body),
    (Route.CHAT, True): lambda body, engine: ChatToMessages(body),
}


class Outbound(NamedTuple):
    """One request as one pool gets it. `path` has /v1 and query; `dialect` is the wire of the pool's answer."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | AsyncIterable[bytes]
    dialect: Dialect
    translation: Translation | None = None


def speaks(config: PoolConfig, route: Route) -> bool:
    """Whether the pool takes this route's bytes as they are."""
    if route in _ANTHROPIC:
        return config.provider is Provider.ANTHROPIC or "messages" in config.native
    if route is Route.RESPONSES:
        return "responses" in config.native
    return config.provider is not Provider.ANTHROPIC or route is Route.OTHER


def prepare(inbound: Inbound, pool: Pool, request_id: str) -> Outbound:
    """BadRequest if the request cannot be said in the pool's wire."""
    config = pool.config
    if inbound.examples is not None and inbound.examples.pool == pool.name:
        inbound = with_examples(inbound, inbound.examples)
    headers = upstream_headers(inbound.headers, pool.credentials, request_id)
    if speaks(config, inbound.route):
        headers |= inbound.upload.headers if inbound.upload else {}
        return Outbound(
            inbound.method, _target(inbound, config), headers, _body(inbound, config), DIALECTS[inbound.route]
        )
    build = _TRANSLATIONS.get((inbound.route, config.provider is Provider.ANTHROPIC))
    if build is None:
        raise BadRequest(
            f"Pool {pool.name!r} does not offer /v1/{inbound.route.value}. "
            "Name another model, or route this kind of request to a pool that does."
        )
    translation = build(inbound.body, config.engine)
    body = orjson.dumps(translation.request(dict(inbound.body), config.model))
    headers["content-type"] = "application/json"
    route = Route.MESSAGES if config.provider is Provider.ANTHROPIC else Route.CHAT
    return Outbound("POST", f"/v1/{translation.path}", headers, body, DIALECTS[route], translation)


def _target(inbound: Inbound, config: PoolConfig) -> str:
    path = upstream_path(config, inbound.path) if inbound.route is Route.OTHER else None
    query = "?" + inbound.query.decode("latin-1") if inbound.query else ""
    return (path or f"/v1{inbound.path}") + query


def _body(inbound: Inbound, config: PoolConfig) -> bytes | AsyncIterable[bytes]:
    if inbound.upload is not None:
        return inbound.upload
    if not inbound.body or (inbound.route is Route.OTHER and inbound.model is None):
        return inbound.raw  # nobody said that this path knows a model
    members: dict[str, object] = {"model": config.model}
    if inbound.stream and inbound.route in _STREAMS_USAGE and not asks_for_usage(inbound.body):
        options = inbound.body.get("stream_options")
        if options is None or isinstance(options, dict):  # else the upstream says what is wrong with it
            members["stream_options"] = {**(options or {}), "include_usage": True}
    return set_members(inbound.raw, inbound.body, members)
