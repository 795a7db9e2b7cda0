"""What became of one request: the one thing that the metrics and the decision log are told."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from pointsman.signals.base import SignalValue
from pointsman.signals.facts import Facts, PoolLoad, Route

_NOTHING: Mapping[Any, Any] = MappingProxyType({})

MAX_TOKENS = 10**9
"""An upstream that counts more tokens than this in one answer is lying."""


class ErrorSource(StrEnum):
    GATEWAY = "gateway"
    UPSTREAM = "upstream"


class Phase(StrEnum):
    """What the client was waiting for when it hung up."""

    REQUEST = "request"  # nothing yet: it had not sent all of its request
    QUEUE = "queue"  # a place in the pool
    HEADERS = "headers"  # the upstream's first byte
    BODY = "body"  # the rest of an answer in one piece
    STREAM = "stream"  # more events


class Stage(StrEnum):
    """The parts of the gateway's own time."""

    PARSE = "parse"
    DECIDE = "decide"  # signals and rules
    SELECT = "select"  # the order of the candidates
    QUEUE = "queue"  # waiting for a place in the pool
    PREPARE = "prepare"  # the upstream's body and headers


class Result(StrEnum):
    """How one try at an endpoint ended."""

    OK = "ok"
    CONNECT = "connect"  # no connection
    TIMEOUT = "timeout"
    RESET = "reset"  # the connection broke
    INVALID = "invalid"  # an answer that is none
    REJECTED = "rejected"  # 4xx, the client's fault
    AUTH = "auth"  # 401 or 403, our key's fault
    LIMITED = "limited"  # 429
    ERROR = "error"  # 5xx
    CANCELLED = "cancelled"  # the client left


class Refused(StrEnum):
    """Why a request was refused unread."""

    BUSY = "busy"  # the event loop cannot keep up
    CONNECTIONS = "connections"  # it came on one beyond `server.max_connections`


class Skipped(StrEnum):
    """Why the candidate did not decide a request that was its to decide."""

    BUSY = "busy"  # too many waited
    NEURAL = "neural"  # the encoder would have to be asked, and may not be or was late
    NO_ROUTE = "no_route"  # a canary's request for which it has no decision
    FAILED = "failed"  # a fault


class Cause(StrEnum):
    """Why there was a try."""

    FIRST = "first"
    RETRY = "retry"  # another in the same pool, after a failure
    FAILOVER = "failover"  # in the next pool, after a failure
    HEDGE = "hedge"  # beside one that takes longer than is usual


class Attempt(NamedTuple):
    pool: str
    endpoint: str
    result: Result
    seconds: float
    cause: Cause = Cause.FIRST


class Usage(NamedTuple):
    """Tokens as the upstream counted them; `cached` is a part of `prompt`, None if it was not told."""

    prompt: int
    completion: int
    cached: int | None = None

    @classmethod
    def read(cls, prompt: object, completion: object, cached: object = None) -> Usage | None:
        """None unless both counts are plausible: usage is never invented."""
        tokens, generated = _count(prompt), _count(completion)
        if tokens is None or generated is None:
            return None
        reused = None if cached is None else _count(cached)
        return cls(tokens, generated, reused if reused is not None and reused <= tokens else None)

    def cost(self, input_price: float, output_price: float) -> float:
        """USD, from prices in USD per million tokens."""
        return (self.prompt * input_price + self.completion * output_price) / 1e6


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TOKENS:
        return value
    return None


class Chosen(NamedTuple):
    """Who answered, or was tried last. A failover changes the pool, not how it all began."""

    pool: str
    model: str  # the upstream's name of it
    endpoint: str | None  # None if none was free or alive
    by: str  # the selector
    propensity: float = 1.0  # probability with which it put the first candidate first


class Timings(NamedTuple):
    """Seconds. `overhead` is `total` without the waits for the upstream and for a place in the pool."""

    total: float
    overhead: float
    upstream: float = 0.0
    ttft: float | None = None  # request received → first byte to the client; streams only
    stages: Mapping[Stage, float] = _NOTHING


class Outcome(NamedTuple):
    id: str
    route: Route
    status: int
    timings: Timings
    time: float = 0.0  # Unix time of arrival
    facts: Facts | None = None  # None if the request could not be read
    tenant: str | None = None
    stream: bool = False
    error_source: ErrorSource | None = None
    error_code: str | None = None
    decision: str | None = None  # None if it did not come so far
    config: str | None = None  # fingerprint of the configuration that decided
    canary: bool = False  # whether that is a candidate with a share of the requests
    candidates: tuple[str, ...] = ()  # pools, as the decision lists them
    chosen: Chosen | None = None
    cache: str = "bypass"
    events: int = 0  # of a stream, sent to the client
    gaps: float = 0.0  # seconds between them, in sum
    usage: Usage | None = None
    cost: float | None = None  # USD
    disconnect: Phase | None = None
    signals: Mapping[str, SignalValue] = _NOTHING  # those that were evaluated
    signal_seconds: Mapping[str, float] = _NOTHING
    pools: Mapping[str, PoolLoad] = _NOTHING  # states that conditions read
    attempts: tuple[Attempt, ...] = ()
