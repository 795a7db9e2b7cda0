"""What became of one request: the one thing that the metrics and the decision log are told."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from pointsman.policies.cascade import Verdict
from pointsman.policies.select.context import Context
from pointsman.policies.types import Choice
from pointsman.signals.base import SignalValue
from pointsman.signals.facts import Facts, PoolLoad, Route

_NOTHING: Mapping[Any, Any] = MappingProxyType({})

MAX_TOKENS = 10**9
"""An upstream that counts more tokens than this in one answer is lying."""


HITS = frozenset({"hit", "exact"})
"""Of `Outcome.cache`: the answer was kept from before."""


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
    CACHE = "cache"  # looking for a kept answer
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


class Uncached(StrEnum):
    """Why a request of a decision that caches was not answered from the cache, or its answer not kept."""

    ROUTE = "route"  # answers of this route are no texts
    NO_STORE = "no_store"  # the client wants nothing kept
    NO_CACHE = "no_cache"  # the client wants an answer made for it
    CHOICES = "choices"  # more than one
    TOOLS = "tools"  # it offers some
    MODALITY = "modality"  # it is not text alone
    ALONE = "alone"  # it asks for log-probabilities and the like
    STATE = "state"  # it goes on with what the upstream remembers
    TEMPERATURE = "temperature"  # it wants to be surprised
    LONG = "long"  # the conversation is
    NO_TEXT = "no_text"  # it does not end with a text of the user's
    FLAGGED = "flagged"  # a jailbreak or pii signal fired
    PERSONAL = "personal"  # personal data in the question or the answer
    VOLATILE = "volatile"  # tomorrow the answer is another one
    FAILED = "failed"  # no answer came, or not all of it
    TRUNCATED = "truncated"  # it ends in the middle
    REFUSED = "refused"  # the model, or its filter, refused
    EMPTY = "empty"
    TOOL_CALL = "tool_call"  # the answer is one
    UNACCEPTED = "unaccepted"  # a cascade or panel was not content with it
    LARGE = "large"  # the answer is
    UNREADABLE = "unreadable"  # it is no whole answer of its wire
    BROKEN = "broken"  # what was kept cannot be told again
    ENCODER = "encoder"  # only equal texts were looked for: it was late, busy, or failed
    ANONYMOUS = "anonymous"  # every user has his own, and it names none
    EXPLORED = "explored"  # the model is asked to see whether the kept answer was right
    OFF = "off"  # the category does not pay


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


class Labelled(StrEnum):
    """Who says whether a kept answer was right for a question."""

    ANSWER = "answer"  # the model's own answer to it
    REASK = "reask"  # likewise, to the same text once more
    JUDGE = "judge"
    FEEDBACK = "feedback"


class Opined(StrEnum):
    """What became of asking a judge whether two questions have the same answer."""

    SAME = "same"
    DIFFERENT = "different"
    UNCLEAR = "unclear"  # it said neither
    FAILED = "failed"
    BUSY = "busy"  # its pool had enough to do
    DROPPED = "dropped"  # too many waited


class Step(NamedTuple):
    """One answer of a cascade or a panel."""

    pool: str
    verdict: Verdict
    reason: str = ""
    measures: Mapping[str, float] = _NOTHING  # what the verdict rests on, by test
    unmeasured: tuple[str, ...] = ()  # tests that could not be made
    seconds: float = 0.0
    cost: float | None = None  # USD, with what it took to judge it


class Judged(StrEnum):
    """What became of an answer that was sampled to be judged."""

    GRADED = "graded"
    UNCLEAR = "unclear"  # the judge said something else than a number
    FAILED = "failed"  # the judge did not answer
    BUSY = "busy"  # its pool had enough to do
    DROPPED = "dropped"  # too many waited
    UNFIT = "unfit"  # no whole answer with a text, or the judge's own


class PanelEnding(StrEnum):
    """Whose answer the client of a panel has."""

    PICKED = "picked"  # the judge's choice
    SYNTHESIZED = "synthesized"  # the last round's
    PARTIAL = "partial"  # the best so far: no verdict, or time or money ran out
    FAILED = "failed"  # too few members answered: the models were asked one after the other
    UNFIT = "unfit"  # it had no panel, because it wants what only one model can give


class Flown(StrEnum):
    """How a request that found nothing in the cache came to its answer, where equal ones may come along."""

    LED = "led"  # its own call
    FOLLOWED = "followed"  # that of another, at the same time
    TOOK_OVER = "took_over"  # its own, after that of another had failed


class Reused(NamedTuple):
    """Kept answers that one pool could be shown as examples. Chance decided whether it was."""

    pool: str
    given: bool
    propensity: float  # probability with which it was decided so
    entries: tuple[str, ...]
    tokens: int  # an estimate


class Cached(NamedTuple):
    """What became of a request of a decision that caches; `Outcome.cache` says whether it was a hit."""

    category: str
    refused: Uncached | None = None  # why it was not looked up, or its answer not kept
    entry: str | None = None  # that it was answered with
    similarity: float | None = None  # of the entry, or of the nearest that was not taken
    age: float | None = None  # seconds
    guard: str | None = None  # why the guard did not take the nearest
    seconds: float = 0.0  # that the lookup took, without the encoder
    saved_seconds: float = 0.0  # that the kept answer had taken
    saved_cost: float = 0.0  # USD that it had cost
    kept: bool = False  # whether the answer can be hit from now on
    flight: Flown | None = None
    reused: Reused | None = None


class Extra(NamedTuple):
    """An answer that was paid for, and is not the one that the client has: rejected, a judge's, a panel member's."""

    pool: str
    model: str
    usage: Usage | None
    cost: float | None  # USD


class Chosen(NamedTuple):
    """Who answered, or was tried last. A failover changes the pool, not how it all began."""

    pool: str
    model: str  # the upstream's name of it
    endpoint: str | None  # None if none was free or alive
    by: str  # the selector
    propensity: float = 1.0  # probability with which it put the first candidate first


class Selected(NamedTuple):
    """What the selector said, and what it was told."""

    choice: Choice
    context: Context


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
    selected: Selected | None = None  # None if no selector was asked
    cache: str = "bypass"
    cached: Cached | None = None  # None if the decision does not cache
    events: int = 0  # of a stream, sent to the client
    gaps: float = 0.0  # seconds between them, in sum
    usage: Usage | None = None
    cost: float | None = None  # USD
    finish: str | None = None  # why the answer ended, as its upstream calls it
    disconnect: Phase | None = None
    signals: Mapping[str, SignalValue] = _NOTHING  # those that were evaluated
    signal_seconds: Mapping[str, float] = _NOTHING
    pools: Mapping[str, PoolLoad] = _NOTHING  # states that conditions read
    attempts: tuple[Attempt, ...] = ()
    steps: tuple[Step, ...] = ()
    panel: PanelEnding | None = None
    extras: tuple[Extra, ...] = ()  # their costs are parts of `cost`, their tokens none of `usage`
