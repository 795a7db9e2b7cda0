"""From a parsed request to the facts that signals read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pointsman.gateway.access.keys import Identity
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.turns import read_messages, read_offered, read_tool_text, read_tools
from pointsman.signals.facts import Facts, PoolLoad

_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 and value is not True else None


def _max_tokens(body: Mapping[str, Any]) -> int | None:
    for key in _LIMITS:
        if key in body and (limit := _positive(body[key])):
            return limit
    return None


def build_facts(inbound: Inbound, identity: Identity, pools: Callable[[str], PoolLoad]) -> Facts:
    body = inbound.body
    user = body.get("user")
    return Facts(
        route=inbound.route,
        model=inbound.model,
        stream=inbound.stream,
        read_messages=lambda: read_messages(inbound.route, body),
        read_tools=lambda: read_tools(body),
        read_tool_text=lambda: read_tool_text(body),
        read_offered=lambda: read_offered(body),
        headers=inbound.headers,
        tenant=identity.tenant,
        roles=identity.roles,
        session=inbound.headers.get("x-session-id") or (user if isinstance(user, str) else None),
        max_tokens=_max_tokens(body),
        choices=_positive(body.get("n")) or 1,
        size=len(inbound.raw),
        now=datetime.now(UTC),
        pools=pools,
    )
