"""A fleet on a virtual clock: gateways that pick with the real balancers, engines that take their time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import NamedTuple

from pointsman.bench.fleet.arrivals import Arrival
from pointsman.bench.fleet.contestants import RANDOM, RandomPool
from pointsman.bench.fleet.instance import Instance
from pointsman.bench.fleet.traces import Row
from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.pools.lease import Lease, Result
from pointsman.gateway.pools.load import Reading
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.schema.pools import PoolConfig
from pointsman.gateway.sim import engine

_JITTER = 0.2  # as the gateway's monitor has it
_SAMPLE = 0.25  # seconds between two looks at how even the load is


@dataclass(frozen=True, slots=True)
class Setting:
    balancer: str
    instances: int
    gateways: int = 4
    scrape: float = 1.0  # seconds between two readings of one engine by one gateway


class Window(NamedTuple):
    """By order of arrival: how many come before those that are measured, and how many are measured."""

    warm: int
    measured: int


class Served(NamedTuple):
    """Times in seconds from the arrival."""

    first_token: float
    finished: float
    prompt: int
    output: int
    cached: int


@dataclass(slots=True)
class Story:
    """What happened in the window."""

    served: list[Served] = field(default_factory=list)
    seconds: float = 0.0  # from its first arrival to its last
    loads: list[tuple[int, ...]] = field(default_factory=list)  # requests at each instance, at several times


@dataclass(slots=True)
class _Run:
    """A request on its way."""

    arrival: Arrival
    lease: Lease
    measured: bool
    first: float = 0.0


def pool_config(setting: Setting) -> PoolConfig:
    return PoolConfig.model_validate(
        {
            "model": "bench/fleet",
            "engine": "vllm",
            "endpoints": [f"http://10.0.{number // 256}.{number % 256}:8000" for number in range(setting.instances)],
            "balance": "least_load" if setting.balancer == RANDOM else setting.balancer,
            "limits": {"inflight": 10**6},
            "scrape": f"{setting.scrape:g}s",
            "stale": f"{max(10.0, 3 * setting.scrape):g}s",
        }
    )


class World:
    """Events in the order of their times; those of the same time in the order of their making."""

    def __init__(self, setting: Setting, random: Random) -> None:
        self.now = 0.0
        # Each with its own: who asks which gateway must not depend on how often those look at the engines.
        self._entrance, self._ticks = Random(random.random()), Random(random.random())
        self._interval = setting.scrape
        config, kind = pool_config(setting), RandomPool if setting.balancer == RANDOM else Pool
        self._gateways = [
            kind("fleet", config, clock=self._clock, random=Random(random.random())) for _ in range(setting.gateways)
        ]
        self._instances = [Instance() for _ in range(setting.instances)]
        self._place = {e: number for pool in self._gateways for number, e in enumerate(pool.endpoints)}
        self._wakes: list[tuple[float, int]] = []  # time, instance
        self._waking = [0.0] * setting.instances
        self._scrapes: list[tuple[float, int, Pool, Endpoint]] = []
        self._runs: dict[engine.Sequence, _Run] = {}
        self._plan_scrapes()

    def _clock(self) -> float:
        return self.now

    def _plan_scrapes(self) -> None:
        for pool in self._gateways:
            for endpoint in pool.endpoints:
                entry = (self._ticks.random() * self._interval, len(self._scrapes), pool, endpoint)
                heappush(self._scrapes, entry)

    def play(self, arrivals: Iterator[Arrival], window: Window) -> Story:
        """Until all that are measured have ended; requests keep coming meanwhile."""
        story, last = Story(), window.warm + window.measured
        opened = closed = sampled = 0.0
        for number, arrival in enumerate(arrivals):
            if number >= last and len(story.served) == window.measured:
                break
            self._pass(arrival.time, story)
            measured = window.warm <= number < last
            if measured:
                opened, closed = opened if story.loads else arrival.time, arrival.time
                if arrival.time - sampled >= _SAMPLE or not story.loads:
                    sampled = arrival.time
                    story.loads.append(tuple(instance.present for instance in self._instances))
            self._arrive(arrival, measured)
        story.seconds = closed - opened
        for run in self._runs.values():
            run.lease.release(Result.CANCELLED)
        self._runs.clear()
        return story

    def _pass(self, until: float, story: Story) -> None:
        wakes, scrapes = self._wakes, self._scrapes
        while True:
            wake = wakes[0][0] if wakes else until
            scrape = scrapes[0][0]
            if min(wake, scrape) >= until:
                break
            if wake <= scrape:
                self._wake(story)
            else:
                self._scrape()
        self.now = until

    def _arrive(self, arrival: Arrival, measured: bool) -> None:
        pool = self._entrance.choice(self._gateways)
        lease = pool.try_lease(session=arrival.row.session)
        assert lease is not None
        number = self._place[lease.endpoint]
        instance = self._instances[number]
        idle = instance.idle and self._waking[number] <= self.now
        self._runs[instance.take(arrival.row, self.now)] = _Run(arrival, lease, measured)
        if idle:
            self._begin(number)
        else:
            until = instance.interrupt(self.now)
            if until is not None:
                self._sleep(number, until)

    def _begin(self, number: int) -> None:
        self._sleep(number, self._instances[number].begin(self.now))

    def _sleep(self, number: int, until: float) -> None:
        self._waking[number] = until
        heappush(self._wakes, (until, number))

    def _wake(self, story: Story) -> None:
        time, number = heappop(self._wakes)
        if time != self._waking[number]:
            return  # it was told to wake at another time
        self.now = time
        instance = self._instances[number]
        for token in instance.end():
            if token.position == 0 or token.finished:
                self._token(token, story)
        if not instance.idle:
            self._begin(number)

    def _token(self, token: engine.Token, story: Story) -> None:
        run = self._runs[token.sequence]
        if token.position == 0:
            run.first = self.now
            run.lease.first_byte()
        if token.finished:
            del self._runs[token.sequence]
            run.lease.release(Result.OK)
            if run.measured:
                story.served.append(self._served(run, token.sequence.cached or 0))

    def _served(self, run: _Run, cached: int) -> Served:
        came, row = run.arrival
        return Served(run.first - came, self.now - came, row.prompt, row.output, cached)

    def _scrape(self) -> None:
        time, order, pool, endpoint = heappop(self._scrapes)
        self.now = time
        instance = self._instances[self._place[endpoint]]
        waiting = len(instance.waiting)
        reading = Reading(float(instance.present - waiting), float(waiting), instance.kv_usage)
        pool.observed(endpoint, reading, endpoint.mark())
        due = time + self._interval * self._ticks.uniform(1 - _JITTER, 1 + _JITTER)
        heappush(self._scrapes, (due, order, pool, endpoint))


def saturated(rows: Sequence[Row]) -> float:
    """Requests per second of one instance that never runs out of them, while none finds its prefix cached."""
    instance, now = Instance(), 0.0
    sequences = [instance.take(row._replace(blocks=()), 0.0) for row in rows]
    while instance.waiting:
        now = instance.begin(now)
        instance.end()
    return sum(1 for sequence in sequences if sequence.finished) / now
