"""The data plane: a plain ASGI callable from the client's request to its answer."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from itertools import cycle
from random import Random, getrandbits
from typing import TypeVar

import orjson
import structlog

from pointsman.gateway import canned, catalogue
from pointsman.gateway.access.keys import ANONYMOUS
from pointsman.gateway.caching.flying import PATIENCE, Call, Passenger
from pointsman.gateway.caching.riding import follows, landed, ride
from pointsman.gateway.caching.teaching import taught
from pointsman.gateway.caching.visit import Visit, begin
from pointsman.gateway.candidate import Candidate
from pointsman.gateway.errors import (
    BadRequest,
    ClientDisconnected,
    MethodNotAllowed,
    RequestError,
    UpstreamError,
    let_go,
)
from pointsman.gateway.explain import debug_headers
from pointsman.gateway.learning import feedback, following
from pointsman.gateway.learning.judge import Judge, Sample
from pointsman.gateway.learning.requests import Request
from pointsman.gateway.observe.outcome import Chosen, ErrorSource, Flown, Outcome, Selected, Stage
from pointsman.gateway.pools.claim import STANDARD, Claim, Priority
from pointsman.gateway.relay.errand import Errand
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.outbound import speaks
from pointsman.gateway.relay.procedures import RUNNERS
from pointsman.gateway.relay.relay import Relay
from pointsman.gateway.relay.tries import Line
from pointsman.gateway.relay.upstream import Upstream
from pointsman.gateway.relay.watch import ClientStalled, Limit, Watch
from pointsman.gateway.routing import UNASKED, Routed, decide_request, encode, select
from pointsman.gateway.runtime import Loads, Runtime
from pointsman.gateway.wire.count_tokens import count_tokens
from pointsman.gateway.wire.dialect import DIALECTS, Dialect
from pointsman.gateway.wire.inbound import (
    ROUTES,
    Inbound,
    Receive,
    Scope,
    Send,
    below_v1,
    check_types,
    has_body,
    is_json,
    parse_json,
    read_body,
    read_headers,
)
from pointsman.gateway.wire.reading import build_facts
from pointsman.gateway.wire.reply import CUT, EVENT_STREAM, JSON, Headers, Reply
from pointsman.gateway.wire.upload import Upload
from pointsman.signals.encoder.encoding import Vector
from pointsman.signals.facts import Facts, PoolLoad, Route
from pointsman.signals.neural import NeedsEncoding
from pointsman.signals.readings import Readings, TimedReadings

log = structlog.get_logger(__name__)

T = TypeVar("T")

Clock = Callable[[], float]

_TIMED = 16
"""The signals of one request in so many are timed: with twenty signals the clock costs as much as some of them."""

_LARGE = 64 * 1024
"""Bytes of a body from which its text is read beside the event loop: signals take some 50 ms for a megabyte."""

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_MILLISECONDS = re.compile(r"[1-9][0-9]{0,8}")
_PRIORITIES = {priority.label: priority for priority in Priority}

_GENERATING = frozenset((Route.CHAT, Route.COMPLETIONS, Route.RESPONSES, Route.MESSAGES))
"""Routes whose answers begin later the longer the prompt is."""
_TOKEN = 4
"""Bytes of a body: close enough for English, Chinese and code, and free."""


class DataPlane:
    def __init__(self, upstream: Upstream, record: Callable[[Outcome], None], random: Random) -> None:
        self.runtime: Runtime | None = None
        self.candidate: Candidate | None = None
        self.judge: Judge | None = None
        self._upstream = upstream
        self._record = record
        self._random = random
        self._clocks = cycle([time.perf_counter, *[None] * (_TIMED - 1)])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.runtime is not None
        exchange = _Exchange(
            self.runtime, self.candidate, self._upstream, self._random, next(self._clocks), scope, receive, send,
            self.judge,
        )  # fmt: skip
        try:
            try:
                await exchange.serve()
            finally:
                await exchange.land()
        finally:
            outcome = exchange.journal.outcome()
            self._record(outcome)
            exchange.learn(outcome)
            if exchange.sample is not None and self.judge is not None:
                self.judge.done(exchange.sample, outcome)


class _Exchange:
    """One request and its answer. `runtime` is held, so that a reload does not change it halfway."""

    def __init__(
        self,
        runtime: Runtime,
        candidate: Candidate | None,
        upstream: Upstream,
        random: Random,
        clock: Clock | None,
        scope: Scope,
        receive: Receive,
        send: Send,
        judge: Judge | None = None,
    ) -> None:
        self._runtime = runtime
        self._judge = judge
        self.sample: Sample | None = None  # a copy of the answer, for the judge
        self._candidate = candidate
        self._upstream = upstream
        self._random = random
        self._receive = receive
        self._extensions = scope.get("extensions", {})
        self._headers = headers = read_headers(scope)
        self._clock = time.perf_counter if self._wants_debug() else clock
        # As it came: what is decoded for us must not be sent on as if the client had written it.
        path = below_v1(scope["raw_path"].decode("latin-1"))
        self._inbound = Inbound(
            ROUTES.get(path, Route.OTHER), scope["method"], path, scope.get("query_string", b""), headers
        )
        self.journal = Journal(request_id(headers), self._inbound.route)
        self.journal.config = runtime.declared and runtime.declared.config
        self._reply = Reply(send, self._answer_headers)
        self._routed: Routed | None = None
        self._visit: Visit | None = None  # of the cache
        self._kept: bytes | None = None  # the answer that the cache has
        self._call: Call | None = None  # that others may have come along with
        self._remembered: Request | None = None  # what outcomes that become known later are told of

    def learn(self, outcome: Outcome) -> None:
        if self._remembered is not None and self._routed is not None:
            batcher = self._runtime.encoder
            encoder = None if batcher is None else batcher.encoder
            following.end(self._runtime.learner, self._remembered, self._routed, outcome, encoder)

    async def land(self) -> None:
        """What a call costs is booked with the request whose it was, even if that client did not wait for its end."""
        call, visit = self._call, self._visit
        if call is not None and visit is not None:
            flown = self.journal.cached and self.journal.cached.flight
            await landed(call, self.journal)
            self.journal.cached = visit.cached._replace(flight=flown)

    async def serve(self) -> None:
        journal, reply = self.journal, self._reply
        try:
            await self._answer()
        except ClientDisconnected as error:
            journal.disconnect = journal.waiting
            if isinstance(error, ClientStalled):
                await self._cut(error)
            journal.status = ClientDisconnected.status
            return
        except RequestError as error:
            await self._fail(error)
            let_go(error)
        except Exception:
            log.exception("request_failed", request_id=journal.id)
            await self._fail(RequestError("The gateway failed; its log has the details under this request's id."))
        journal.status = reply.status

    async def _fail(self, error: RequestError) -> None:
        journal = self.journal
        journal.error_code = error.code
        journal.error_source = ErrorSource.UPSTREAM if isinstance(error, UpstreamError) else ErrorSource.GATEWAY
        if self._reply.started:  # too late for another answer
            await self._cut(error)
            return
        headers = [(name.encode(), value.encode()) for name, value in error.headers().items()]
        await self._reply.whole(error.status, JSON + headers, _dialect(self._inbound).error_body(error))

    async def _cut(self, why: RequestError) -> None:
        """Nobody may take half an answer for a whole one, and nobody needs what waits to be sent of it."""
        if self._reply.finished:
            return
        log.warning("answer_cut", request_id=self.journal.id, reason=why.message)
        cut = self._extensions.get(CUT)
        if cut is not None:  # else the server closes what is not finished
            cut["abort"]()
            while (await self._receive())["type"] != "http.disconnect":
                pass

    async def _answer(self) -> None:
        runtime, headers, journal = self._runtime, self._headers, self.journal
        refused = runtime.origins.check(headers.get("origin"), headers.get("host"))
        if refused is not None:
            raise refused
        identity = runtime.keys.authenticate(headers) if runtime.keys else ANONYMOUS
        journal.tenant = identity.tenant
        if self._inbound.path == "/models" or self._inbound.path.startswith("/models/"):
            await self._models()
            return
        if self._inbound.path == "/feedback":
            await self._feedback()
            return
        await self._read()
        journal.facts = facts = build_facts(self._inbound, identity, self._load())
        journal.stage(Stage.PARSE, journal.began)
        deciding = self._route(runtime, facts) if self._candidate is None else self._try(self._candidate, facts)
        routed = self._routed = await deciding
        visit = self._visit
        key = None if visit is None or self._kept is not None else visit.key
        if key is None:
            self._choose(routed)
        self._note(routed)
        if routed.respond is not None:
            body = canned.render(routed.respond, self._inbound, journal.id)
            await self._reply.whole(200, EVENT_STREAM if self._inbound.stream else JSON, body)
        elif self._kept is not None:
            self._remember_hit(runtime)
            await self._reply.whole(200, EVENT_STREAM if self._inbound.stream else JSON, self._kept)
        elif facts.route is Route.COUNT_TOKENS and not speaks(routed.pools[0].config, facts.route):
            await self._reply.whole(200, JSON, count_tokens(self._inbound.body))
        elif visit is not None and key is not None:
            await self._fly(routed, visit, key)
        else:
            await self._relay(routed)

    async def _try(self, candidate: Candidate, facts: Facts) -> Routed:
        live, journal = self._runtime, self.journal
        self._runtime, routed = await candidate.route(
            live, facts, journal.id, lambda runtime: self._route(runtime, facts)
        )
        if self._runtime is not live:
            journal.config, journal.canary = self._runtime.digest, True
        return routed

    async def _route(self, runtime: Runtime, facts: Facts) -> Routed:
        self._visit = self._kept = None
        journal, signals, clock = self.journal, runtime.signals, self._clock
        readings = TimedReadings(signals, facts, clock) if clock else Readings(signals, facts)
        journal.signals, journal.signal_seconds = readings.values, readings.elapsed  # also if nothing matches
        since = time.perf_counter()
        if facts.size > _LARGE and runtime.decides(facts.model):
            await asyncio.to_thread(readings.read_texts)
        path = self._inbound.path
        decided = await _encoding(runtime, readings, lambda: decide_request(runtime, facts, path, readings))
        since = journal.stage(Stage.DECIDE, since)
        if not decided.undecided:
            return decided
        if decided.category is not None:
            kept = await self._is_kept(runtime, facts, decided)
            since = journal.stage(Stage.CACHE, since)
            if kept:
                return decided
        routed = await _encoding(runtime, readings, lambda: select(runtime, facts, decided, self._random))
        journal.stage(Stage.SELECT, since)
        return routed

    async def _is_kept(self, runtime: Runtime, facts: Facts, routed: Routed) -> bool:
        """Whether the cache has the answer."""
        readings = routed.readings
        self._visit = visit = begin(runtime, self._inbound, facts, routed)
        if visit is None:
            return False

        async def vector(text: str) -> Vector | None:
            found = await _encoding(runtime, readings, lambda: readings.encoding(text))
            return None if found is None else found.vector

        self._kept = await visit.find(vector)
        self.journal.upstream += visit.waited
        if self._kept is None and self._wants_debug():
            visit.near()
        return self._kept is not None

    def _load(self) -> Callable[[str], PoolLoad]:
        runtime, candidate = self._runtime, self._candidate
        read = runtime.pools_read if candidate is None else runtime.pools_read | candidate.runtime.pools_read
        if not read:
            return runtime.load
        self.journal.pools = loads = Loads(runtime.load, read)
        return loads.__getitem__

    def _note(self, routed: Routed) -> None:
        journal, readings = self.journal, routed.readings
        journal.decision, journal.candidates = routed.decision, routed.candidates
        for name, failure in readings.failures.items():
            log.error("signal_failed", signal=name, failure=failure, request_id=journal.id)
        if routed.pools:
            first, choice = routed.pools[0], routed.choice
            journal.chosen = Chosen(first.name, first.config.model, None, choice.by, choice.propensity)
        if self._visit is not None:
            self._note_visit(self._visit)

    def _choose(self, routed: Routed) -> None:
        """A model is asked."""
        if routed.context is None:
            return
        self.journal.selected = Selected(routed.choice, routed.context)
        if routed.decided is not None:
            self._runtime.learner.chosen(routed.decided, routed.context, routed.choice)

    def _note_visit(self, visit: Visit) -> None:
        journal = self.journal
        journal.cache, journal.cached = visit.result, visit.cached
        pool = None if visit.hit is None else self._runtime.pools.get(visit.hit.entry.pool)
        if pool is not None:
            journal.chosen = Chosen(pool.name, pool.config.model, None, UNASKED.by)

    def _copy(self, routed: Routed, reply: Reply) -> None:
        """The answer, if it is one of those that are judged."""
        config, facts = self._runtime.config.learning.judge, self.journal.facts
        if config is not None and self._judge is not None and facts is not None and routed.decided is not None:
            stream = self._inbound.stream
            self.sample = self._judge.sample(config, self._runtime.pools, facts, routed.decision, stream)
            if self.sample is not None:
                reply.tap(self.sample.add)

    async def _fly(self, routed: Routed, visit: Visit, key: Hashable) -> None:
        """Along with those who ask the same, or ahead of them."""
        flights, failed = visit.flights, 0
        while True:
            call = flights.join(key)
            if call is None and visit.is_late:
                kept = await visit.again()
                if kept is None:
                    continue
                self._note_visit(visit)
                await self._reply.whole(200, EVENT_STREAM if self._inbound.stream else JSON, kept)
                return
            leads = call is None
            left, limit = self._seconds_left(routed)
            until = asyncio.get_running_loop().time() + left
            if call is None:
                call = self._lead(routed, visit, key, until, limit, Flown.TOOK_OVER if failed else Flown.LED)
            if call is None:  # too many
                break
            with Watch(self._receive) as watch:
                passenger = Passenger(watch, until, limit, leads=leads)
                call.board(passenger)
                try:
                    await call.begun(self.journal)
                    failed += call.refused
                    if leads or not call.refused or (failed >= PATIENCE and call.is_everybodys):
                        if not leads:
                            follows(call, self.journal, visit.cached, UNASKED.by)
                            self._routed = routed._replace(choice=UNASKED, context=None)
                        await ride(call, passenger, self._reply, self.journal, self._inbound)
                        return
                finally:
                    call.leave(passenger)
            if failed >= PATIENCE:
                break
        self._choose(routed)
        await self._relay(routed)

    def _lead(
        self, routed: Routed, visit: Visit, key: Hashable, until: float, limit: Limit, flown: Flown
    ) -> Call | None:
        journal = self.journal
        latest = asyncio.get_running_loop().time() + _total(routed)
        call = visit.flights.lead(key, lambda: Call(journal, until, limit, latest))
        if call is None:
            return None
        self._call = call
        self._choose(routed)
        journal.cached = visit.cached._replace(flight=flown)
        call.run(self._relay(routed, call), lambda: visit.flights.landed(key, call))
        return call

    async def _relay(self, routed: Routed, call: Call | None = None) -> None:
        """To the client, or with `call` to all who share it."""
        journal, reply = (self.journal, self._reply) if call is None else (call.journal, call.reply)
        self._remembered = following.begin(self._runtime.learner, journal, routed)
        self._copy(routed, reply)
        visit = self._visit
        if visit is not None and visit.keeps:
            reply.tap(visit.tap)
        try:
            inbound = await self._taught(routed, journal)
            upload = self._inbound.upload
            receive = upload.receive if upload else self._receive
            with Watch(receive) if call is None else call.watch() as watch:
                left, limit = self._seconds_left(routed)
                if call is None:
                    watch.total(left, limit)
                else:
                    call.settle = partial(self._pay, journal)
                claim = self._claim(routed, left if limit is Limit.DEADLINE else None)
                line = Line(self._upstream, inbound, reply, watch, journal)
                hedge = self._runtime.hedges.get(routed.decision)
                session = journal.facts.session if journal.facts else None
                procedure = routed.choice.procedure
                if procedure is None:
                    await Relay(line, routed.pools, claim, self._random, hedge).run(session, routed.endpoint)
                else:
                    until = asyncio.get_running_loop().time() + left
                    others = self._runtime.pools
                    await RUNNERS[type(procedure)](
                        Errand(line, routed.choice, routed.pools, others, claim, self._random, hedge, session, until)
                    )
        finally:
            self._pay(journal)
            if visit is not None:
                await visit.keep(journal, whole=reply.finished and reply.status == 200)
                journal.cached = visit.cached

    async def _taught(self, routed: Routed, journal: Journal) -> Inbound:
        if journal.facts is None or routed.decision not in self._runtime.reuses:
            return self._inbound
        since, request = time.perf_counter(), (journal.tenant, journal.id)
        inbound = await taught(self._runtime, self._visit, self._inbound, journal.facts, routed, request)
        journal.stage(Stage.CACHE, since)
        return inbound

    def _pay(self, journal: Journal) -> None:
        if journal.chosen is not None:
            price = self._runtime.pools[journal.chosen.pool].config.price
            journal.pay(price.input, price.output)

    def _seconds_left(self, routed: Routed) -> tuple[float, Limit]:
        total = _total(routed)
        wanted = deadline(self._headers)
        left = total if wanted is None else self.journal.began + wanted - time.perf_counter()
        return (left, Limit.DEADLINE) if left < total else (total, Limit.TOTAL)

    def _claim(self, routed: Routed, left: float | None) -> Claim:
        """`left` are the seconds that the client's own deadline leaves."""
        runtime, journal, inbound = self._runtime, self.journal, self._inbound
        standing = runtime.tenants.get(journal.tenant, STANDARD)
        slo = runtime.slos.get(routed.decision)
        if slo is not None and slo.first_token is not None and inbound.stream:
            first = journal.began + slo.first_token - time.perf_counter()
            left = first if left is None else min(left, first)
        facts = journal.facts
        return Claim(
            journal.tenant,
            standing.weight,
            max(standing.priority, priority(self._headers)),
            None if left is None else routed.pools[0].clock() + left,
            facts.size // _TOKEN if facts is not None and inbound.route in _GENERATING else None,
            inbound.stream,
            slo is not None and slo.miss == "refuse",
        )

    async def _models(self) -> None:
        if self._inbound.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("Use GET for /v1/models.", "GET, HEAD")
        await self._reply.whole(200, JSON, catalogue.render(self._runtime, self._inbound.path))

    def _remember_hit(self, runtime: Runtime) -> None:
        """Somebody may say something of it."""
        journal, visit, caching = self.journal, self._visit, runtime.caching
        if visit is not None and visit.pair is not None and caching is not None and caching.verifying is not None:
            caching.verifying.served((journal.tenant, journal.id), visit.pair)

    async def _feedback(self) -> None:
        if self._inbound.method != "POST":
            raise MethodNotAllowed("Use POST for /v1/feedback.", "POST")
        learner, headers = self._runtime.learner, self._headers
        try:
            body = parse_json(await read_body(self._receive, headers, feedback.MAX_BODY), headers)
            told, caching = feedback.Feedback.read(body), self._runtime.caching
            verifying = None if caching is None else caching.verifying
            received = feedback.of_hit(verifying, self.journal.tenant, told) if verifying is not None else None
            received = received or feedback.receive(learner, self.journal.tenant, told)
        except RequestError as error:
            learner.received(feedback.result_of(error))
            raise
        learner.received(received.status)
        await self._reply.whole(200, JSON, orjson.dumps(received.form()))

    async def _read(self) -> None:
        inbound, headers, limit = self._inbound, self._headers, self._runtime.config.server.max_body
        if inbound.route is not Route.OTHER and inbound.method != "POST":
            raise MethodNotAllowed(f"Use POST for /v1{inbound.path}.", "POST")
        if inbound.route is Route.OTHER and not (has_body(headers) and is_json(headers.get("content-type", ""))):
            upload = Upload(self._receive, headers, limit) if has_body(headers) else None
            self._inbound = inbound._replace(upload=upload)
            return
        raw = await read_body(self._receive, headers, limit)
        body = parse_json(raw, headers)
        check_types(inbound.route, body)
        self._inbound = Inbound(inbound.route, inbound.method, inbound.path, inbound.query, headers, raw, body)
        self.journal.stream = self._inbound.stream

    def _answer_headers(self) -> Headers:
        """What every answer carries; called when it starts."""
        journal = self.journal
        headers = [(b"x-request-id", journal.id.encode())]
        if journal.decision is not None:
            headers.append((b"x-pointsman-decision", journal.decision.encode()))
        if journal.chosen is not None:
            headers.append((b"x-pointsman-model", journal.chosen.model.encode("latin-1", "replace")))
            headers.append((b"x-pointsman-pool", journal.chosen.pool.encode()))
        headers += journal.notes
        overhead = journal.overhead()
        if journal.error_source is not None:
            headers.append((b"x-pointsman-error-source", journal.error_source.encode()))
        if journal.decision is not None or journal.error_source is None:  # errors before routing have less to tell
            headers += self._cache_headers()
            headers.append((b"x-pointsman-overhead-ms", b"%.3f" % (overhead * 1000)))
        if self._routed is not None and self._wants_debug():
            skipped = [name for name in self._runtime.signals if name not in self._routed.readings.values]
            headers += debug_headers(journal.id, self._routed, skipped, overhead)
            headers.append((b"x-pointsman-config", self._runtime.digest.encode()))
        return headers + self._runtime.origins.headers(self._headers.get("origin"))

    def _cache_headers(self) -> Headers:
        journal, cached = self.journal, self.journal.cached
        headers = [(b"x-pointsman-cache", journal.cache.encode())]
        if cached is None:
            return headers
        reused = None if self._visit is None else self._visit.cached.reused
        if reused is not None and reused.given and journal.chosen is not None and journal.chosen.pool == reused.pool:
            headers.append((b"x-pointsman-examples", b"%d" % len(reused.entries)))
        if cached.age is not None:
            headers.append((b"age", b"%d" % cached.age))
        if self._wants_debug():
            if cached.similarity is not None:
                headers.append((b"x-pointsman-cache-score", b"%.4f" % cached.similarity))
            why = cached.guard or cached.refused
            if why is not None:
                headers.append((b"x-pointsman-cache-reason", why.encode("ascii", "backslashreplace")))
        return headers

    def _wants_debug(self) -> bool:
        return self._headers.get("x-pointsman-debug") == "1" and self._runtime.config.server.debug_headers


def _total(routed: Routed) -> float:
    return max([pool.config.timeouts.total for pool in routed.pools])


async def _encoding(runtime: Runtime, readings: Readings, ask: Callable[[], T]) -> T:
    """What `ask` gives once it has the encodings that it needs."""
    while True:
        try:
            return ask()
        except NeedsEncoding as needed:
            await encode(runtime, readings, needed.passages)


def _dialect(inbound: Inbound) -> Dialect:
    """Whoever calls `/v1/messages/batches` speaks Anthropic's wire, too."""
    return DIALECTS[Route.MESSAGES if inbound.path.startswith("/messages/") else inbound.route]


def deadline(headers: Mapping[str, str]) -> float | None:
    """Seconds from the request's arrival."""
    given = headers.get("x-pointsman-deadline-ms")
    if given is None:
        return None
    if not _MILLISECONDS.fullmatch(given):
        raise BadRequest("The header `x-pointsman-deadline-ms` must be a whole number of milliseconds, at least 1.")
    return int(given) / 1000


def priority(headers: Mapping[str, str]) -> Priority:
    given = headers.get("x-pointsman-priority")
    if given is None:
        return Priority.NORMAL
    found = _PRIORITIES.get(given.strip().lower())
    if found is None:
        raise BadRequest(f"The header `x-pointsman-priority` must be one of: {', '.join(_PRIORITIES)}.")
    return found


def request_id(headers: Mapping[str, str]) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else f"req_{getrandbits(96):024x}"
