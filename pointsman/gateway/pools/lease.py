"""The right to have one request running at one endpoint."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self

from pointsman.gateway.errors import ClientDisconnected
from pointsman.gateway.pools.endpoint import Endpoint
from pointsman.gateway.pools.health import Result
from pointsman.gateway.pools.predict import Asked

if TYPE_CHECKING:
    from pointsman.gateway.pools.pool import Pool

_LEFT = (asyncio.CancelledError, GeneratorExit, ClientDisconnected)

__all__ = ["Lease", "Result", "live_leases"]


class Lease:
    """Given out by `Pool.lease`. A `with` block ends it whatever happens; success is said explicitly."""

    __slots__ = ("_open", "_seen", "ahead", "asked", "began", "endpoint", "pool", "probe", "taken")

    out: ClassVar[int] = 0  # of the whole process: pools that a reload removed still have some

    def __init__(self, pool: Pool, endpoint: Endpoint, taken: float, *, probe: bool) -> None:
        self.pool = pool
        self.endpoint = endpoint
        self.taken = taken
        self.probe = probe  # its result decides about an ejected endpoint
        self.asked: Asked | None = None  # what a prediction of the first token goes by
        self.ahead = 0.0  # requests at the endpoint before this one
        self.began: float | None = None  # when a stream's first token came
        self._open = True
        self._seen = False
        endpoint.unanswered += 1
        Lease.out += 1

    def first_byte(self) -> None:
        """The endpoint began a good answer (not an error that will be released as FAILED)."""
        if self._open and not self._seen:
            self._seen = True
            self.endpoint.unanswered -= 1
            self.pool.answered(self)

    def first_token(self) -> None:
        """As `first_byte`, for the first event of a stream, which is what the endpoint's speed is judged by."""
        if self._open and not self._seen:
            self._seen = True
            self.endpoint.unanswered -= 1
            self.pool.answered(self, token=True)

    def spoke(self, tokens: int) -> None:
        """The answer is complete, with so many tokens; before `release`."""
        if self._open:
            self.pool.spoke(self, tokens)

    def release(self, result: Result, retry_after: float | None = None) -> None:
        """`retry_after`: seconds, of a BUSY endpoint that named them."""
        if self._open:
            self._open = False
            Lease.out -= 1
            if not self._seen:
                self.endpoint.unanswered -= 1
            self.pool.ended(self, result, retry_after)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.release(Result.CANCELLED if isinstance(error, _LEFT) else Result.FAILED)


def live_leases() -> int:
    return Lease.out
