"""On what terms a request is served: how long it may take, and its place among others."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from pointsman.gateway.errors import BadRequest
from pointsman.gateway.pools.claim import STANDARD, Claim, Priority
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.watch import Limit
from pointsman.gateway.routing import Routed
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.wire.inbound import Inbound
from pointsman.signals.facts import Route

_MILLISECONDS = re.compile(r"[1-9][0-9]{0,8}")
_PRIORITIES = {priority.label: priority for priority in Priority}

_GENERATING = frozenset((Route.CHAT, Route.COMPLETIONS, Route.RESPONSES, Route.MESSAGES))
"""Routes whose answers begin later the longer the prompt is."""
_TOKEN = 4
"""Bytes of a body: close enough for English, Chinese and code, and free."""


def longest(routed: Routed) -> float:
    """Seconds that an answer may take."""
    return max([pool.config.timeouts.total for pool in routed.pools])


def seconds_left(routed: Routed, headers: Mapping[str, str], began: float) -> tuple[float, Limit]:
    """For the answer, and who limits them: the client's own deadline, if it is sooner than that of the pools."""
    total, wanted = longest(routed), deadline(headers)
    left = total if wanted is None else began + wanted - time.perf_counter()
    return (left, Limit.DEADLINE) if left < total else (total, Limit.TOTAL)


def claim_of(runtime: Runtime, routed: Routed, inbound: Inbound, journal: Journal, left: float | None) -> Claim:
    """`left` are the seconds that the client's own deadline leaves."""
    standing = runtime.tenants.get(journal.tenant, STANDARD)
    slo = runtime.slos.get(routed.decision)
    if slo is not None and slo.first_token is not None and inbound.stream:
        first = journal.began + slo.first_token - time.perf_counter()
        left = first if left is None else min(left, first)
    facts = journal.facts
    return Claim(
        journal.tenant,
        standing.weight,
        max(standing.priority, priority(inbound.headers)),
        None if left is None else routed.pools[0].clock() + left,
        facts.size // _TOKEN if facts is not None and inbound.route in _GENERATING else None,
        inbound.stream,
        slo is not None and slo.miss == "refuse",
    )


def deadline(headers: Mapping[str, str]) -> float | None:
    """Seconds from the request's arrival."""
    given = headers.get("x-pointsman-deadline-ms")
    if given is None:
        return None
    if not _MILLISECONDS.fullmatch(given):
        raise BadRequest("The header `x-pointsman-deadline-ms` must be a whole number of milliseconds, at least 1.")
    return int(given) / 1000


def priority(headers: Mapping[str, str]) -> Priority:
    given = headers.get("x-pointsman-priority")
    if given is None:
        return Priority.NORMAL
    found = _PRIORITIES.get(given.strip().lower())
    if found is None:
        raise BadRequest(f"The header `x-pointsman-priority` must be one of: {', '.join(_PRIORITIES)}.")
    return found
