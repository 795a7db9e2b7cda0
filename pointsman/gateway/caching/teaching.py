"""Examples for one request, where its decision wants them for the model that is asked."""

from __future__ import annotations

from pointsman.gateway.caching.visit import Visit
from pointsman.gateway.learning.requests import Key
from pointsman.gateway.routing import Routed
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.wire.examples import MEMBERS, Examples
from pointsman.gateway.wire.inbound import Inbound
from pointsman.signals.facts import Facts


async def taught(
    runtime: Runtime, visit: Visit | None, inbound: Inbound, facts: Facts, routed: Routed, request: Key
) -> Inbound:
    """`inbound`, with the examples if there are any. What came of it is noted in the visit."""
    rule, caching = runtime.reuses.get(routed.decision), runtime.caching
    if rule is None or visit is None or caching is None or caching.reusing is None:
        return inbound
    pool = routed.pools[0]
    if pool.name not in rule.into or routed.choice.procedure is not None:
        return inbound
    if inbound.route not in MEMBERS or any(message.role != "system" for message in facts.messages[:-1]):
        return inbound
    found, tokens = visit.examples(rule), rule.tokens
    if pool.config.context is not None:  # as much must be left for the answer
        tokens = min(tokens, (pool.config.context - facts.prompt_tokens - (facts.max_tokens or 0)) // 2)
    offered = await caching.reusing.offer(
        request, routed.decision, pool.name, rule, tokens, found, caching.cache.document
    )  # fmt: skip
    if offered is None:
        return inbound
    reused, fitting = offered
    visit.cached = visit.cached._replace(reused=reused)
    return inbound._replace(examples=Examples(pool.name, fitting.turns)) if reused.given else inbound
