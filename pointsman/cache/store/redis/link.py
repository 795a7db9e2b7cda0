"""How it stands between us and Redis: what is wrong at the moment, and what was."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from redis.exceptions import (
    AskError,
    ClusterError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

log = structlog.get_logger(__name__)

COMPLAIN = 60.0
"""Seconds between two messages of the same trouble."""
_PASSING = (ReadOnlyError, ClusterError, AskError, TryAgainError)
_PASSES = re.compile("BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|READONLY|TRYAGAIN")
"""What a server says that can do it later; within the message where a script meets it."""
FAILURES: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError)
"""What redis-py raises. `asyncio.IncompleteReadError` is an EOFError, and does not leave it."""


class Patience(NamedTuple):
    """Seconds, but for `failures`."""

    budget: float = 0.05  # for a document that somebody waits for
    failures: int = 3  # one after the other, until nobody waits any more
    again: float = 1.0  # between two attempts meanwhile
    answer: float = 1.0  # for an answer that nobody waits for
    connect: float = 1.0
    block: float = 1.0  # of one look at the stream
    checked: float = 10.0  # between two looks whether Redis still has what it had
    start: float = 2.0  # that the first request waits


PATIENCE = Patience()


@dataclass(slots=True)
class Counts:
    away: int = 0  # documents that were not asked for, as Redis does not answer
    late: int = 0  # and those that were, and did not come within the budget
    failed: int = 0  # commands that failed
    dropped: int = 0  # changes that Redis will never hear of
    full: int = 0  # documents that it had no room for
    foreign: int = 0  # values that are not ours, or broken
    resyncs: int = 0  # times that all entries were read


class Link:
    def __init__(self, shown: str) -> None:
        self.counts = Counts()
        self._shown = shown
        self._troubles: set[str] = set()
        self._told: dict[str, float] = {}
        self._away, self._complained = float("-inf"), False

    @property
    def up(self) -> bool:
        return not self._troubles

    def trouble(self, what: str, why: BaseException) -> None:
        """Told once, until all is well again; if that changes all the time, once a minute."""
        now = time.monotonic()
        if not self._troubles and now - self._away >= COMPLAIN:
            self._away, self._complained = now, True
            log.warning("cache_store_away", redis=self._shown, failed=what, reason=reason(why))
        self._troubles.add(what)

    def fine(self, what: str) -> None:
        if what in self._troubles:
            self._troubles.remove(what)
            if not self._troubles and self._complained:
                self._complained = False
                log.info("cache_store_back", redis=self._shown)

    def complain(self, event: str, why: str) -> None:
        now = time.monotonic()
        if now - self._told.get(event, float("-inf")) >= COMPLAIN:
            self._told[event] = now
            log.error(event, redis=self._shown, reason=why)


def reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200] if str(error) else type(error).__name__


def is_full(error: Exception) -> bool:
    return isinstance(error, OutOfMemoryError) or (isinstance(error, ResponseError) and "OOM" in str(error))


def is_refusal(error: Exception) -> bool:
    """Redis has read it, and does not do it; it would not the next time either."""
    return isinstance(error, ResponseError) and not isinstance(error, _PASSING) and not _PASSES.search(str(error))
