"""A sample of the answers is graded by a model, after the clients have them and in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple, Protocol

import structlog

from pointsman.gateway.errors import RequestError
from pointsman.gateway.learning.requests import Key
from pointsman.gateway.learning.rubric import TOKENS, quality, question
from pointsman.gateway.observe.outcome import Judged, Outcome
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.relay.aside import Aside
from pointsman.gateway.relay.fenced import asked
from pointsman.gateway.schema.running import JudgeConfig
from pointsman.gateway.wire.answer import read_answer
from pointsman.signals.facts import Facts, Route

log = structlog.get_logger(__name__)

LONGEST = 256 * 1024
"""Bytes of an answer, events and all; a longer one is not judged."""

_AT_ONCE = 4
"""Questions to the judge."""
_BUSY = 0.8
"""Load of the judge's pool from which its own clients need what is left."""

_JUDGED = frozenset((Route.CHAT, Route.COMPLETIONS, Route.RESPONSES, Route.MESSAGES))


class Hears(Protocol):
    def judged(self, result: Judged) -> None: ...
    def judge_asked(self, pool: str, cost: float | None) -> None: ...


class Sample:
    """One answer on its way to the client, and a copy of it."""

    __slots__ = ("_parts", "_size", "config", "pool", "route", "stream")

    def __init__(self, config: JudgeConfig, pool: Pool, route: Route, stream: bool) -> None:
        self.config = config
        self.pool = pool
        self.route = route
        self.stream = stream
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= LONGEST:
            self._parts.append(data)
        else:
            self._parts.clear()

    @property
    def body(self) -> bytes:
        """Empty if it is too long."""
        return b"".join(self._parts)


class _Case(NamedTuple):
    key: Key
    request: str
    sample: Sample


class Judge:
    def __init__(self, aside: Aside, reward: Callable[[Key, float], None], hears: Hears, random: Random) -> None:
        """`reward` is told of a request and the quality of its answer, in [0, 1]."""
        self._aside = aside
        self._reward = reward
        self._hears = hears
        self._random = random
        self._tapped = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(_AT_ONCE)

    @property
    def pending(self) -> int:
        """Answers that are copied, wait or are being judged."""
        return self._tapped + len(self._tasks)

    def sample(
        self, config: JudgeConfig, pools: Mapping[str, Pool], facts: Facts, decision: str, stream: bool
    ) -> Sample | None:
        """For an answer that is about to begin, if it is one of those that are judged; then `done` must be called."""
        if facts.route not in _JUDGED or (config.decisions is not None and decision not in config.decisions):
            return None
        if "no-store" in facts.headers.get("cache-control", "").lower() or self._random.random() >= config.share:
            return None
        if self.pending >= config.max_pending:
            self._hears.judged(Judged.DROPPED)
            return None
        self._tapped += 1
        return Sample(config, pools[config.pool], facts.route, stream)

    def done(self, sample: Sample, outcome: Outcome) -> None:
        """The client has the answer, or will never have it."""
        self._tapped -= 1
        if outcome.status != 200 or outcome.error_source or outcome.disconnect:
            return  # it is no answer
        chosen, facts = outcome.chosen, outcome.facts
        if chosen is None or facts is None or chosen.pool == sample.pool.name or not sample.body:
            self._hears.judged(Judged.UNFIT)
            return
        task = asyncio.create_task(self._judge(_Case((outcome.tenant, outcome.id), asked(facts), sample)))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("judge_failed", exc_info=error)

    async def _judge(self, case: _Case) -> None:
        sample = case.sample
        answer = await asyncio.to_thread(read_answer, sample.route, sample.stream, sample.body)
        if answer is None or not answer.text.strip() or answer.calls:
            self._hears.judged(Judged.UNFIT)
            return
        async with self._places:
            self._hears.judged(await self._grade(case, answer.text))

    async def _grade(self, case: _Case, text: str) -> Judged:
        config, pool = case.sample.config, case.sample.pool
        load = pool.snapshot()
        if not load.healthy or (load.load or 0.0) > _BUSY:
            return Judged.BUSY
        try:
            told = await self._aside.ask(
                pool, question(case.request, text, config.criteria),
                max_tokens=TOKENS, timeout=config.timeout, request_id=case.key[1],
            )  # fmt: skip
        except RequestError:
            return Judged.FAILED
        self._hears.judge_asked(pool.name, told.cost)
        found = quality(told.text)
        if found is None:
            return Judged.UNCLEAR
        self._reward(case.key, found)
        return Judged.GRADED
