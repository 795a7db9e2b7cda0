"""Hedging: a second endpoint is asked when the first takes longer than is usual, and the first token wins.

Dean and Barroso, The Tail at Scale (2013): a few percent more requests for a much shorter tail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Self

from pointsman.gateway.errors import RequestError
from pointsman.gateway.observe.outcome import Result as Ending
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.relay.failure import Refusal
from pointsman.gateway.relay.tries import Failure, Try
from pointsman.gateway.schema.decisions import Hedge


class HedgeRule(NamedTuple):
    after: float | None  # seconds without a first token
    quantile: float  # or, without them, as long as this share of the pool's first tokens take
    budget: float  # hedges that run, as a share of the pool's requests

    @classmethod
    def of(cls, config: Hedge) -> Self:
        after = config.after
        if isinstance(after, str):
            return cls(None, int(after[1:]) / 100, config.budget)
        return cls(after, 0.0, config.budget)

    def patience(self, pool: Pool) -> float | None:
        """Seconds; None as long as too little is known of the pool."""
        return self.after if self.after is not None else pool.first_tokens.quantile(self.quantile)


async def race(
    running: list[Try], rule: HedgeRule, second: Callable[[], Try | None], lost: Callable[[Try, Failure], bool]
) -> None:
    """`running` begins with one try, and ends with the one whose answer has begun, or that failed last: its error is
    raised. `second` makes another, `lost` is told of one that failed and says whether to go on with the other."""
    (primary,) = running
    patience = rule.patience(primary.lease.pool)
    if patience is None:
        await primary.ask()
        return
    tasks = {asyncio.create_task(primary.ask()): primary}
    try:
        await asyncio.wait(tasks, timeout=patience)
        with primary.lease.pool.hedging(rule.budget) as allowed:
            if allowed and not all(task.done() for task in tasks) and (hedge := second()) is not None:
                tasks[asyncio.create_task(hedge.ask())] = hedge
                running.append(hedge)
            await _first_of(tasks, running, lost)
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _first_of(
    tasks: dict[asyncio.Task[None], Try], running: list[Try], lost: Callable[[Try, Failure], bool]
) -> None:
    while True:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in [task for task in tasks if task.done()]:
            one = tasks.pop(task)
            error = task.exception()
            if error is None:
                _win(one, running)
                return
            if not tasks or not isinstance(error, RequestError | Refusal) or not lost(one, error):
                running.remove(one)
                running.insert(0, one)
                raise error
            running.remove(one)


def _win(one: Try, running: list[Try]) -> None:
    for other in running:
        if other is not one:
            other.end(Ending.CANCELLED)
    running[:] = [one]
