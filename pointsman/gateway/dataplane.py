"""The data plane: a plain ASGI callable from the client's request to its answer."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from itertools import cycle
from random import Random, getrandbits

import structlog

from pointsman.gateway import canned, catalogue
from pointsman.gateway.access.keys import ANONYMOUS
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
from pointsman.gateway.observe.outcome import Chosen, ErrorSource, Outcome, Stage
from pointsman.gateway.pools.claim import STANDARD, Claim, Priority
from pointsman.gateway.relay.journal import Journal
from pointsman.gateway.relay.outbound import speaks
from pointsman.gateway.relay.relay import Relay
from pointsman.gateway.relay.tries import Line
from pointsman.gateway.relay.upstream import Upstream
from pointsman.gateway.relay.watch import ClientStalled, Limit, Watch
from pointsman.gateway.routing import Routed, encode, route_request
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
from pointsman.signals.facts import Facts, PoolLoad, Route
from pointsman.signals.neural import NeedsEncoding
from pointsman.signals.readings import Readings, TimedReadings

log = structlog.get_logger(__name__)

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
        self._upstream = upstream
        self._record = record
        self._random = random
        self._clocks = cycle([time.perf_counter, *[None] * (_TIMED - 1)])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.runtime is not None
        exchange = _Exchange(
            self.runtime, self.candidate, self._upstream, self._random, next(self._clocks), scope, receive, send
        )
        try:
            await exchange.serve()
        finally:
            self._record(exchange.journal.outcome())


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
    ) -> None:
        self._runtime = runtime
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
        await self._read()
        journal.facts = facts = build_facts(self._inbound, identity, self._load())
        since = journal.stage(Stage.PARSE, journal.began)
        deciding = self._route(runtime, facts) if self._candidate is None else self._try(self._candidate, facts)
        routed = self._routed = await deciding
        if routed.decided is not None and routed.context is not None:
            self._runtime.learner.chosen(routed.decided, routed.context, routed.choice)
        self._note(routed)
        journal.stage(Stage.DECIDE, since)
        if routed.respond is not None:
            body = canned.render(routed.respond, self._inbound, journal.id)
            await self._reply.whole(200, EVENT_STREAM if self._inbound.stream else JSON, body)
        elif facts.route is Route.COUNT_TOKENS and not speaks(routed.pools[0].config, facts.route):
            await self._reply.whole(200, JSON, count_tokens(self._inbound.body))
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
        journal, signals, clock = self.journal, runtime.signals, self._clock
        readings = TimedReadings(signals, facts, clock) if clock else Readings(signals, facts)
        journal.signals, journal.signal_seconds = readings.values, readings.elapsed  # also if nothing matches
        if facts.size > _LARGE and runtime.decides(facts.model):
            await asyncio.to_thread(readings.read_texts)
        while True:
            try:
                return route_request(runtime, facts, self._inbound.path, readings, self._random)
            except NeedsEncoding as needed:
                await encode(runtime, readings, needed.passages)

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

    async def _relay(self, routed: Routed) -> None:
        journal = self.journal
        try:
            upload = self._inbound.upload
            with Watch(upload.receive if upload else self._receive) as watch:
                left, limit = self._seconds_left(routed)
                watch.total(left, limit)
                claim = self._claim(routed, left if limit is Limit.DEADLINE else None)
                line = Line(self._upstream, self._inbound, self._reply, watch, journal)
                relay = Relay(line, routed.pools, claim, self._random, self._runtime.hedges.get(routed.decision))
                await relay.run(journal.facts.session if journal.facts else None)
        finally:
            if journal.usage is not None and journal.chosen is not None:
                price = self._runtime.pools[journal.chosen.pool].config.price
                journal.cost = journal.usage.cost(price.input, price.output)

    def _seconds_left(self, routed: Routed) -> tuple[float, Limit]:
        total = max([pool.config.timeouts.total for pool in routed.pools])
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
        overhead = journal.overhead()
        if journal.error_source is not None:
            headers.append((b"x-pointsman-error-source", journal.error_source.encode()))
        if journal.decision is not None or journal.error_source is None:  # errors before routing have less to tell
            headers.append((b"x-pointsman-cache", b"bypass"))
            headers.append((b"x-pointsman-overhead-ms", b"%.3f" % (overhead * 1000)))
        if self._routed is not None and self._wants_debug():
            skipped = [name for name in self._runtime.signals if name not in self._routed.readings.values]
            headers += debug_headers(journal.id, self._routed, skipped, overhead)
            headers.append((b"x-pointsman-config", self._runtime.digest.encode()))
        return headers + self._runtime.origins.headers(self._headers.get("origin"))

    def _wants_debug(self) -> bool:
        return self._headers.get("x-pointsman-debug") == "1" and self._runtime.config.server.debug_headers


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
