"""What a selector is told about one request, and about the models that it may choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pointsman.signals.facts import Facts, PoolLoad

if TYPE_CHECKING:
    from pointsman.signals.prompt import Prompt

Doubles = NDArray[np.float64]


class Candidate(NamedTuple):
    """One of a decision's models, as the configuration describes it."""

    name: str
    input_price: float = 0.0  # USD per million tokens
    output_price: float = 0.0
    quality: Mapping[str, float] = MappingProxyType({})  # prior in [0, 1]: `default`, and by domain
    context: int | None = None  # tokens
    model: str = ""  # that the pool serves


class Measure(StrEnum):
    """Of what quantiles are kept, in seconds."""

    TTFT = "ttft"
    TPOT = "tpot"
    TOTAL = "total"  # the whole answer


def unmeasured(measure: Measure, share: float) -> None:
    return None


class Forecast(NamedTuple):
    """What a pool's next answer will be like; None is unknown."""

    output_tokens: float | None = None
    ttft: float | None = None  # seconds to the first token
    tpot: float | None = None  # seconds for each further one
    quantile: Callable[[Measure, float], float | None] = unmeasured  # that a share of the last answers did not exceed


class Fleet(NamedTuple):
    """The endpoints that can take the request, one element each; NaN is unknown."""

    pools: NDArray[np.int64]  # index among the models that were asked for
    names: Sequence[str]
    inflight: Doubles  # requests there, whoever sent them
    used: Doubles  # share of its capacity in use, above 1 where requests wait
    ttft: Doubles  # seconds that this prompt's first token is predicted to take
    tpot: Doubles  # seconds for each further token


class Previous(NamedTuple):
    """The conversation's turn before this one."""

    pool: str
    turns: int = 1  # answered there in a row
    tokens: int = 0  # of its prompt and answer: what that model's KV cache may still hold
    seconds: float = 0.0  # ago
    tool_loop: bool = False  # the last message is a tool's result: the model waits for it


NO_FLEET = Fleet(np.zeros(0, np.int64), (), *(np.zeros(0),) * 4)


def idle(pool: str) -> PoolLoad:
    return PoolLoad()


def unforeseen(pool: str) -> Forecast:
    return Forecast()


def no_fleet(pools: Sequence[str], prompt_tokens: int) -> Fleet:
    return NO_FLEET


class Context(NamedTuple):
    facts: Facts
    pools: Callable[[str], PoolLoad] = idle
    prompt: Prompt | None = None  # None if the selector does not read it, or the encoder was late
    previous: Previous | None = None  # None: a first turn, or nothing is known of it
    turn: int = 0  # choices that were made for this decision before
    budget: float | None = None  # USD that this request may cost
    first_token: float | None = None  # seconds that it may take: what the decision's `slo` asks for
    per_token: float | None = None  # and each further one
    forecast: Callable[[str], Forecast] = unforeseen
    fleet: Callable[[Sequence[str], int], Fleet] = no_fleet  # of these pools, for a prompt of so many tokens
