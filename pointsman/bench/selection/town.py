"""A fleet of several models on a virtual clock: real pools and selectors before simulated engines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import NamedTuple

from pointsman.bench.fleet.instance import Instance
from pointsman.bench.fleet.traces import BLOCK, Row
from pointsman.gateway.pools.claim import Claim
from pointsman.gateway.pools.fleet import fleet
from pointsman.gateway.pools.lease import Lease, Result
from pointsman.gateway.pools.load import Reading
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.schema.pools import PoolConfig
from pointsman.gateway.sim.engine import EngineOptions, Token
from pointsman.gateway.sim.engine import Sequence as Running
from pointsman.policies.select.context import Candidate, Context
from pointsman.signals.facts import Facts, Message, Route
from pointsman.signals.prompt import Prompt

_SCRAPE, _JITTER = 1.0, 0.2
_BLOCKS = 128


class Kind(NamedTuple):
    """A model and the instances that serve it."""

    name: str
    instances: int
    places: int  # requests that one runs at once
    prefill: float  # tokens per second
    alone: float  # seconds per token of a request that runs alone
    full: float  # and when all places are taken
    price: float  # USD per million tokens

    @property
    def engine(self) -> EngineOptions:
        step = (self.full - self.alone) / (self.places - 1)
        return EngineOptions(
            prefill_rate=self.prefill, step_base=self.alone - step, step_per_sequence=step, max_num_seqs=self.places,
            block_size=BLOCK, num_blocks=_BLOCKS, max_model_len=_BLOCKS * BLOCK,
        )  # fmt: skip

    @property
    def tokens_per_second(self) -> float:
        return self.instances * self.places / self.full


KINDS = (
    Kind("3b", 3, 10, 3000, 1 / 150, 0.0123, 0.06),
    Kind("7b", 5, 6, 2000, 1 / 100, 0.0206, 0.10),
    Kind("14b", 3, 4, 1200, 1 / 60, 0.0184, 0.25),
    Kind("72b", 2, 2, 800, 1 / 30, 0.0474, 0.90),
)
"""Qwen2.5 on A30 (3B, 7B), V100 (14B) and A100 (72B), as RouteBalance (2606.17949) measured them."""


class Question(NamedTuple):
    prompt: Prompt
    tokens: int
    qualities: tuple[float, ...]  # of the answers of each kind


class Ask(NamedTuple):
    time: float
    question: Question
    output: int  # tokens


class Told(NamedTuple):
    """What became of one request."""

    kind: int
    seconds: float  # until the whole answer was there
    first: float  # until its first token was
    quality: float
    cost: float  # USD


@dataclass(frozen=True, slots=True)
class Contender:
    name: str
    choose: Callable[[Context], tuple[str, str | None]]  # → pool, endpoint
    learns: bool = True  # latencies; lengths of answers always are
    service: tuple[float, float] = (0.01, 0.01)  # seconds of a decision, of which there is one at a time
    stated: bool = False  # whether pools state their speed


@dataclass(slots=True)
class _Run:
    ask: Ask
    lease: Lease
    kind: int
    number: int
    first: float = 0.0


class Town:
    """Events in the order of their times; those of the same time in the order of their making."""

    def __init__(self, contender: Contender, candidates: Sequence[Candidate], random: Random) -> None:
        self.now = 0.0
        self._turns = 0
        self._contender = contender
        self._random = random
        self._free = 0.0  # when the next decision can begin
        self._order = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._pools: dict[str, Pool] = {}
        self._instances: dict[str, Instance] = {}
        self._waking: dict[str, float] = {}
        self._runs: dict[Running, _Run] = {}
        self._told: dict[int, Told] = {}
        for place, (kind, candidate) in enumerate(zip(KINDS, candidates, strict=True)):
            config = pool_config(kind, place, candidate, stated=self._contender.stated)
            pool = Pool(kind.name, config, clock=lambda: self.now, random=Random(self._random.random()))
            self._pools[kind.name] = pool
            for endpoint in pool.endpoints:
                self._instances[endpoint.name] = Instance(kind.engine)
                self._waking[endpoint.name] = -1.0
                self._at(self._random.random() * _SCRAPE, self._scraper(pool, endpoint.name))

    def play(self, asks: Iterable[Ask], warm: int, measured: int) -> list[Told]:
        """What became of those after the first `warm`; others keep coming until all have their answers."""
        last = warm + measured
        for number, ask in enumerate(asks):
            if number >= last and len(self._told) == measured:
                break
            self._pass(ask.time)
            self._free = max(self._free, self.now) + self._random.uniform(*self._contender.service)
            self._at(self._free, self._sender(ask, number if warm <= number < last else -1))
        for run in self._runs.values():
            run.lease.release(Result.CANCELLED)
        return [self._told[number] for number in range(warm, last)]

    def _context(self, question: Question) -> Context:
        facts = Facts(Route.CHAT, stream=True, read_messages=lambda: [Message("user", "")])
        facts.prompt_tokens = question.tokens
        return Context(
            facts,
            lambda name: self._pools[name].snapshot(),
            question.prompt,
            turn=self._turns,
            forecast=lambda name: self._pools[name].forecast(),
            fleet=lambda names, tokens: fleet([self._pools[name] for name in names], tokens),
        )

    def _at(self, time: float, act: Callable[[], None]) -> None:
        heappush(self._events, (time, next(self._order), act))

    def _pass(self, until: float) -> None:
        events = self._events
        while events[0][0] < until:
            self.now, _, act = heappop(events)
            act()
        self.now = until

    def _sender(self, ask: Ask, number: int) -> Callable[[], None]:
        return lambda: self._send(ask, number)

    def _send(self, ask: Ask, number: int) -> None:
        name, prefer = self._contender.choose(self._context(ask.question))
        self._turns += 1
        lease = self._pools[name].try_lease(Claim(tokens=ask.question.tokens), prefer=prefer)
        assert lease is not None
        place = lease.endpoint.name
        instance = self._instances[place]
        idle = instance.idle and self._waking[place] <= self.now
        running = instance.take(Row(0.0, ask.question.tokens, ask.output), self.now)
        self._runs[running] = _Run(ask, lease, [*self._pools].index(name), number)
        if idle:
            self._begin(place)
        elif (until := instance.interrupt(self.now)) is not None:
            self._sleep(place, until)

    def _begin(self, place: str) -> None:
        self._sleep(place, self._instances[place].begin(self.now))

    def _sleep(self, place: str, until: float) -> None:
        self._waking[place] = until
        self._at(until, lambda: self._wake(place, until))

    def _wake(self, place: str, time: float) -> None:
        if time != self._waking[place]:
            return  # it was told to wake at another time
        instance = self._instances[place]
        for token in instance.end():
            if token.position == 0 or token.finished:
                self._token(token)
        if not instance.idle:
            self._begin(place)

    def _token(self, token: Token) -> None:
        run, learns = self._runs[token.sequence], self._contender.learns
        lease = run.lease
        if token.position == 0:
            run.first = self.now
            if learns:
                lease.first_token()
            else:
                lease.first_byte()
        if token.finished:
            del self._runs[token.sequence]
            if learns:
                lease.spoke(run.ask.output)
            else:
                lease.pool.outlook.spoke(run.ask.output, None, self.now - lease.taken)
            lease.release(Result.OK)
            if run.number >= 0:
                self._told[run.number] = self._tell(run)

    def _tell(self, run: _Run) -> Told:
        ask, kind = run.ask, run.kind
        cost = (ask.question.tokens + ask.output) * KINDS[kind].price / 1e6
        return Told(kind, self.now - ask.time, run.first - ask.time, ask.question.qualities[kind], cost)

    def _scraper(self, pool: Pool, name: str) -> Callable[[], None]:
        endpoint = next(e for e in pool.endpoints if e.name == name)
        instance = self._instances[name]

        def scrape() -> None:
            waiting = len(instance.waiting)
            reading = Reading(float(instance.present - waiting), float(waiting), instance.kv_usage)
            pool.observed(endpoint, reading, endpoint.mark())
            self._at(self.now + _SCRAPE * self._random.uniform(1 - _JITTER, 1 + _JITTER), scrape)

        return scrape


def pool_config(kind: Kind, place: int, candidate: Candidate, *, stated: bool) -> PoolConfig:
    speed = {"ttft": "100ms", "tpot": f"{kind.full * 1000:g}ms"} if stated else {}
    return PoolConfig.model_validate(
        {
            "model": kind.name,
            "engine": "vllm",
            "endpoints": [f"http://10.0.{place}.{number}:8000" for number in range(kind.instances)],
            "price": {"input": kind.price, "output": kind.price},
            "quality": dict(candidate.quality),
            "limits": {"inflight": 10**6},
            "speed": speed,
            "health": {"eject": {"slow": 0}},
        }
    )
