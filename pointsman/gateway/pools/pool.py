"""A pool: the endpoints that serve one model, who among them can take a request, and which one does."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random

import structlog

from pointsman.gateway.errors import DeadlineUnreachable, PoolFull, PoolUnavailable
from pointsman.gateway.pools import health as step
from pointsman.gateway.pools.admission import Admission
from pointsman.gateway.pools.balance.base import Balancer
from pointsman.gateway.pools.balance.registry import BALANCERS
from pointsman.gateway.pools.claim import PLAIN, Claim
from pointsman.gateway.pools.credentials import credentials
from pointsman.gateway.pools.endpoint import Endpoint, Mark
from pointsman.gateway.pools.engines import SOURCES, health_path
from pointsman.gateway.pools.events import UNHEARD, Events
from pointsman.gateway.pools.fleet import Table
from pointsman.gateway.pools.health import Check, Result
from pointsman.gateway.pools.lease import Lease
from pointsman.gateway.pools.load import Reading
from pointsman.gateway.pools.outlook import Outlook
from pointsman.gateway.pools.predict import Asked
from pointsman.gateway.pools.promise import idle, in_time, soonest
from pointsman.gateway.pools.recent import Recent
from pointsman.gateway.pools.referee import Referee
from pointsman.gateway.pools.roster import Member, Roster
from pointsman.gateway.schema.pools import Balance, PoolConfig
from pointsman.policies.select.context import Forecast
from pointsman.signals.facts import PoolLoad

_FREE_RETRIES = 3
_FEW = 16
"""Endpoints up to which every reading is summed up at once."""
_BREATH = 0.0005
"""Seconds for each of the others between two sums."""

_TELLING = 8
"""Tokens of an answer below which it says little of the time that each takes."""

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
        events: Events = UNHEARD,
    ) -> None:
        self.name = name
        self.clock = clock
        self._random = random
        self._events = events
        self._admission = Admission(name, config.limits, clock, events)
        self._referee = Referee(name, self._refresh)
        self.roster = Roster()
        self.endpoints = ()
        self._members: tuple[Member, ...] = ()
        self._leaving: list[Endpoint] = []
        self._live: Sequence[Endpoint] = ()
        self._free: Sequence[Endpoint] = ()  # those that are asked first
        self._due = 0.0
        self._refreshed = 0.0
        self._beyond = 0.0
        self._waiting: float | None = None
        self._kv: float | None = None
        self.outlook = Outlook()
        self.places: float | None = None  # of the endpoint that showed last how many it has
        self._table: Table | None = None  # if somebody has asked for it
        self._retries = 0
        self._hedges = 0
        self._adopt(config)

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

    @property
    def first_tokens(self) -> Recent:
        """Seconds from lease to first token."""
        return self.outlook.first_tokens

    def predicted_wait(self, claim: Claim = PLAIN) -> float | None:
        """Seconds until `claim` would have a place; None if nothing is known yet."""
        return self._admission.predicted_wait(claim)

    def forecast(self) -> Forecast:
        """Of the next answer."""
        return self.outlook.forecast(self.config.speed.ttft, self.config.speed.tpot)

    def table(self) -> Table:
        """The endpoints that are asked first, and how they are now."""
        self._now()
        table = self._table
        if table is None:
            table = self._table = Table(self._free)
        if table.touched:
            table.bring_up(self)
        return table

    async def lease(
        self,
        claim: Claim = PLAIN,
        *,
        session: str | None = None,
        exclude: Collection[Endpoint] = (),
        prefer: str | None = None,
    ) -> Lease:
        """Waits for a place. PoolFull, PoolUnavailable if no endpoint outside `exclude` is live, or
        DeadlineUnreachable if none can begin the answer in time. `prefer` names the endpoint that is taken if it can,
        unless the session has one of its own."""
        lease = self.try_lease(claim, session=session, exclude=exclude, prefer=prefer)
        if lease is not None:
            return lease
        latest = None if claim.deadline is None else self._latest(claim, claim.deadline, exclude)
        await self._admission.enter(claim, latest)
        try:
            candidates = self._candidates(exclude)
            if claim.deadline is not None:
                candidates = self._in_time(claim, claim.deadline, candidates, waited=True)
        except (PoolUnavailable, DeadlineUnreachable):
            self._admission.leave()
            raise
        return self._begin(candidates, claim, session, prefer)

    def try_lease(
        self,
        claim: Claim = PLAIN,
        *,
        session: str | None = None,
        exclude: Collection[Endpoint] = (),
        prefer: str | None = None,
    ) -> Lease | None:
        """None if the pool is full; otherwise as `lease`."""
        candidates = self._candidates(exclude)
        if claim.deadline is not None and not self._admission.full:
            candidates = self._in_time(claim, claim.deadline, candidates)
        return self._begin(candidates, claim, session, prefer) if self._admission.try_enter() else None

    def overflow(self, claim: Claim) -> PoolFull:
        """What to tell a request that does not wait when `try_lease` gave it nothing."""
        return self._admission.overflow(claim)

    def _in_time(
        self, claim: Claim, deadline: float, candidates: Sequence[Endpoint], *, waited: bool = False
    ) -> Sequence[Endpoint]:
        """The candidates that may begin the answer before `deadline`."""
        now = self.clock()
        left, tokens = deadline - now, self._tokens(claim)
        if left > 0 and tokens is None:
            return candidates
        fitting = in_time(candidates, tokens or 0, left, now) if left > 0 else ()
        if fitting:
            return fitting
        first = soonest(candidates, tokens) if tokens is not None else 0.0
        never = tokens is not None and not waited and idle(candidates, tokens) > left > 0
        raise self._admission.unreachable(claim, 0.0, first, left, never=never)

    def _latest(self, claim: Claim, deadline: float, exclude: Collection[Endpoint]) -> float:
        """Until when a place is of use."""
        candidates, tokens = self._candidates(exclude), self._tokens(claim)
        left = deadline - self.clock()
        first = soonest(candidates, tokens) if tokens is not None else 0.0
        wait = self._admission.predicted_wait(claim) or 0.0
        if wait + first > left:
            never = tokens is not None and idle(candidates, tokens) > left > 0
            raise self._admission.unreachable(claim, wait, first, left, never=never)
        return deadline - first

    def _tokens(self, claim: Claim) -> int | None:
        """An image's bytes are no tokens, but no prompt is longer than the context."""
        tokens, context = claim.tokens, self.config.context
        return tokens if tokens is None or context is None else min(tokens, context)

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

    @contextmanager
    def hedging(self, budget: float) -> Iterator[bool]:
        """Around a hedge: whether `budget`, a share of the requests that run, has room for it."""
        allowed = self._hedges < max(1.0, budget * self.inflight)
        self._hedges += allowed
        try:
            yield allowed
        finally:
            self._hedges -= allowed

    def reconfigure(self, config: PoolConfig) -> None:
        """Endpoints that stay keep their leases, load and health; those that leave finish what they have."""
        old = self.config
        for endpoint in self.endpoints:
            if (config.engine, config.stale) != (old.engine, old.stale):
                endpoint.forget()
            if endpoint.health.down and health_path(config) != health_path(old):
                endpoint.health = step.PRESUMED_UP  # nobody may be left to say that it is up again
        if config.discover != old.discover:
            # What served goes on serving until the new discovery has answered.
            self.roster.list_found(self.roster.members if config.discover else ())
        self._adopt(config)
        self._admission.configure(config.limits)

    def _adopt(self, config: PoolConfig) -> None:
        self.config = config
        self.outlook.forget()
        self.credentials = credentials(config)
        self.roster.list_file(Member(e.url, e.weight) for e in config.endpoints)
        self._seat()

    def regroup(self) -> bool:
        """Take over what the roster says now; whether that is anything new."""
        if self.roster.members == self._members:
            return False
        self._seat()
        return True

    def _seat(self) -> None:
        """Endpoints are known by their URLs; one that comes back while it still has requests is the same."""
        known = {e.url: e for e in (*self._leaving, *self.endpoints)}
        before, self._members = self._members, self.roster.members
        self.endpoints = tuple(known.pop(m.url) if m.url in known else Endpoint(m.url) for m in self._members)
        for endpoint, member in zip(self.endpoints, self._members, strict=True):
            endpoint.seat(member)
        self._referee.seat(self.endpoints, self.config.health.eject)
        self._leaving = [e for e in known.values() if e.inflight]
        self._balancer = BALANCERS[self.config.balance](self._random)
        self._table = None
        self._refresh(self.clock())
        if before and not self._members:
            _log.warning("pool_empty", pool=self.name)

    # What a lease reports

    def answered(self, lease: Lease, *, token: bool = False) -> None:
        now = self.clock()
        lease.endpoint.latency.observe(now - lease.taken, now)
        if token:
            lease.began = now
            self.outlook.began(now - lease.taken)
        if token and lease.asked is not None:
            error = lease.endpoint.ttft.observe(lease.asked, now - lease.taken, now)
            if error is not None:
                self._events.predicted(self.name, error)
        self._referee.began(lease, now, token=token)
        self._touch(lease.endpoint)

    def spoke(self, lease: Lease, tokens: int) -> None:
        now, endpoint, pace = self.clock(), lease.endpoint, None
        if tokens >= _TELLING:
            if lease.began is not None:
                pace = (now - lease.began) / (tokens - 1)
            else:
                pace = max(0.0, now - lease.taken - (self.outlook.ttft or 0.0)) / tokens
            endpoint.pace.observe((lease.ahead + max(0.0, endpoint.load - 1)) / 2, pace)
        self.outlook.spoke(tokens, pace, now - lease.taken)
        self._touch(endpoint)

    def ended(self, lease: Lease, result: Result, retry_after: float | None = None) -> None:
        now = self.clock()
        endpoint = lease.endpoint
        endpoint.inflight -= 1
        endpoint.released += 1
        self._touch(endpoint)
        self._referee.ended(lease, result, retry_after, now)
        self._admission.leave(now - lease.taken)

    # What the monitor reports

    def observed(self, endpoint: Endpoint, reading: Reading, mark: Mark) -> None:
        now = self.clock()
        endpoint.read(reading, mark, now + self.config.stale)
        self.places = endpoint.places or self.places
        self._touch(endpoint)
        # A pick looks at the endpoint itself. To sum up all for each reading of each would take a large pool's time.
        others = len(self.endpoints) - _FEW
        self._due = min(self._due, self._refreshed + others * _BREATH if others > 0 else now)

    def checked(self, endpoint: Endpoint, check: Check, complaint: str = "") -> None:
        self._referee.checked(endpoint, check, complaint, self.clock())

    # State

    def _touch(self, endpoint: Endpoint) -> None:
        if self._table is not None:
            self._table.touched.add(endpoint)

    def _now(self) -> float:
        now = self.clock()
        if now >= self._due:
            self._refresh(now)
        return now

    def _refresh(self, now: float) -> None:
        self._refreshed = now
        due = float("inf")
        for endpoint in self.endpoints:
            if endpoint.reading is not None and now >= endpoint.fresh_until:
                endpoint.forget()
                self._touch(endpoint)
            if endpoint.reading is not None:
                due = min(due, endpoint.fresh_until)
            health = endpoint.health
            if health.until is not None and health.until > now:
                due = min(due, health.until)
            if endpoint.busy.until > now:
                due = min(due, endpoint.busy.until)
            endpoint.turn(now)
        self._due = due
        # Failed requests never take the whole pool away: better a doubtful endpoint than none. What checks say
        # does; but where somebody is there at all, one request at a time may find out whether it is true.
        self._live = [e for e in self.endpoints if e.up] or [
            e for e in self.endpoints if not e.health.down and not e.draining
        ]
        self._free = [e for e in self._live if e.busy.until <= now] or self._live or self._last_resort(now)
        if self._table is not None and self._table.endpoints != tuple(self._free):
            self._table = None
        self._sum_up()
        if not self._live and self._admission.waiting:
            self._admission.refuse(self._unavailable)

    def _last_resort(self, now: float) -> Sequence[Endpoint]:
        return [e for e in self.endpoints if e.health.may_be_well(now) and e.busy.until <= now and not e.draining]

    def _sum_up(self) -> None:
        self._beyond = sum(e.beyond for e in self.endpoints)
        readings = [e.reading for e in self._live if e.reading is not None]
        waiting = [r.waiting for r in readings if r.waiting is not None]
        known = waiting or not SOURCES[self.config.engine].waiting  # an engine without a count adds nothing
        self._waiting = sum(waiting) if known else None
        self._kv = max((r.kv for r in readings if r.kv is not None), default=None)

    def _candidates(self, exclude: Collection[Endpoint]) -> Sequence[Endpoint]:
        self._now()
        candidates = self._free
        if exclude:
            candidates = self._others(exclude)
        if not candidates:
            raise self._unavailable()
        return candidates

    def _others(self, exclude: Collection[Endpoint]) -> Sequence[Endpoint]:
        """For another try: before it fails for want of endpoints, one that was ejected may help."""
        for offered in (self._free, self._live, [e for e in self.endpoints if not e.health.down and not e.draining]):
            if others := [e for e in offered if e not in exclude]:
                return others
        return ()

    def _begin(self, candidates: Sequence[Endpoint], claim: Claim, session: str | None, prefer: str | None) -> Lease:
        """Turn a place in the pool into a lease."""
        now = self.clock()
        endpoint = self._preferred(candidates, session, prefer) if prefer is not None else None
        if endpoint is None:
            endpoint = candidates[0] if len(candidates) == 1 else self._balancer.pick(candidates, now, session)
        tokens = self._tokens(claim) if claim.stream else None
        asked = Asked(tokens, endpoint.load, endpoint.ttft.fit) if tokens is not None else None
        if claim.deadline is not None and claim.tokens is not None:
            endpoint.ttft.look(now)
        ahead = endpoint.load
        endpoint.inflight += 1
        self._touch(endpoint)
        probe = False
        if not endpoint.health.trusted:
            endpoint.health, probe = step.sent(endpoint.health)
            self._refresh(now)
        lease = Lease(self, endpoint, now, probe=probe)
        lease.asked, lease.ahead = asked, ahead
        return lease

    def _preferred(self, candidates: Sequence[Endpoint], session: str | None, name: str) -> Endpoint | None:
        if session is not None and self.config.balance is Balance.SESSION:
            return None  # its prefix is cached elsewhere
        return next((endpoint for endpoint in candidates if endpoint.name == name), None)

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
    events: Events = UNHEARD,
) -> dict[str, Pool]:
    """The pools of a new configuration; those that it keeps are the same objects."""
    pools = {}
    for name, config in configs.items():
        if name in old:
            old[name].reconfigure(config)
        pools[name] = old.get(name) or Pool(name, config, clock=clock, random=random, events=events)
    return pools
