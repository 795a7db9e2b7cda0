"""Whether a similar text's answer is served, and what becomes known of that: by asking the model all the same now and
then, a second model, or the clients. Nothing here fails a request or makes it wait, but for a judge inline."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import NamedTuple, Protocol

import structlog

from pointsman.cache.agree import agree
from pointsman.cache.categories import Category, Verify
from pointsman.cache.entry import Entry, Hit, Query
from pointsman.cache.verify import Considered, Estimate, Verifier
from pointsman.gateway.caching.opinion import TOKENS, question, verdict
from pointsman.gateway.caching.stored import answer_in
from pointsman.gateway.errors import RequestError
from pointsman.gateway.learning.requests import Key
from pointsman.gateway.observe.outcome import Labelled, Opined
from pointsman.gateway.observe.told import Compared
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.relay.aside import Aside
from pointsman.signals.encoder.batcher import Batcher
from pointsman.signals.encoder.encoding import EncoderError, excerpt

log = structlog.get_logger(__name__)

PENDING = 64
"""Comparisons and opinions under way or waiting; beyond them there are none."""
PAIRS = 50_000
"""Of a question and an entry of which it is known whether the answer fits."""
HITS = 20_000
"""That somebody may still say something of."""

_AT_ONCE = 4
"""Questions to judges."""
_BUSY = 0.8
"""Load of a judge's pool from which its own clients need what is left."""
_PATIENCE = 1.0
"""Seconds for the encoder."""
_GOOD, _BAD = 0.75, 0.25
"""Qualities from which feedback says that a hit was right, and up to which that it was wrong."""


class Hears(Protocol):
    def cache_opinion(self, category: str, told: str) -> None: ...
    def judge_asked(self, pool: str, cost: float | None) -> None: ...


class Pair(NamedTuple):
    """A question and the entry whose answer it might have."""

    category: str
    exact: bytes  # of the question
    asked: str
    entry: Entry
    similarity: float = 1.0
    considered: Considered | None = None  # None where it was not the verifier's to say

    @classmethod
    def of(cls, query: Query, entry: Entry) -> Pair:
        return cls(query.category, query.exact, query.text, entry)


class Opinion(NamedTuple):
    serve: bool
    pair: Pair
    waited: float = 0.0  # seconds, for a judge


Document = Callable[[Entry], Awaitable[bytes | None]]


class Verifying:
    """Belongs to the event loop, and outlasts reloads as the cache does."""

    def __init__(
        self,
        document: Document,
        aside: Aside,
        hears: Hears,
        tell: Callable[[Compared], None],
        random: Random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`tell` is told of every pair of which it becomes known whether the answer fits."""
        self._document = document
        self._aside = aside
        self._hears = hears
        self._tell = tell
        self._random = random
        self._clock = clock
        self._rules: dict[str, Verify] = {}
        self._verifiers: dict[str, Verifier] = {}
        self._pools: Mapping[str, Pool] = {}
        self._encoder: Batcher | None = None
        self._pairs: OrderedDict[tuple[bytes, str], bool] = OrderedDict()
        self._hits: OrderedDict[Key, Pair | None] = OrderedDict()  # None: there is nothing to learn from it, or no more
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(_AT_ONCE)

    @property
    def pending(self) -> int:
        return len(self._tasks)

    def configure(
        self, categories: Mapping[str, Category], pools: Mapping[str, Pool], encoder: Batcher | None = None
    ) -> None:
        """What was learned of a category stays as long as it is verified."""
        self._pools, self._encoder = pools, encoder
        self._rules = {name: category.verify for name, category in categories.items() if category.verify}
        before, self._verifiers = self._verifiers, {}
        for name, rule in self._rules.items():
            verifier = self._verifiers[name] = before.get(name) or Verifier(rule.error)
            verifier.error = rule.error

    def estimates(self) -> dict[str, Estimate]:
        """Share of wrong hits by category."""
        return {name: verifier.estimate() for name, verifier in self._verifiers.items()}

    # A question

    async def consider(self, query: Query, hit: Hit) -> Opinion:
        """Of a similar text that the cache would answer."""
        verifier, rule = self._verifiers.get(query.category), self._rules.get(query.category)
        pair = Pair.of(query, hit.entry)._replace(similarity=hit.similarity)
        if verifier is None or rule is None or hit.exact:
            return Opinion(True, pair)
        known = self._pairs.get(_key(pair))
        if known is not None:
            self._pairs.move_to_end(_key(pair))
            return Opinion(known, pair)
        considered = verifier.consider(hit.entry.id, hit.similarity, self._random.random())
        pair = pair._replace(considered=considered)
        if considered.serve or considered.hit or not (rule.judge and rule.inline):
            return Opinion(considered.serve, pair)
        since = time.perf_counter()
        return Opinion(await self._inline(pair, rule), pair, time.perf_counter() - since)

    def look(self, query: Query, hit: Hit) -> tuple[float, bool]:
        """For people: the chance that the hit is wrong, and whether it would be served, unless it is explored."""
        pair = Pair.of(query, hit.entry)
        known, verifier = self._pairs.get(_key(pair)), self._verifiers.get(query.category)
        if known is not None:
            return (0.0, True) if known else (1.0, False)
        return (0.0, True) if verifier is None or hit.exact else verifier.look(hit.entry.id, hit.similarity)

    def explored(self, pair: Pair, answer: str) -> None:
        """The model has answered the question itself."""
        if pair.considered is not None and _key(pair) not in self._pairs:
            self._start(pair, answer)

    def reasked(self, pair: Pair, before: bytes, answer: str) -> None:
        """The model has answered a text again to which there was a kept answer, in the document `before`."""
        verifier = self._verifiers.get(pair.category)
        told = _text_of(before)
        agreed = None if told is None else agree(told, answer)
        if verifier is not None and agreed is not None:
            verifier.observe(pair.entry.id, 1.0, agreed)
            self._told(pair, Labelled.REASK, agreed)

    # A hit

    def served(self, request: Key, pair: Pair) -> None:
        is_equal = pair.exact == pair.entry.exact  # that says nothing of similar texts
        self._hits[request] = None if is_equal else pair
        if len(self._hits) > HITS:
            self._hits.popitem(last=False)

    def knows(self, request: Key) -> bool:
        return request in self._hits

    def said(self, request: Key, quality: float) -> bool:
        """What a client says of a hit; whether anything is learned from it. It counts once."""
        pair = self._hits.get(request)
        if pair is None or _BAD < quality < _GOOD or pair.category not in self._verifiers:
            return False
        self._hits[request] = None
        self._label(pair, Labelled.FEEDBACK, quality >= _GOOD)
        return True

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # What becomes known

    async def _compare(self, pair: Pair, answer: str) -> None:
        document = await self._document(pair.entry)
        kept = None if document is None else _text_of(document)
        if kept is None:
            return
        agreed = agree(kept, answer)
        if agreed is None:
            agreed = agree(kept, answer, await self._closeness(kept, answer))
        if agreed is not None:
            self._label(pair, Labelled.ANSWER, agreed)
            return
        rule = self._rules.get(pair.category)
        if rule is not None and rule.judge is not None:
            async with self._places:
                await self._judge(pair, rule, kept)

    async def _closeness(self, one: str, other: str) -> float | None:
        """Cosine of what the encoder reads of two answers."""
        passages = [excerpt(one), excerpt(other)]
        if self._encoder is None or not all(passage.strip() for passage in passages):
            return None
        try:
            found = await self._encoder.encode(passages, _PATIENCE)
        except EncoderError:
            return None
        first, second = (found[passage].vector for passage in passages)
        return float(first @ second)

    async def _inline(self, pair: Pair, rule: Verify) -> bool:
        if self._places.locked():
            self._hears.cache_opinion(pair.category, Opined.BUSY)
            return False
        async with self._places:
            return await self._judge(pair, rule, None) is True

    async def _judge(self, pair: Pair, rule: Verify, kept: str | None) -> bool | None:
        told, same = await self._ask(pair, rule, kept)
        self._hears.cache_opinion(pair.category, told)
        if same is not None:
            self._label(pair, Labelled.JUDGE, same)
        return same

    async def _ask(self, pair: Pair, rule: Verify, kept: str | None) -> tuple[Opined, bool | None]:
        pool = self._pools.get(rule.judge or "")
        if pool is None:
            return Opined.FAILED, None
        load = pool.snapshot()
        if not load.healthy or (load.load or 0.0) > _BUSY:
            return Opined.BUSY, None
        try:
            said = await self._aside.ask(
                pool, question(pair.asked, pair.entry.text, kept),
                max_tokens=TOKENS, timeout=rule.timeout, request_id=f"cache-{pair.exact.hex()[:16]}",
            )  # fmt: skip
        except RequestError:
            return Opined.FAILED, None
        self._hears.judge_asked(pool.name, said.cost)
        same = verdict(said.text)
        if same is None:
            return Opined.UNCLEAR, None
        return Opined.SAME if same else Opined.DIFFERENT, same

    def _label(self, pair: Pair, source: Labelled, correct: bool) -> None:
        verifier = self._verifiers.get(pair.category)
        if verifier is not None and pair.considered is not None:
            verifier.learn(pair.considered, correct)
        self._pairs[_key(pair)] = correct
        self._pairs.move_to_end(_key(pair))
        if len(self._pairs) > PAIRS:
            self._pairs.popitem(last=False)
        self._told(pair, source, correct)

    def _told(self, pair: Pair, source: Labelled, correct: bool) -> None:
        entry = pair.entry
        self._tell(
            Compared(self._clock(), pair.category, source, correct, pair.similarity, entry.id, pair.asked, entry.text)
        )

    def _start(self, pair: Pair, answer: str) -> None:
        if len(self._tasks) >= PENDING:
            self._hears.cache_opinion(pair.category, Opined.DROPPED)
            return
        task = asyncio.create_task(self._compare(pair, answer))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("cache_verify_failed", exc_info=error)


def _key(pair: Pair) -> tuple[bytes, str]:
    return pair.exact, pair.entry.id


def _text_of(document: bytes) -> str | None:
    answer = answer_in(document)
    return None if answer is None else answer.text
