"""The data plane: a plain ASGI callable from the client's request to its answer."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping
from functools import partial
from itertools import cycle
from random import Random, getrandbits
from typing import Any, TypeVar

import orjson
import structlog

from pointsman.gateway import canned, catalogue
from pointsman.gateway.access.keys import ANONYMOUS
from pointsman.gateway.answer_headers import answer_headers
from pointsman.gateway.caching.flying import Call
from pointsman.gateway.caching.journey import Journey
from pointsman.gateway.caching.teaching import taught
from pointsman.gateway.caching.visit import Visit, begin
from pointsman.gateway.candidate import Candidate
from pointsman.gateway.errors import (
    ClientDisconnected,
    MethodNotAllowed,
    RequestError,
    UpstreamError,
    let_go,
)
from pointsman.gateway.learning import feedback, following
from pointsman.gateway.learning.judge import Judge, Sample
from pointsman.gateway.learning.requests import Request
from pointsman.gateway.observe.outcome import Chosen, ErrorSource, Outcome, Selected, Stage
from pointsman.gateway.relay.errand import Errand
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.outbound import speaks
from pointsman.gateway.relay.procedures import RUNNERS
from pointsman.gateway.relay.relay import Relay
from pointsman.gateway.relay.tries import Line
from pointsman.gateway.relay.upstream import Upstream
from pointsman.gateway.relay.watch import ClientStalled, Limit, Watch
from pointsman.gateway.routing import Routed, decide_request, encode, select
from pointsman.gateway.runtime import Loads, Runtime
from pointsman.gateway.terms import claim_of, seconds_left
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
        self._sample: Sample | None = None  # a copy of the answer, for the judge
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
        self._journey: Journey | None = None  # if others may share the answer
        self._remembered: Request | None = None  # what outcomes that become known later are told of

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

    async def land(self) -> None:
        """A call that others share may go on when this client has its answer, or has left."""
        if self._journey is not None:
            await self._journey.land()

    def learn(self, outcome: Outcome) -> None:
        if self._remembered is not None and self._routed is not None:
            batcher = self._runtime.encoder
            encoder = None if batcher is None else batcher.encoder
            following.end(self._runtime.learner, self._remembered, self._routed, outcome, encoder)
        if self._sample is not None and self._judge is not None:
            self._judge.done(self._sample, outcome)

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
        await self._answer_as(routed, facts)

    async def _models(self) -> None:
        if self._inbound.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("Use GET for /v1/models.", "GET, HEAD")
        await self._reply.whole(200, JSON, catalogue.render(self._runtime, self._inbound.path))

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

    def _load(self) -> Callable[[str], PoolLoad]:
        runtime, candidate = self._runtime, self._candidate
        read = runtime.pools_read if candidate is None else runtime.pools_read | candidate.runtime.pools_read
        if not read:
            return runtime.load
        self.journal.pools = loads = Loads(runtime.load, read)
        return loads.__getitem__

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

    def _answer_as(self, routed: Routed, facts: Facts) -> Awaitable[None]:
        """With what is known here, with what the cache has, or with what a model says."""
        journal, visit, kept = self.journal, self._visit, self._kept
        key = None if visit is None or kept is not None else visit.key
        if key is None:
            self._choose(routed)
        self._note(routed)
        if routed.respond is not None:
            return self._whole(canned.render(routed.respond, self._inbound, journal.id))
        if visit is not None and kept is not None:
            visit.served((journal.tenant, journal.id))
            return self._whole(kept)
        if facts.route is Route.COUNT_TOKENS and not speaks(routed.pools[0].config, facts.route):
            return self._reply.whole(200, JSON, count_tokens(self._inbound.body))
        if visit is not None and key is not None:
            return self._share(routed, visit, key)
        return self._relay(routed)

    def _choose(self, routed: Routed) -> None:
        """A model is asked."""
        if routed.context is None:
            return
        self.journal.selected = Selected(routed.choice, routed.context)
        if routed.decided is not None:
            self._runtime.learner.chosen(routed.decided, routed.context, routed.choice)

    def _note(self, routed: Routed) -> None:
        journal, readings = self.journal, routed.readings
        journal.decision, journal.candidates = routed.decision, routed.candidates
        for name, failure in readings.failures.items():
            log.error("signal_failed", signal=name, failure=failure, request_id=journal.id)
        if routed.pools:
            first, choice = routed.pools[0], routed.choice
            journal.chosen = Chosen(first.name, first.config.model, None, choice.by, choice.propensity)
        if self._visit is not None:
            self._visit.note(journal)

    async def _whole(self, body: bytes) -> None:
        await self._reply.whole(200, EVENT_STREAM if self._inbound.stream else JSON, body)

    async def _share(self, routed: Routed, visit: Visit, key: Hashable) -> None:
        """An answer with those who ask the same."""
        self._journey = Journey(visit, routed, self._inbound, self._receive, self._reply, self.journal)
        if not await self._journey.answer(key, partial(self._ask, routed)):
            await self._ask(routed)

    def _ask(self, routed: Routed, call: Call | None = None) -> Coroutine[Any, Any, None]:
        """A model, on behalf of all who share `call`."""
        self._choose(routed)
        return self._relay(routed, call)

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
                left, limit = seconds_left(routed, self._headers, journal.began)
                if call is None:
                    watch.total(left, limit)
                else:
                    call.settle = partial(_pay, self._runtime, journal)
                await self._run(routed, Line(self._upstream, inbound, reply, watch, journal), left, limit)
        finally:
            _pay(self._runtime, journal)
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

    def _copy(self, routed: Routed, reply: Reply) -> None:
        """The answer, if it is one of those that are judged."""
        config, facts = self._runtime.config.learning.judge, self.journal.facts
        if config is not None and self._judge is not None and facts is not None and routed.decided is not None:
            stream = self._inbound.stream
            self._sample = self._judge.sample(config, self._runtime.pools, facts, routed.decision, stream)
            if self._sample is not None:
                reply.tap(self._sample.add)

    def _run(self, routed: Routed, line: Line, left: float, limit: Limit) -> Awaitable[None]:
        """One pool after another until one answers, or as the procedure has it that was chosen."""
        runtime, facts = self._runtime, self.journal.facts
        deadline = left if limit is Limit.DEADLINE else None
        claim = claim_of(runtime, routed, self._inbound, self.journal, deadline)
        hedge = runtime.hedges.get(routed.decision)
        session = facts.session if facts else None
        procedure = routed.choice.procedure
        if procedure is None:
            return Relay(line, routed.pools, claim, self._random, hedge).run(session, routed.endpoint)
        until = asyncio.get_running_loop().time() + left
        return RUNNERS[type(procedure)](
            Errand(line, routed.choice, routed.pools, runtime.pools, claim, self._random, hedge, session, until)
        )

    def _answer_headers(self) -> Headers:
        """What every answer carries; called when it starts."""
        routed = self._routed if self._journey is None else self._journey.routed
        headers = answer_headers(self._runtime, self.journal, routed, self._visit, debug=self._wants_debug())
        return headers + self._runtime.origins.headers(self._headers.get("origin"))

    def _wants_debug(self) -> bool:
        return self._headers.get("x-pointsman-debug") == "1" and self._runtime.config.server.debug_headers

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


def _pay(runtime: Runtime, journal: Journal) -> None:
    if journal.chosen is not None:
        price = runtime.pools[journal.chosen.pool].config.price
        journal.pay(price.input, price.output)


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


def request_id(headers: Mapping[str, str]) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else f"req_{getrandbits(96):024x}"
