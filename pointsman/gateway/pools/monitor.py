"""Asks every endpoint, again and again and in the background, how it is and how busy it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from random import Random
from urllib.parse import urlsplit

import aiohttp
import structlog

from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.pools.engines import SOURCES, health_path
from pointsman.gateway.pools.health import Check
from pointsman.gateway.pools.load import READERS, Reader
from pointsman.gateway.pools.pool import Pool

LARGEST = 4 * 1024**2
"""Bytes of an exposition."""
_SHORTEST_TIMEOUT, _LONGEST_TIMEOUT = 1.0, 5.0
_JITTER = 0.2
# What servers without such a page say. As long as nobody named the path, that they answer is enough.
_NO_SUCH_PAGE = frozenset((401, 403, 404, 405, 501))

_log = structlog.get_logger("pointsman.pools")


@dataclass(frozen=True, slots=True)
class Job:
    """One page of one endpoint, asked for every `interval` seconds. If a reload changes it, it is another."""

    pool: Pool
    endpoint: Endpoint
    url: str
    interval: float
    reader: Reader | None = None  # of load; None checks health
    named: bool = False  # the configuration names the path
    authority: str = ""  # of the endpoint


def jobs(pool: Pool) -> Iterator[Job]:
    config = pool.config
    source, reader = SOURCES[config.engine], READERS.get(config.engine)
    path = health_path(config)
    for endpoint in pool.endpoints:
        if reader is not None:
            url = f"{endpoint.url}{source.metrics}"
            yield Job(pool, endpoint, url, config.scrape, reader, authority=endpoint.authority)
        if path is not None:
            named = config.health.path is not None
            interval, authority = config.health.interval, endpoint.authority
            yield Job(pool, endpoint, endpoint.url + path, interval, named=named, authority=authority)


class Monitor:
    """`start`, `update` after every reload, `stop`. A task per job: at most one request at a time."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        random: Random = Random(),
    ) -> None:
        self._session = session
        self._random = random
        self._tasks: dict[Job, asyncio.Task[None]] = {}
        self._failing: set[Job] = set()

    def start(self, pools: Iterable[Pool]) -> None:
        self.update(pools)

    def update(self, pools: Iterable[Pool]) -> None:
        wanted = {job for pool in pools for job in jobs(pool)}
        for job in self._tasks.keys() - wanted:
            self._tasks.pop(job).cancel()
            self._failing.discard(job)
        for job in wanted - self._tasks.keys():
            ask = self._read if job.reader else self._check
            task = asyncio.create_task(self._repeat(job, partial(ask, job)), name=f"monitor {job.url}")
            task.add_done_callback(_report)
            self._tasks[job] = task

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _repeat(self, job: Job, ask: Callable[[], Coroutine[None, None, None]]) -> None:
        while True:
            await ask()
            await asyncio.sleep(job.interval * self._random.uniform(1 - _JITTER, 1 + _JITTER))

    async def _read(self, job: Job) -> None:
        assert job.reader is not None
        mark = job.endpoint.mark()
        try:
            reading = job.reader(await self._page(job))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            self._complain(job, "load cannot be read", _reason(error))
            return
        if reading.empty:
            self._complain(job, "load cannot be read", f"no metric of engine {job.pool.config.engine}")
            return
        self._failing.discard(job)
        job.pool.observed(job.endpoint, reading, mark)

    async def _page(self, job: Job) -> bytes:
        async with self._get(job) as response:
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            page = bytearray()
            async for chunk in response.content.iter_chunked(64 * 1024):
                page += chunk
                if len(page) > LARGEST:
                    raise ValueError(f"more than {LARGEST} bytes")
            return bytes(page)

    async def _check(self, job: Job) -> None:
        check, reason = await self._ask(job)
        if reason:
            self._complain(job, "health check", reason)
        else:
            self._failing.discard(job)
        job.pool.checked(job.endpoint, check, reason)

    async def _ask(self, job: Job) -> tuple[Check, str]:
        """What the endpoint said, and what there is to complain about."""
        try:
            # Its own connection each time: that it can be made is half of what is asked.
            async with self._get(job, {"connection": "close"}) as response:
                status = response.status
        except (aiohttp.ClientError, OSError, ValueError) as error:
            refused = isinstance(error, aiohttp.ClientConnectorError) and isinstance(
                error.os_error, ConnectionRefusedError
            )
            return Check.REFUSED if refused else Check.SILENT, _reason(error)
        if status < 300:
            return Check.PASSED, ""
        if status in _NO_SUCH_PAGE and not job.named:
            return Check.PASSED, f"status {status}; name the right path as health.path of the pool"
        return Check.REFUSED, f"status {status}"

    def _get(
        self, job: Job, headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        timeout = min(_LONGEST_TIMEOUT, max(_SHORTEST_TIMEOUT, job.interval))
        return self._session.get(
            job.url,
            headers={"accept-encoding": "identity", **job.pool.credentials, **_named(job), **(headers or {})},
            server_hostname=urlsplit(f"//{job.authority}").hostname if job.authority else None,
            timeout=aiohttp.ClientTimeout(total=timeout),
            allow_redirects=False,
        )

    def _complain(self, job: Job, event: str, reason: str) -> None:
        """Once per trouble, not once per second."""
        if job not in self._failing:
            self._failing.add(job)
            _log.warning(event, pool=job.pool.name, endpoint=job.endpoint.name, reason=reason)


def _named(job: Job) -> dict[str, str]:
    return {"host": job.authority} if job.authority else {}


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("monitor stopped", task=task.get_name(), exc_info=error)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
