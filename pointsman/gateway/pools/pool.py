"""A pool: the endpoints that serve one model, who among them can take a request, and which one does."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random

import structlog

from pointsman.gateway.errors import PoolUnavailable
from pointsman.gateway.pools import health as step
from pointsman.gateway.pools.admission import Admission
from pointsman.gateway.pools.balance.base import Balancer
from pointsman.gateway.pools.balance.registry import BALANCERS
from pointsman.gateway.pools.credentials import credentials
from pointsman.gateway.pools.endpoint import Endpoint, Mark
from pointsman.gateway.pools.engines import SOURCES, health_path
from pointsman.gateway.pools.health import Check, Health, Result
from pointsman.gateway.pools.lease import Lease
from pointsman.gateway.pools.load import Reading
from pointsman.gateway.schema import PoolConfig
from pointsman.signals.facts import PoolLoad

_FREE_RETRIES = 3

_log = structlog.get_logger("pointsman.pools")


class Pool:
    """Single-threaded: everything happens on the event loop.

    What changes seldom (who is live, what the engines say) is summed up by `_refresh` when it changes, or
    when a reading or an ejection has run out (`_due`), so that a request pays for none of it."""

    config: PoolConfig
    credentials: Mapping[str, str]  # request headers
    endpoints: tuple[Endpoint, ...]
    _balancer: Balancer

    def __init__(
        self,
        name: str,
        config: PoolConfig,
        *,
        clock: Callable[[], float] = time.monotonic,
        random: Random = Random(),
    ) -> None:
        self.name = name
        self.clock = clock
        self._random = random
        self._admission = Admission(name, config.limits)
        self._live: Sequence[Endpoint] = ()
        self._due = 0.0
        self._beyond = 0.0
        self._waiting: float | None = None
        self._kv: float | None = None
        self._retries = 0
        self._adopt(config, {})

    def __repr__(self) -> str:
        return f"<Pool {self.name}>"

    @property
    def inflight(self) -> int:
        """Leases out."""
        return self._admission.inflight

    @property
    def waiting(self) -> int:
        """Requests in this gateway's queue."""
        return self._admission.waiting

    @property
    def live(self) -> bool:
        """An endpoint can take a request."""
        self._now()
        return bool(self._live)

    def snapshot(self) -> PoolLoad:
        self._now()
        inflight, waiting = self._admission.inflight, self._admission.waiting
        return PoolLoad(
            load=max(0.0, inflight + self._beyond) / self.config.limits.inflight,
            queue=None if self._waiting is None and not waiting else waiting + round(self._waiting or 0),
            inflight=inflight,
            kv=self._kv,
            healthy=bool(self._live),
        )

    async def lease(self, *, session: str | None = None, exclude: Collection[Endpoint] = ()) -> Lease:
        """Waits for a place. PoolFull, or PoolUnavailable if no endpoint outside `exclude` is live."""
        lease = self.try_lease(session=session, exclude=exclude)
        if lease is not None:
            return lease
        await self._admission.enter()
        try:
            candidates = self._candidates(exclude)
        except PoolUnavailable:
            self._admission.leave()
            raise
        return self._begin(candidates, session)

    def try_lease(self, *, session: str | None = None, exclude: Collection[Endpoint] = ()) -> Lease | None:
        """None if the pool is full; otherwise as `lease`."""
        candidates = self._candidates(exclude)
        return self._begin(candidates, session) if self._admission.try_enter() else None

    @contextmanager
    def retrying(self) -> Iterator[bool]:
        """Around a retry: whether the budget, a share of the requests that run, has room for it.

        As in Envoy a few are always allowed, so that a quiet pool can retry at all."""
        allowed = self._retries < max(_FREE_RETRIES, self.config.retry.budget * self.inflight)
        self._retries += allowed
        try:
            yield allowed
        finally:
            self._retries -= allowed

    def reconfigure(self, config: PoolConfig) -> None:
        """Endpoints that stay keep their leases, load and health; those that leave finish what they have."""
        old = self.config
        for endpoint in self.endpoints:
            if (config.engine, config.stale) != (old.engine, old.stale):
                endpoint.forget()
            if endpoint.health.down and health_path(config) != health_path(old):
                endpoint.health = step.PRESUMED_UP  # nobody may be left to say that it is up again
        self._adopt(config, {endpoint.url: endpoint for endpoint in self.endpoints})
        self._admission.configure(config.limits)

    def _adopt(self, config: PoolConfig, known: Mapping[str, Endpoint]) -> None:
        self.config = config
        self.credentials = credentials(config)
        self.endpoints = tuple(known.get(e.url) or Endpoint(e.url) for e in config.endpoints)
        for endpoint, given in zip(self.endpoints, config.endpoints, strict=True):
            endpoint.weight = given.weight
        self._balancer = BALANCERS[config.balance](self._random)
        self._refresh(self.clock())

    # What a lease reports

    def answered(self, lease: Lease) -> None:
        now = self.clock()
        lease.endpoint.latency.observe(now - lease.taken, now)
        if lease.probe:  # the answer may last for minutes; that it begins is enough
            self._judge(lease.endpoint, self._after(lease, Result.OK, now), now)

    def ended(self, lease: Lease, result: Result) -> None:
        now = self.clock()
        endpoint = lease.endpoint
        endpoint.inflight -= 1
        endpoint.released += 1
        health = self._after(lease, result, now)
        if health is not endpoint.health:
            self._judge(endpoint, health, now)
        self._admission.leave(now - lease.taken)

    def _after(self, lease: Lease, result: Result, now: float) -> Health:
        endpoint, eject = lease.endpoint, self.config.health.eject
        ejectable = result is Result.FAILED and self._can_do_without(endpoint)
        return step.ended(endpoint.health, result, now, eject, probe=lease.probe, ejectable=ejectable)

    def _can_do_without(self, endpoint: Endpoint) -> bool:
        others = [e.health for e in self.endpoints if e is not endpoint]
        return step.ejectable(others, self.config.health.eject.max)

    # What the monitor reports

    def observed(self, endpoint: Endpoint, reading: Reading, mark: Mark) -> None:
        now = self.clock()
        endpoint.read(reading, mark, now + self.config.stale)
        self._refresh(now)

    def checked(self, endpoint: Endpoint, check: Check) -> None:
        health = step.checked(endpoint.health, check)
        if health is not endpoint.health:
            self._judge(endpoint, health, self.clock())

    # State

    def _judge(self, endpoint: Endpoint, health: Health, now: float) -> None:
        before, after = endpoint.health.phase(now), health.phase(now)
        endpoint.health = health
        self._refresh(now)
        if before is not after:
            log = _log.info if after is step.Phase.UP else _log.warning
            log("endpoint", pool=self.name, endpoint=endpoint.name, state=after.value, before=before.value)

    def _now(self) -> float:
        now = self.clock()
        if now >= self._due:
            self._refresh(now)
        return now

    def _refresh(self, now: float) -> None:
        due = float("inf")
        for endpoint in self.endpoints:
            if endpoint.reading is not None and now >= endpoint.fresh_until:
                endpoint.forget()
            if endpoint.reading is not None:
                due = min(due, endpoint.fresh_until)
            health = endpoint.health
            if health.until is not None and health.until > now:
                due = min(due, health.until)
            endpoint.up = health.takes(now)
        self._due = due
        # Failed requests never take the whole pool away: better a doubtful endpoint than none.
        self._live = [e for e in self.endpoints if e.up] or [e for e in self.endpoints if not e.health.down]
        self._sum_up()
        if not self._live and self._admission.waiting:
            self._admission.refuse(self._unavailable)

    def _sum_up(self) -> None:
        self._beyond = sum(e.beyond for e in self.endpoints)
        readings = [e.reading for e in self._live if e.reading is not None]
        waiting = [r.waiting for r in readings if r.waiting is not None]
        known = waiting or not SOURCES[self.config.engine].waiting  # an engine without a count adds nothing
        self._waiting = sum(waiting) if known else None
        self._kv = max((r.kv for r in readings if r.kv is not None), default=None)

    def _candidates(self, exclude: Collection[Endpoint]) -> Sequence[Endpoint]:
        self._now()
        candidates = [e for e in self._live if e not in exclude] if exclude else self._live
        if not candidates:
            raise self._unavailable()
        return candidates

    def _begin(self, candidates: Sequence[Endpoint], session: str | None) -> Lease:
        """Turn a place in the pool into a lease."""
        now = self.clock()
        endpoint = self._balancer.pick(candidates, now, session)
        endpoint.inflight += 1
        probe = False
        if endpoint.health.until is not None:
            endpoint.health, probe = step.sent(endpoint.health)
            self._refresh(now)
        return Lease(self, endpoint, now, probe=probe)

    def _unavailable(self) -> PoolUnavailable:
        return PoolUnavailable(
            f"Pool {self.name!r} has no endpoint that can take this request. "
            "Try again later, or look at the endpoints' health.",
            retry_after=self.config.health.interval,
        )


def reconcile(
    old: Mapping[str, Pool],
    configs: Mapping[str, PoolConfig],
    *,
    clock: Callable[[], float] = time.monotonic,
    random: Random = Random(),
) -> dict[str, Pool]:
    """The pools of a new configuration; those that it keeps are the same objects."""
    pools = {}
    for name, config in configs.items():
        if name in old:
            old[name].reconfigure(config)
        pools[name] = old.get(name) or Pool(name, config, clock=clock, random=random)
    return pools
