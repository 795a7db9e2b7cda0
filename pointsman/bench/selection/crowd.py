"""How long `fused` takes for one choice among sixteen models of eight endpoints each, while requests come and go."""

from __future__ import annotations

from collections import deque
from random import Random
from time import perf_counter

from pydantic import TypeAdapter

from pointsman.bench.summary import percentile
from pointsman.gateway.pools.claim import Claim
from pointsman.gateway.pools.fleet import fleet
from pointsman.gateway.pools.lease import Lease, Result
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.schema.pools import PoolConfig
from pointsman.policies.select.context import Candidate, Context
from pointsman.policies.select.registry import SelectConfig, build
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.prompt import Prompt

MODELS, ENDPOINTS = 16, 8
LIMIT = 100.0
"""Microseconds."""
_UNDER_WAY = 200


def choice_time(prompt: Prompt, rounds: int) -> tuple[float, float]:
    """Microseconds: the median, and the 95th percentile."""
    pools = {f"m{number}": _pool(number) for number in range(MODELS)}
    candidates = [
        Candidate(name, 0.1 + 0.1 * number, 0.2 + 0.1 * number, {"default": 0.5 + 0.02 * number})
        for number, name in enumerate(pools)
    ]
    selector = build(TypeAdapter(SelectConfig).validate_python({"by": "fused"}), candidates)
    context = Context(
        Facts(Route.CHAT, stream=True, read_messages=lambda: [Message("user", "What is it?")]),
        lambda name: pools[name].snapshot(),
        prompt,
        forecast=lambda name: pools[name].forecast(),
        fleet=lambda names, tokens: fleet([pools[name] for name in names], tokens),
    )
    random, times, under_way = Random(1), [], deque[Lease]()
    for _ in range(rounds):
        began = perf_counter()
        choice = selector.choose(context, None, random)
        times.append((perf_counter() - began) * 1e6)
        lease = pools[choice.pools[0]].try_lease(Claim(tokens=100), prefer=choice.endpoint)
        assert lease is not None
        under_way.append(lease)
        if len(under_way) > _UNDER_WAY:
            with under_way.popleft() as done:
                done.first_token()
                done.spoke(100)
                done.release(Result.OK)
    for lease in under_way:
        lease.release(Result.CANCELLED)
    return percentile(times, 0.5), percentile(times, 0.95)


def _pool(number: int) -> Pool:
    endpoints = [f"http://10.0.{number}.{place}:8000" for place in range(ENDPOINTS)]
    return Pool(f"m{number}", PoolConfig.model_validate({"model": "m", "endpoints": endpoints}), random=Random(1))
