"""One request of a decision that caches: what it is looked up as, and what is kept of its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from uuid import uuid4

import structlog

from pointsman.cache.categories import Category, Loosen
from pointsman.cache.entry import Entry, Hit, Query, Vector
from pointsman.cache.examples import Example, Reuse
from pointsman.cache.flight import Flights
from pointsman.cache.index import quantised
from pointsman.gateway.caching.admission import Admitted, admit_form, refuse, refuse_text
from pointsman.gateway.caching.asking import candidates_of, epoch_of, query_of
from pointsman.gateway.caching.flying import LONGEST, Call, key_of
from pointsman.gateway.caching.said import Said, read_said
from pointsman.gateway.caching.service import Caching
from pointsman.gateway.caching.stored import Kept, keep, render
from pointsman.gateway.caching.verifying import Pair
from pointsman.gateway.learning.requests import Key
from pointsman.gateway.observe.outcome import Cached, Chosen, Uncached
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.routing import UNASKED, Routed
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.wire.inbound import Inbound
from pointsman.signals.facts import Facts

log = structlog.get_logger(__name__)

_LARGE = 64 * 1024
"""Bytes from which an answer is read beside the event loop."""

STIFF = Loosen()

Encode = Callable[[str], Awaitable[Vector | None]]
"""None if the encoder cannot answer in time."""


class Visit:
    """`find`, and if that has nothing `tap` while the answer goes to the client and `keep` when it has all of it."""

    def __init__(
        self, runtime: Runtime, caching: Caching, category: Category, inbound: Inbound, facts: Facts, routed: Routed
    ) -> None:
        self._pools = runtime.pools
        self._caching = caching
        self._category = category
        self._inbound = inbound
        self._began = caching.clock()
        self._parts: list[bytes] | None = []  # of the answer
        self._size = 0
        self._query: Query | None = None
        self._landings = caching.flights.landings
        self._vector: Vector | None = None
        self.hit: Hit | None = None
        self.waited = 0.0  # seconds, for a judge
        self.pair: Pair | None = None  # the entry of the hit, or the one that the answer is compared with
        self.cached = Cached(category.name)
        said = read_said(inbound)
        self._admitted = admit_form(inbound, facts, said, category, runtime.signals, routed.readings.values)
        if caching.cache.is_off(category.name, self._began):
            self._admitted = Admitted(looks=False, keeps=False, similar=False, why=Uncached.OFF)
        if self._admitted.keeps and said is not None:
            self._query = self._asks(said, facts, candidates_of(runtime, routed.candidates), epoch_of(runtime))
        self._refused(self._admitted.why)

    @property
    def keeps(self) -> bool:
        """Whether the answer may be kept, as far as is known before it."""
        return self._query is not None

    @property
    def flights(self) -> Flights[Call]:
        return self._caching.flights

    @property
    def key(self) -> Hashable | None:
        """Of requests that may have each other's answer while it comes; None if only an answer of its own will do."""
        query = self._query
        return None if query is None or not self._admitted.looks else key_of(query.exact, query.asker, self._inbound)

    @property
    def is_late(self) -> bool:
        """Whether an answer may have been kept since it was looked for."""
        return self._landings != self._caching.flights.landings

    async def again(self) -> bytes | None:
        """Look for an equal question's answer once more."""
        self._landings = self._caching.flights.landings
        query = self._query
        return None if query is None else await self._told(query, self._caching.cache.again(query))

    @property
    def result(self) -> str:
        """As `x-pointsman-cache` says it."""
        if self._query is None or not self._admitted.looks:
            return "bypass"
        return "miss" if self.hit is None else "exact" if self.hit.exact else "hit"

    def note(self, journal: Journal) -> None:
        """What came of it."""
        journal.cache, journal.cached = self.result, self.cached
        pool = None if self.hit is None else self._pools.get(self.hit.entry.pool)
        if pool is not None:
            journal.chosen = Chosen(pool.name, pool.config.model, None, UNASKED.by)

    def served(self, request: Key) -> None:
        """The client has a kept answer, of which somebody may say something."""
        if self.pair is not None and self._caching.verifying is not None:
            self._caching.verifying.served(request, self.pair)

    async def find(self, encode: Encode) -> bytes | None:
        """A kept answer in the form that the client wants."""
        query, began = self._query, time.perf_counter()
        if query is None:
            return None
        cache, body = self._caching.cache, None
        if self._admitted.looks:
            body = await self._told(query, cache.exact(query))
        why = refuse_text(query.text, self._category) if body is None else None
        if why is not None:
            self._query = None
            self._refuse(why)
            return None
        waited = 0.0
        if body is None and self._admitted.similar:
            since = time.perf_counter()
            self._vector = await encode(query.text)
            waited = time.perf_counter() - since
            if self._vector is None:
                self._refused(Uncached.ENCODER)
            elif self._admitted.looks:
                body = await self._similar(query, self._vector)
        seconds = time.perf_counter() - began
        self.cached = self.cached._replace(seconds=seconds - waited - self.waited)
        if self._admitted.looks:
            cache.looked(query.category, seconds)
        return body

    def near(self) -> None:
        """Note what was nearest although it was not taken, for those who want to know why."""
        if self.hit is not None or self._query is None or self._vector is None or not self._admitted.looks:
            return
        for near in self._caching.cache.neighbours(self._query, self._vector, 1):
            self.cached = self.cached._replace(similarity=min(1.0, near.hit.similarity), guard=near.refusal)

    def examples(self, rule: Reuse) -> list[Example]:
        """Kept answers that a model may be shown with the question. None where its answer is to say whether a kept one
        is right: it would but repeat it."""
        query, vector = self._query, self._vector
        if query is None or vector is None or not self._admitted.looks or self.pair is not None:
            return []
        return self._caching.cache.examples(query, vector, rule.similarity, rule.sources)

    def tap(self, data: bytes) -> None:
        """Some bytes of the answer have gone to the client."""
        if self._parts is None:
            return
        self._size += len(data)
        if self._size > LONGEST:
            self._parts = None
        else:
            self._parts.append(data)

    async def keep(self, journal: Journal, *, whole: bool) -> None:
        """Right after the end of the answer; `whole`: all of it was sent."""
        query, seconds = self._query, self._caching.clock() - self._began
        if query is None:
            return
        if not whole or journal.error_source is not None:
            self._refused(Uncached.FAILED)
            return
        if self._parts is None:
            self._refused(Uncached.LARGE)
            return
        body, self._parts = b"".join(self._parts), None
        read = asyncio.to_thread(self._read, body, journal) if len(body) > _LARGE else None
        kept, why = self._read(body, journal) if read is None else await read
        if kept is None:
            self._refused(why)
            return
        await self._compare_again(query, kept.answer.text)
        self._insert(query, kept, journal, seconds)
        self._compare(kept.answer.text)

    def _asks(self, said: Said, facts: Facts, candidates: Sequence[str], epoch: str) -> Query | None:
        found = query_of(
            self._caching, self._category, self._inbound, facts, said, candidates, epoch, self._began
        )  # fmt: skip
        if isinstance(found, Uncached):
            self._admitted = Admitted(looks=False, keeps=False, similar=False, why=found)
            return None
        return found

    async def _similar(self, query: Query, vector: Vector) -> bytes | None:
        caching = self._caching
        hit, verifying = caching.cache.similar(query, vector), caching.verifying
        if hit is not None and verifying is not None:
            opinion = await verifying.consider(query, hit)
            self.pair, self.waited = opinion.pair, opinion.waited
            if not opinion.serve:
                caching.cache.explored(hit)
                self.cached = self.cached._replace(similarity=hit.similarity)
                self._refused(Uncached.EXPLORED)
                return None
        return await self._told(query, hit)

    def _compare(self, answer: str) -> None:
        """What the model says with what is kept, if it was asked for that."""
        if self.pair is not None and self._caching.verifying is not None:
            self._caching.verifying.explored(self.pair, answer)

    async def _compare_again(self, query: Query, answer: str) -> None:
        """Of a client that wanted no kept answer, where there is one to the very text."""
        caching, verified = self._caching, self._category.verify is not None
        entry = caching.cache.equal(query) if verified and not self._admitted.looks else None
        document = None if entry is None else await caching.cache.document(entry)
        if caching.verifying is not None and entry is not None and document is not None:
            caching.verifying.reasked(Pair.of(query, entry), document, answer)

    async def _told(self, query: Query, hit: Hit | None) -> bytes | None:
        """What is there of it is told whole or not at all."""
        if hit is None:
            return None
        cache = self._caching.cache
        document = await cache.document(hit.entry)
        body = None if document is None else render(document, self._inbound)
        if body is None:
            if document is not None:
                log.warning("cached_answer_broken", entry=hit.entry.id)
                cache.drop([hit.entry.id])
            self._refused(Uncached.BROKEN)
            return None
        cache.touch(hit, self._began)
        entry, self.hit = hit.entry, hit
        if self.pair is None or self.pair.entry.id != entry.id:
            self.pair = Pair.of(query, entry)
        self.cached = Cached(
            entry.category, None, entry.id, min(1.0, hit.similarity), hit.age,
            saved_seconds=entry.seconds, saved_cost=entry.cost,
        )  # fmt: skip
        return body

    def _read(self, body: bytes, journal: Journal) -> tuple[Kept | None, Uncached | None]:
        kept = keep(self._inbound.route, self._inbound.stream, body, journal.usage)
        if kept is None:
            return None, Uncached.UNREADABLE
        pool = "" if journal.chosen is None else journal.chosen.pool
        why = refuse(kept.answer, self._category, pool, journal.steps, journal.panel)
        return (kept, None) if why is None else (None, why)

    def _insert(self, query: Query, kept: Kept, journal: Journal, seconds: float) -> None:
        similar = self._vector is not None
        entry = Entry(
            id=uuid4().hex,
            scope=query.scope,
            exact=query.exact,
            category=query.category,
            tenant=journal.tenant,
            text=query.text if similar else "",
            vector=None if self._vector is None else quantised(self._vector),
            created=self._caching.clock(),
            size=len(kept.document),
            cost=journal.cost or 0.0,
            seconds=max(0.0, seconds),
            asker=query.asker,
            pool="" if journal.chosen is None else journal.chosen.pool,
        )
        stored = self._caching.cache.insert(entry, kept.document)
        self.cached = self.cached._replace(kept=stored)
        if not stored:
            self._refused(Uncached.LARGE)

    def _refuse(self, why: Uncached) -> None:
        """It has no more to do with the cache."""
        self._admitted = Admitted(looks=False, keeps=False, similar=False, why=why)
        self.cached = Cached(self._category.name, why)

    def _refused(self, why: Uncached | None) -> None:
        """The first reason is the one that is told."""
        if why is not None and self.cached.refused is None:
            self.cached = self.cached._replace(refused=why)


def begin(runtime: Runtime, inbound: Inbound, facts: Facts, routed: Routed) -> Visit | None:
    """None if the decision does not cache, or nothing is known of its category."""
    caching = runtime.caching
    category = None if caching is None or routed.category is None else caching.category(routed.category)
    if caching is None or category is None:
        return None
    if category.loosen != STIFF and caching.hears_load(category.name):
        caching.cache.told_load(category.name, _load(facts, routed.candidates), caching.clock())
    return Visit(runtime, caching, category, inbound, facts, routed)


def _load(facts: Facts, candidates: Sequence[str]) -> float:
    """Of the model that would most likely answer: the first that can."""
    loads = (facts.pools(name) for name in candidates)
    return next((load.load or 0.0 for load in loads if load.healthy), 0.0)
