"""Whether an endpoint may take requests: one pure step per event, time passed in.

Two judges. Active checks ask the server itself and take it out until it says that it is well. Passive
ejection counts requests that failed in a row and takes it out for a time, after which it is half-open: one
request goes there, and its result decides. The two are kept apart because a server may answer its health
check and fail everything else; a check that passed all along is therefore no news to an ejection, while one
that passes again after failing means a new start and clears both."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from pointsman.gateway.schema import Eject

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
    CANCELLED = "cancelled"  # the client left; says nothing about the endpoint


class Phase(StrEnum):
    UP = "up"
    DOWN = "down"  # active checks say so
    EJECTED = "ejected"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Health:
    down: bool = False
    silences: int = 0  # checks without answer, in a row
    failures: int = 0  # failed requests, in a row
    until: float | None = None  # ejected till then, half-open after
    span: float = 0.0  # seconds of the last ejection
    back: float = float("-inf")  # when it ended
    probes: int = 0  # requests that were sent while not trusted

    def phase(self, now: float) -> Phase:
        if self.down:
            return Phase.DOWN
        if self.until is None:
            return Phase.UP
        return Phase.HALF_OPEN if now >= self.until else Phase.EJECTED

    def takes(self, now: float) -> bool:
        if self.until is None:
            return not self.down
        return not self.down and not self.probes and now >= self.until


PRESUMED_UP = Health()


def checked(health: Health, check: Check) -> Health:
    match check:
        case Check.PASSED if health.down:
            return PRESUMED_UP
        case Check.PASSED:
            return replace(health, silences=0) if health.silences else health
        case Check.REFUSED:
            return replace(health, down=True, silences=0)
        case Check.SILENT:
            silences = health.silences + 1
            return replace(health, silences=silences, down=health.down or silences >= SILENCES)


def sent(health: Health) -> tuple[Health, bool]:
    """A request goes to the endpoint; whether it is a probe."""
    if health.until is None:
        return health, False
    return replace(health, probes=health.probes + 1), True


def ended(health: Health, result: Result, now: float, eject: Eject, *, probe: bool, ejectable: bool) -> Health:
    """A request ended. `ejectable`: whether the pool can do without the endpoint."""
    if probe and health.probes:
        health = replace(health, probes=health.probes - 1)
    if result is Result.CANCELLED:
        return health
    if health.until is not None:
        return _judged(health, result, now, eject) if probe else health  # others were sent before the ejection
    if result is Result.OK:
        return replace(health, failures=0) if health.failures else health
    health = replace(health, failures=health.failures + 1)
    # a probe that began well and readmitted the endpoint, but then failed, takes that back
    over = probe or health.failures >= eject.failures
    return _ejected(health, now, eject) if ejectable and over else health


def _judged(health: Health, probe: Result, now: float, eject: Eject) -> Health:
    assert health.until is not None
    if probe is Result.OK:
        return replace(health, until=None, failures=0, probes=0, back=now)
    # Before its time an ejected endpoint has requests only because all are ejected: nothing to prolong.
    return _ejected(health, now, eject) if now >= health.until else health


def _ejected(health: Health, now: float, eject: Eject) -> Health:
    """One that was in for less time than it was out before has not recovered: it stays out longer."""
    relapse = health.until is not None or now - health.back < health.span
    span = min(2 * health.span, LONGEST * eject.duration) if relapse else eject.duration
    return replace(health, until=now + span, span=span)


def ejectable(others: Collection[Health], share: float) -> bool:
    """Whether one more of `len(others) + 1` endpoints may be ejected: at most `share` of them, though one of
    several may be whatever the share (unless it is 0), and never the last that works."""
    most = max(1, int(share * (len(others) + 1))) if share else 0
    ejected = sum(h.until is not None for h in others)
    return ejected < most and any(h.until is None and not h.down for h in others)
