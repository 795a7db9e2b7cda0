"""The interface of a signal: facts in, one value out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from math import inf
from types import MappingProxyType
from typing import ClassVar, Generic, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from pointsman.signals.facts import Facts

Value = bool | str | float | int | tuple[str, ...] | None
"""A boolean, a label (or several), a number; None is *unknown*."""

NO_LABELS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Span:
    """Where something was found: code points of message number `message`."""

    start: int
    end: int
    type: str
    score: float = 1.0
    message: int = 0


class SignalValue(NamedTuple):
    value: Value
    score: float | None = None  # in [0, 1]; higher means more of what the signal is named for
    labels: Mapping[str, float] = NO_LABELS
    spans: tuple[Span, ...] = ()


UNKNOWN = SignalValue(None)
TRUE = SignalValue(True, 1.0)
FALSE = SignalValue(False, 0.0)


class Cost(IntEnum):
    """The order in which signals are evaluated when the order does not change the outcome."""

    FREE = 0  # fields that are there already
    HEURISTIC = 1  # reads text
    NEURAL = 2  # needs the encoder


class Shape(StrEnum):
    BOOL = "bool"
    LABEL = "label"
    NUMBER = "number"


class LabelCount(StrEnum):
    """How many labels a signal gives at once, if its value is known."""

    ONE = "one"
    AT_MOST_ONE = "at most one"
    ANY = "any number"


class Numbers(NamedTuple):
    """Which numbers a signal can give, both ends included."""

    least: float = -inf
    most: float = inf
    whole: bool = False


COUNT = Numbers(least=0, whole=True)


class SignalOptions(BaseModel):
    """The YAML of one signal. Each signal type narrows `type` to a Literal and adds its options."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    on_unknown: bool = False


OptionsT = TypeVar("OptionsT", bound=SignalOptions)


class Signal(ABC, Generic[OptionsT]):
    """Built once per reload from its options (compile patterns in `__init__`, raise ValueError with the fix
    if they are bad), then called for each request. `evaluate` is pure and must not raise on any text."""

    Options: ClassVar[type[SignalOptions]]
    cost: Cost = Cost.HEURISTIC
    label_count: LabelCount = LabelCount.AT_MOST_ONE
    """If it gives labels."""
    numbers: Numbers = Numbers()
    """If it gives numbers: those that can occur."""
    plain: bool = True
    """Whether `evaluate` is all there is to it; see `NeuralSignal` and `Derived` for the others."""

    def __init__(self, name: str, options: OptionsT) -> None:
        self.name = name
        self.options = options

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """What `when:` may do with it: stand alone, take a label, be compared."""

    @property
    def known_labels(self) -> frozenset[str] | None:
        """The labels that exist, lower case with underscores; None if any may occur (or it has none)."""
        return None

    @classmethod
    def join(cls, signals: Sequence[Self]) -> None:
        """Called once with all signals of this class, for those that can share work."""
        return

    @abstractmethod
    def evaluate(self, facts: Facts) -> SignalValue: ...
