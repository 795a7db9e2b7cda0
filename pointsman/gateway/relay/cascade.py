"""Carries out `select: {by: cascade}`: answers are kept until they are judged; one goes to the client as it came."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple
from weakref import WeakKeyDictionary

from pointsman.gateway.errors import ClientDisconnected, DeadlineUnreachable, PoolFull, PoolUnavailable, RequestError
from pointsman.gateway.observe.outcome import Chosen, ErrorSource, Extra, Phase, Step, Usage
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.relay.aside import Aside
from pointsman.gateway.relay.capture import HELD, Capture
from pointsman.gateway.relay.errand import Errand
from pointsman.gateway.relay.outbound import speaks
from pointsman.gateway.relay.prospects import Prospects
from pointsman.gateway.relay.relay import Relay
from pointsman.gateway.relay.verify import LONGEST_REPLY, question, score
from pointsman.gateway.relay.watch import LimitReached
from pointsman.gateway.wire.answer import Answer, read_answer
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.logprobs import asking, without_logprobs
from pointsman.gateway.wire.messages_to_chat import NEW_LIMIT
from pointsman.policies.accept import Measured
from pointsman.policies.cascade import (
    Action,
    Ask,
    Cascade,
    Check,
    Course,
    Deliver,
    GiveUp,
    Standing,
    Turn,
    Verdict,
)
from pointsman.signals.facts import Route

_GENERATING = frozenset((Route.CHAT, Route.COMPLETIONS, Route.RESPONSES, Route.MESSAGES))

_SPARE = 0.95
"""Share of the time that is left in which a better answer must have come: what is there must still be sent."""
_GRACE = 1.0
"""Seconds for an answer that is there although the time is up."""
_CHECKING = 30.0
"""Seconds that judging may take at most."""
_FORGIVE = 600.0
"""Seconds after which a pool that would not tell probabilities is asked for them again."""

_LARGE = 64 * 1024
"""Bytes of an answer from which it is read beside the event loop."""

_FINAL = frozenset(range(400, 500)) - {401, 403, 408, 429}

_mute: WeakKeyDictionary[Pool, float] = WeakKeyDictionary()
"""Pools that refuse requests for probabilities, and until when that is believed (event loop time)."""


class _Given(NamedTuple):
    """An answer that could be delivered."""

    capture: Capture
    chosen: Chosen
    usage: Usage | None
    cost: float | None  # USD
    events: int


class _Failure(NamedTuple):
    reason: str
    final: bool = False
    error: RequestError | None = None  # else the capture has what the client would have been told
    capture: Capture | None = None
    code: str | None = None


async def run_cascade(errand: Errand) -> None:
    cascade = errand.choice.procedure
    assert isinstance(cascade, Cascade)
    inbound, journal = errand.line.inbound, errand.line.journal
    plain = inbound.route not in _GENERATING or _choices(inbound) > 1 or len(errand.pools) == 1
    if plain or cascade.direct or (cascade.optimistic and inbound.stream):
        await _unjudged(errand, "" if plain else "skip" if cascade.direct else "optimistic")
        return
    run = _Run(errand, cascade)
    errand.line.watch.ongoing = True
    try:
        await run.follow()
    finally:
        errand.line.watch.ongoing = False
        journal.extras += run.extras()
        journal.steps += run.steps()


def _choices(inbound: Inbound) -> int:
    choices, prompt = inbound.body.get("n"), inbound.body.get("prompt")
    several = len(prompt) if isinstance(prompt, list) and not all(isinstance(p, int) for p in prompt) else 1
    return max(several, choices if isinstance(choices, int) else 1)


async def _unjudged(errand: Errand, why: str) -> None:
    """The first model that can answers, as it does for any other selector."""
    journal, began = errand.line.journal, time.perf_counter()
    if why:
        journal.notes.append((b"x-pointsman-cascade", why.encode()))
    await Relay(errand.line, errand.pools, errand.claim, errand.random, errand.hedge).run(errand.session)
    if why and journal.chosen is not None and journal.error_code is None:
        journal.steps.append(Step(journal.chosen.pool, Verdict.ACCEPTED, why, seconds=time.perf_counter() - began))


class _Run:
    def __init__(self, errand: Errand, cascade: Cascade) -> None:
        self._errand = errand
        self._cascade = cascade
        self._pools = errand.pools
        self._line = errand.line
        self._journal = errand.line.journal
        self._course = Course(cascade, len(errand.pools))
        self._aside = Aside(errand.line.upstream)
        self._prospects = Prospects(errand, cascade.accept.judge)
        self._began = time.perf_counter()
        self._given: dict[int, _Given] = {}
        self._answers: dict[int, Answer | None] = {}
        self._checks: list[Extra] = []
        self._seconds: dict[int, float] = {}
        self._beside: dict[int, float] = {}  # USD of judging
        self._spent = 0.0  # USD, guessed where it was not told
        self._failure: _Failure | None = None
        self._delivered: int | None = None

    async def follow(self) -> None:
        action: Action = self._course.start()
        while True:
            match action:
                case Ask():
                    action = await self._ask(action)
                    if self._delivered is not None:
                        return
                case Check():
                    action = await self._check(action)
                case Deliver():
                    await self._deliver(action.place)
                    return
                case GiveUp():
                    await self._give_up()
                    return

    # What is told in the end

    def extras(self) -> list[Extra]:
        """Answers that the client does not have, and what was asked about them."""
        given = [g for place, g in self._given.items() if place != self._delivered]
        return [Extra(g.chosen.pool, g.chosen.model, g.usage, g.cost) for g in given] + self._checks

    def steps(self) -> list[Step]:
        return [self._step(turn) for turn in self._course.turns]

    def _step(self, turn: Turn) -> Step:
        place, given = turn.place, self._given.get(turn.place)
        cost = given.cost if given is not None else None
        if place in self._beside:
            cost = (cost or 0.0) + self._beside[place]
        seconds = self._seconds.get(place, 0.0)
        return Step(
            self._pools[place].name, turn.verdict, turn.reason, turn.measures, turn.unmeasured, seconds, cost
        )  # fmt: skip

    def _say(self) -> None:
        turns = [f"{self._pools[turn.place].name}={_shown(turn)}" for turn in self._course.turns]
        self._journal.notes.append((b"x-pointsman-cascade", ";".join(turns).encode("ascii", "replace")))

    # One model

    async def _ask(self, ask: Ask) -> Action:
        place, began = ask.place, time.perf_counter()
        pool, last = self._pools[place], ask.place + 1 == len(self._pools)
        inbound = None if last else self._asking(pool)
        outcome = await self._answer(ask, inbound or self._line.inbound, inbound is not None)
        if inbound is not None and _refused(outcome):
            again = await self._answer(ask, self._line.inbound, False)
            if not _refused(again):
                _mute[pool] = asyncio.get_running_loop().time() + _FORGIVE
            outcome = again
        self._seconds[place] = time.perf_counter() - began
        if isinstance(outcome, _Failure):
            if self._failure is None or not isinstance(outcome.error, PoolFull | PoolUnavailable):
                self._failure = outcome
            return self._course.failed(outcome.reason, self._standing(place), final=outcome.final)
        self._keep(place, outcome)
        if outcome.capture.through:
            self._delivered = place
            return Deliver(place)
        answer = self._answers[place] = await _read(self._line.inbound, outcome.capture.body)
        return self._course.answered(_measured(answer, outcome), self._standing(place))

    def _asking(self, pool: Pool) -> Inbound | None:
        """The request with the probabilities asked for, where that is of use."""
        inbound, now = self._line.inbound, asyncio.get_running_loop().time()
        unable = not speaks(pool.config, inbound.route) or NEW_LIMIT.match(pool.config.model)
        if not self._cascade.accept.reads_tokens or unable or _mute.get(pool, 0.0) > now:
            return None
        return asking(inbound)

    async def _answer(self, ask: Ask, inbound: Inbound, clean: bool) -> _Given | _Failure:
        """Raises ClientDisconnected, and whatever ends an answer that the client has begun to read."""
        pool, journal, errand, watch = self._pools[ask.place], self._journal, self._errand, self._line.watch
        last = ask.place + 1 == len(self._pools)
        limit = asyncio.timeout(None if ask.patience is None else ask.patience)

        def opened() -> None:
            limit.reschedule(None)
            watch.ongoing = False
            self._delivered = ask.place
            self._course.through("last" if last else "too long to judge")
            self._say()
            journal.first_event = time.perf_counter()
            journal.answered()  # for the time in the gateway that the headers tell
            journal.asked()

        self._forget()
        # the last one's answer is the client's whatever it says: it need not wait for its end
        capture = Capture(
            self._line.reply, inbound.stream, 0 if last and inbound.stream else HELD,
            clean=without_logprobs if clean else None, opened=opened,
        )  # fmt: skip
        line = self._line._replace(inbound=inbound, reply=capture)
        relay = Relay(line, [pool], errand.claim, errand.random, errand.hedge, queue=last)
        try:
            async with limit:
                await relay.run(errand.session)
        except TimeoutError:
            return self._failed(_Failure("too slow"))
        except ClientDisconnected:
            raise
        except RequestError as error:
            if capture.through:
                raise
            return self._failed(_Failure(error.code or "error", _is_final(error), error))
        if journal.error_code is not None and not capture.through:
            final = capture.status in _FINAL
            code = f"status {capture.status}" if capture.status >= 400 else journal.error_code
            return self._failed(_Failure(code, final, None, capture, journal.error_code))
        assert journal.chosen is not None
        usage, price = journal.usage, pool.config.price
        cost = None if usage is None else usage.cost(price.input, price.output)
        given = _Given(capture, journal.chosen, usage, cost, journal.events)
        if not capture.through:
            watch.unlimit()
            self._forget()
        return given

    def _failed(self, failure: _Failure) -> _Failure:
        self._line.watch.unlimit()
        self._forget()
        return failure

    def _forget(self) -> None:
        """What the journal says of an answer is about the one that the client has."""
        journal = self._journal
        journal.usage, journal.events = None, 0
        journal.first_event = journal.last_event = None
        journal.error_source = journal.error_code = None

    def _keep(self, place: int, given: _Given) -> None:
        self._given[place] = given
        self._prospects.learn(given.usage)
        self._spent += given.cost if given.cost is not None else self._prospects.cost(self._pools[place])

    def _standing(self, place: int) -> Standing:
        prospects, left = self._prospects, _SPARE * self._errand.seconds_left
        elapsed = time.perf_counter() - self._began
        return Standing(elapsed, left, self._spent, prospects.model, lambda test: prospects.test(test, place))

    # What another model says of an answer

    async def _check(self, check: Check) -> Action:
        pool, answer = self._prospects.checker(check.test, check.place), self._answers[check.place]
        journal = self._journal
        assert pool is not None
        assert answer is not None
        assert journal.facts is not None
        found, began = None, time.perf_counter()
        journal.waiting = Phase.HEADERS
        journal.asked()
        try:
            with self._line.watch.guard():
                told = await self._aside.ask(
                    pool,
                    question(check.test, journal.facts, answer.text),
                    max_tokens=LONGEST_REPLY,
                    timeout=min(check.patience, _CHECKING),
                    request_id=journal.id,
                    claim=self._errand.claim._replace(stream=False, deadline=None),
                    attempts=journal.attempts,
                )
        except ClientDisconnected:
            raise
        except RequestError:
            pass  # it is counted as a test that could not be made
        else:
            found = score(check.test, told.text)
            self._checks.append(Extra(pool.name, pool.config.model, told.usage, told.cost))
            self._spent += told.cost or 0.0
            self._beside[check.place] = self._beside.get(check.place, 0.0) + (told.cost or 0.0)
        finally:
            journal.answered()
            self._seconds[check.place] += time.perf_counter() - began
        return self._course.checked(found, self._standing(check.place))

    # The end

    async def _deliver(self, place: int) -> None:
        watch, journal, given = self._line.watch, self._journal, self._given[place]
        self._delivered = place
        journal.chosen, journal.usage, journal.events = given.chosen, given.usage, given.events
        journal.error_source = journal.error_code = None
        self._hurry()
        self._say()
        journal.waiting = Phase.STREAM if self._line.inbound.stream else Phase.BODY
        watch.ongoing = False
        await given.capture.deliver(watch, journal)

    def _hurry(self) -> None:
        """The time may be up, but what is there is delivered."""
        if self._errand.seconds_left < _GRACE:
            self._line.watch.total(_GRACE)

    async def _give_up(self) -> None:
        failure, journal = self._failure, self._journal
        assert failure is not None
        self._say()
        if failure.error is not None:
            raise failure.error
        assert failure.capture is not None
        self._line.watch.ongoing = False
        journal.error_source, journal.error_code = ErrorSource.UPSTREAM, failure.code
        await failure.capture.deliver(self._line.watch, journal)


def _shown(turn: Turn) -> str:
    if turn.verdict is Verdict.ACCEPTED or not turn.reason:
        return turn.verdict.value
    return f"{turn.verdict.value}({turn.reason})"


def _is_final(error: RequestError) -> bool:
    """No other model may be asked, or there is no time for it."""
    if isinstance(error, LimitReached):
        return error.overall
    return isinstance(error, DeadlineUnreachable) and error.final


def _refused(outcome: _Given | _Failure) -> bool:
    """Maybe because of what was added to the request."""
    return isinstance(outcome, _Failure) and outcome.capture is not None and outcome.capture.status in (400, 422)


async def _read(inbound: Inbound, body: bytes) -> Answer | None:
    if len(body) < _LARGE:
        return read_answer(inbound.route, inbound.stream, body)
    return await asyncio.to_thread(read_answer, inbound.route, inbound.stream, body)


def _measured(answer: Answer | None, given: _Given) -> Measured | None:
    if answer is None:
        return None
    chars = len((answer.text or answer.refusal).strip())
    tokens = given.usage.completion if given.usage is not None else chars // 4
    return Measured(answer.finish, chars, tokens, answer.parses, answer.logprob, answer.margin)
