"""From a parsed request to the facts that signals read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from pointsman.gateway.access.keys import Identity
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.turns import read_messages, read_tool_text, read_tools
from pointsman.signals.facts import Facts, PoolLoad


def build_facts(inbound: Inbound, identity: Identity, pools: Callable[[str], PoolLoad]) -> Facts:
    body = inbound.body
    user, n = body.get("user"), body.get("n")
    limit = body.get("max_completion_tokens", body.get("max_tokens", body.get("max_output_tokens")))
    return Facts(
        route=inbound.route,
        model=inbound.model,
        stream=inbound.stream,
        read_messages=lambda: read_messages(inbound.route, body),
        read_tools=lambda: read_tools(body),
        read_tool_text=lambda: read_tool_text(body),
        headers=inbound.headers,
        tenant=identity.tenant,
        roles=identity.roles,
        session=inbound.headers.get("x-session-id") or (user if isinstance(user, str) else None),
        max_tokens=limit if isinstance(limit, int) else None,
        choices=n if isinstance(n, int) else 1,
        size=len(inbound.raw),
        now=datetime.now(UTC),
        pools=pools,
    )
