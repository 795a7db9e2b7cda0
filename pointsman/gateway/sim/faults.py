"""Faults on demand: which ones are on, and which one a request meets."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from random import Random

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Kind(StrEnum):
    ERROR = "error"  # an error object instead of an answer
    LATENCY = "latency"  # `seconds` more before the headers
    HANG = "hang"  # no headers, ever
    RESET = "reset"  # the connection is reset before the headers
    HANG_STREAM = "hang_stream"  # nothing more after some events
    CUT = "cut"  # the connection closes after some events
    TRUNCATE = "truncate"  # the answer ends after some events as if it were complete
    RESET_STREAM = "reset_stream"  # the connection is reset in the middle of an event
    HEALTH = "health"  # /health and /ping fail


IN_BODY = frozenset({Kind.HANG_STREAM, Kind.CUT, Kind.TRUNCATE, Kind.RESET_STREAM})


class Fault(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    rate: float = Field(default=1.0, ge=0, le=1)  # share of the requests that meet it
    times: int | None = Field(default=None, ge=1)  # it is over after so many
    status: int = Field(default=500, ge=400, le=599)  # of error
    retry_after: int | None = Field(default=None, ge=0)  # seconds, header of error
    seconds: float = Field(default=1.0, ge=0)  # of latency, in real time
    after: int = Field(default=1, ge=0)  # events of the stream that still come


def parse_fault(text: str) -> Fault:
    """`KIND` or `KIND:key=value,key=value`, as flags and the header write it."""
    kind, _, rest = text.strip().partition(":")
    pairs = [pair.partition("=") for pair in rest.split(",") if pair.strip()]
    values = {key.strip(): value.strip() for key, _, value in pairs}
    try:
        return Fault.model_validate({**values, "kind": kind.strip()})
    except ValidationError as error:
        raise ValueError(f"{text!r} is no fault: {explain(error)}; write KIND or KIND:key=value,…") from None


def explain(error: ValidationError) -> str:
    """The first thing that pydantic found, in one line."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


class Faults:
    """The faults that are on. Draws are seeded, so that a run can be repeated."""

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self._random = Random(seed)
        self._left: list[tuple[Fault, int | None]] = []
        self.replace(faults)

    @property
    def active(self) -> list[Fault]:
        return [fault for fault, left in self._left if left != 0]

    def replace(self, faults: Iterable[Fault]) -> None:
        self._left = [(fault, fault.times) for fault in faults]

    def draw(self) -> list[Fault]:
        """What the next request meets."""
        return [fault for index, fault in self._candidates(health=False) if self._meets(index, fault)]

    def sick(self) -> bool:
        """Whether this health check fails."""
        return any(self._meets(index, fault) for index, fault in self._candidates(health=True))

    def _candidates(self, health: bool) -> list[tuple[int, Fault]]:
        return [
            (index, fault)
            for index, (fault, left) in enumerate(self._left)
            if left != 0 and (fault.kind is Kind.HEALTH) is health
        ]

    def _meets(self, index: int, fault: Fault) -> bool:
        if fault.rate < 1 and self._random.random() >= fault.rate:
            return False
        left = self._left[index][1]
        self._left[index] = (fault, None if left is None else left - 1)
        return True
