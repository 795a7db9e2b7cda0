"""Follows the discovery of every pool that has one, in the background."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

import structlog

from pointsman.gateway.pools.discovery.base import SHORTEST, Discovery, DiscoveryError
from pointsman.gateway.pools.discovery.registry import build
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.pools.roster import Member
from pointsman.gateway.schema.pools import MAX_ENDPOINTS, Discover

_FIRST = 3.0
"""Seconds that a start waits for first answers, so that the first requests find their pools filled."""
_JITTER = 0.2
_LISTED = 10

_log = structlog.get_logger("pointsman.pools")


class Standing(NamedTuple):
    """What is to be known of a pool's discovery."""

    age: float  # seconds since it answered
    trouble: str | None


@dataclass(slots=True, eq=False)
class Job:
    pool: Pool
    config: Discover
    heard: float  # when there was an answer; at first, when the job began
    failures: int = 0  # in a row
    trouble: str | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)  # it has answered or failed
    task: asyncio.Task[None] | None = None


class Finder:
    """`start`, `update` after every reload, `stop`. A trouble leaves a pool the endpoints that it has."""

    def __init__(
        self,
        changed: Callable[[], None],
        count: Callable[[str, bool], None],
        *,
        build: Callable[[Discover], Discovery] = build,
        clock: Callable[[], float] = time.monotonic,
        random: Random = Random(),
    ) -> None:
        """`changed` hears of pools with other endpoints; `count` of each answer (True) and failure of a pool."""
        self._changed = changed
        self._count = count
        self._build = build
        self._clock = clock
        self._random = random
        self._jobs: dict[Pool, Job] = {}

    async def start(self, pools: Iterable[Pool]) -> None:
        self.update(pools)
        waiting = [asyncio.create_task(job.settled.wait()) for job in self._jobs.values()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=_FIRST)
            for task in late:
                task.cancel()

    def update(self, pools: Iterable[Pool]) -> None:
        wanted = {pool: pool.config.discover for pool in pools if pool.config.discover is not None}
        for pool, job in list(self._jobs.items()):
            if wanted.get(pool) != job.config:
                self._end(self._jobs.pop(pool))
        for pool, config in wanted.items():
            if pool not in self._jobs:
                job = self._jobs[pool] = Job(pool, config, self._clock())
                job.task = asyncio.create_task(self._follow(job), name=f"discovery of {pool.name}")
                job.task.add_done_callback(_report)

    async def stop(self) -> None:
        tasks = [self._end(job) for job in self._jobs.values()]
        self._jobs.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    def standings(self) -> Mapping[str, Standing]:
        now = self._clock()
        return {pool.name: Standing(now - job.heard, job.trouble) for pool, job in self._jobs.items()}

    def _end(self, job: Job) -> asyncio.Task[None]:
        assert job.task is not None
        job.task.cancel()
        return job.task

    async def _follow(self, job: Job) -> None:
        discovery = self._build(job.config)
        while True:
            try:
                async with aclosing(discovery.sets()) as sets:
                    async for members in sets:
                        self._take(job, members)
            except DiscoveryError as error:
                self._fail(job, error)
            pause = min(discovery.longest, SHORTEST * 2 ** min(max(job.failures - 1, 0), 16))
            await asyncio.sleep(pause * self._random.uniform(1 - _JITTER, 1 + _JITTER))

    def _take(self, job: Job, members: Sequence[Member]) -> None:
        pool = job.pool
        job.heard, job.failures = self._clock(), 0
        self._count(pool.name, True)
        if len(members) > MAX_ENDPOINTS:
            self._complain(job, f"more than {MAX_ENDPOINTS} endpoints were found; the others are left out")
        elif job.trouble is not None:
            job.trouble = None
            _log.info("discovery_recovered", pool=pool.name)
        before = {endpoint.name for endpoint in pool.endpoints}
        pool.roster.list_found(members)
        if pool.regroup():
            after = {endpoint.name for endpoint in pool.endpoints}
            came, left = _some(after - before), _some(before - after)
            _log.info("discovered", pool=pool.name, endpoints=len(after), came=came, left=left)
            self._changed()
        job.settled.set()

    def _fail(self, job: Job, error: DiscoveryError) -> None:
        job.failures += 1
        self._count(job.pool.name, False)
        self._complain(job, str(error))
        job.settled.set()

    def _complain(self, job: Job, reason: str) -> None:
        """Once per trouble, not once per try."""
        if job.trouble is None:
            _log.warning("discovery_failed", pool=job.pool.name, endpoints=len(job.pool.endpoints), reason=reason)
        job.trouble = reason


def presume(pools: Iterable[Pool]) -> None:
    """Where nothing is looked up: a discovery would find something, as any endpoint is presumed to be well."""
    for pool in pools:
        if pool.config.discover is not None:
            pool.roster.list_found([Member("http://discovered")])
            pool.regroup()


def _some(names: set[str]) -> list[str]:
    shown = sorted(names)[:_LISTED]
    return [*shown, f"and {len(names) - _LISTED} more"] if len(names) > _LISTED else shown


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("discovery stopped", task=task.get_name(), exc_info=error)
