"""What pools tell whoever counts it."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from pointsman.gateway.pools.claim import Priority


class Denial(StrEnum):
    """Why a pool did not take a request."""

    OVERFLOW = "overflow"  # every place was taken, and the next model did not have to be waited for
    FULL = "full"  # the queue was, too
    DISPLACED = "displaced"  # another came first and the queue was full
    TIMEOUT = "timeout"  # it waited as long as `queue_timeout`
    DEADLINE = "deadline"  # the answer would have begun too late


class Events(Protocol):
    def queued(self, pool: str, priority: Priority, seconds: float) -> None:
        """Until it got a place."""

    def denied(self, pool: str, why: Denial) -> None: ...

    def predicted(self, pool: str, error: float) -> None:
        """`error` seconds sooner or later than predicted."""


class _Unheard:
    def queued(self, pool: str, priority: Priority, seconds: float) -> None: ...
    def denied(self, pool: str, why: Denial) -> None: ...
    def predicted(self, pool: str, error: float) -> None: ...


UNHEARD: Events = _Unheard()
