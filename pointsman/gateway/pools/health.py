"""Whether an endpoint may take requests: one pure step per event, time passed in.

Two judges. Active checks ask the server itself and take it out until it says that it is well. Passive
ejection looks at how requests end, and takes it out for a time, after which it is half-open: one
request goes there, and its result decides. The two are kept apart because a server may answer its health
check and fail everything else; a check that passed all along is therefore no news to an ejection, while one
that passes again after failing means a new start and clears both. The other way round, a server may be too busy
to answer its checks and still answer requests; where no other endpoint is left, one request may find that out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from pointsman.gateway.pools.outlier import Results
from pointsman.gateway.schema.pools import Eject

SILENCES = 2
"""Checks in a row without any answer that take an endpoint out: a busy engine may miss one."""

LONGEST = 16
"""Repeated ejections double up to this multiple of `eject.for`."""


class Check(StrEnum):
    """What an active check heard."""

    PASSED = "passed"
    REFUSED = "refused"  # the server, or its host's kernel, said no
    SILENT = "silent"  # timeout, reset, no address


class Result(StrEnum):
    """How a request ended for the endpoint that had it."""

    OK = "ok"
    FAILED = "failed"
    BUSY = "busy"  # it refused at once (429, 503), and is well
    CANCELLED = "cancelled"  # the client left; says nothing about the endpoint


class Phase(StrEnum):
    UP = "up"
    DOWN = "down"  # active checks say so
    EJECTED = "ejected"
    HALF_OPEN = "half_open"


class Reason(StrEnum):
    """What an endpoint is ejected for."""

    FAILURES = "failures"  # in a row, or of the one request that tested it
    ERROR_RATE = "error_rate"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Health:
    down: Check | None = None  # the check that took it out
    doubted: bool = False  # while down: a request was sent to find out whether that is so
    overruled: bool = False  # it was not: that checks get no answer means nothing until one passes
    silences: int = 0  # checks without answer, in a row
    complaint: str = ""  # of the check that took it out
    failures: int = 0  # failed requests, in a row
    until: float | None = None  # ejected till then, half-open after
    span: float = 0.0  # seconds of the last ejection
    back: float = float("-inf")  # when it ended
    probes: int = 0  # requests that were sent while not trusted
    reason: Reason | None = None  # of the last ejection
    offence: str = ""  # the same with numbers

    def phase(self, now: float) -> Phase:
        if self.down:
            return Phase.DOWN
        if self.until is None:
            return Phase.UP
        return Phase.HALF_OPEN if now >= self.until else Phase.EJECTED

    @property
    def trusted(self) -> bool:
        return self.until is None and not self.down

    @property
    def why(self) -> str:
        """For people: what keeps it out; empty if nothing does."""
        if self.down:
            return self.complaint
        return self.offence if self.until is not None else ""

    def takes(self, now: float) -> bool:
        if self.until is None:
            return not self.down
        return not self.down and not self.probes and now >= self.until

    def may_be_well(self, now: float) -> bool:
        """It has not said no, only nothing: worth a request for which no other endpoint is left."""
        return self.down is Check.SILENT and not self.probes and (self.until is None or now >= self.until)


PRESUMED_UP = Health()


def checked(health: Health, check: Check, complaint: str = "") -> Health:
    match check:
        case Check.PASSED if health.down:
            return PRESUMED_UP
        case Check.PASSED:
            return replace(health, silences=0, overruled=False) if health.silences or health.overruled else health
        case Check.SILENT if health.down or health.overruled:
            return health
        case Check.SILENT if health.silences + 1 < SILENCES:
            return replace(health, silences=health.silences + 1)
        case _:
            return replace(health, down=check, complaint=complaint, silences=0, doubted=False, overruled=False)


def sent(health: Health) -> tuple[Health, bool]:
    """A request goes to the endpoint; whether it is a probe."""
    if health.trusted:
        return health, False
    return replace(health, probes=health.probes + 1, doubted=health.down is not None), True


def ended(
    health: Health,
    result: Result,
    now: float,
    eject: Eject,
    *,
    probe: bool,
    ejectable: bool,
    recent: Results = Results(),
) -> Health:
    """A request ended. `ejectable`: whether the pool can do without the endpoint; `recent`: its last results."""
    if probe and health.probes:
        health = replace(health, probes=health.probes - 1)
    if result is Result.CANCELLED or result is Result.BUSY:
        return health
    if not health.trusted:
        return _judged(health, result, now, eject) if probe else health  # others were sent when it was
    if result is Result.OK:
        return replace(health, failures=0) if health.failures else health
    failures = health.failures + 1
    health = replace(health, failures=failures, overruled=health.overruled and failures < eject.failures)
    # a probe that began well and readmitted the endpoint, but then failed, takes that back
    offence = (Reason.FAILURES, _TEST_FAILED) if probe else _offence(failures, recent, eject)
    return _ejected(health, *offence, now, eject) if ejectable and offence else health


_TEST_FAILED = "the request that tested it failed"


def _offence(failures: int, recent: Results, eject: Eject) -> tuple[Reason, str] | None:
    if failures >= eject.failures:
        return Reason.FAILURES, f"{failures} failures in a row"
    if eject.error_rate and recent.requests >= eject.requests and recent.rate >= eject.error_rate:
        return Reason.ERROR_RATE, f"error rate {recent.rate:.0%} of {recent.requests} requests"
    return None


def _judged(health: Health, probe: Result, now: float, eject: Eject) -> Health:
    if probe is Result.OK:
        if health.doubted:
            health = replace(health, down=None, doubted=False, overruled=True)
        return replace(health, until=None, failures=0, probes=0, back=now)
    # Before its time an ejected endpoint has requests only because all are ejected: nothing to prolong.
    if health.until is not None and now < health.until:
        return health
    return _ejected(health, Reason.FAILURES, _TEST_FAILED, now, eject)


def slowed(health: Health, seconds: float, usual: float, now: float, eject: Eject, *, probe: bool = False) -> Health:
    """Its first token came after `seconds`, far above what is `usual` in the pool."""
    if probe and health.probes:
        health = replace(health, probes=health.probes - 1)
    if health.until is not None and now < health.until:
        return health
    offence = f"first token after {seconds:.2g} s, where {usual:.2g} s are usual"
    return _ejected(health, Reason.SLOW, offence, now, eject)


def _ejected(health: Health, reason: Reason, offence: str, now: float, eject: Eject) -> Health:
    """One that was in for less time than it was out before has not recovered: it stays out longer."""
    relapse = health.until is not None or now - health.back < health.span
    span = min(2 * health.span, LONGEST * eject.duration) if relapse else eject.duration
    return replace(health, until=now + span, span=span, reason=reason, offence=offence)


def ejectable(others: Collection[Health], share: float) -> bool:
    """Whether one more of `len(others) + 1` endpoints may be ejected: at most `share` of them, though one of
    several may be whatever the share (unless it is 0), and never the last that works."""
    most = max(1, int(share * (len(others) + 1))) if share else 0
    out = sum(h.until is not None for h in others)
    return out < most and any(h.trusted for h in others)
