"""Signals that are made of other signals."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pointsman.signals.base import OptionsT, Signal, SignalValue
from pointsman.signals.facts import Facts

Ask = Callable[[str], SignalValue]


class Input(NamedTuple):
    """A signal, or one label of it, as the options name it."""

    name: str
    label: str | None
    keys: tuple[str, ...]  # where, below the signal's own

    @classmethod
    def at(cls, text: str, *keys: str) -> Input:
        name, dot, label = text.partition(".")
        return cls(name, label if dot else None, keys)


class Derived(Signal[OptionsT]):
    plain = False

    @property
    @abstractmethod
    def inputs(self) -> Sequence[Input]:
        """All that the options name."""

    def connect(self, signals: Mapping[str, Signal[Any]]) -> None:
        """Called once, with all that `inputs` name and before anything is asked."""
        self.cost = max(signals[found.name].cost for found in self.inputs)

    @abstractmethod
    def combine(self, ask: Ask) -> SignalValue:
        """From its inputs, which `ask` gives by name. What `ask` raises passes through."""

    def evaluate(self, facts: Facts) -> SignalValue:
        raise NotImplementedError("Readings ask it for what it makes of others")


def strength(value: SignalValue, label: str | None) -> float | None:
    """As a number: a boolean's score, a label's probability, else 1 or 0 for what holds or not. None if unknown."""
    found = value.value
    if found is None:
        return None
    if label is not None:
        if value.labels:
            return value.labels.get(label, 0.0)
        return float(found == label or (isinstance(found, tuple) and label in found))
    if isinstance(found, bool):
        return float(found) if value.score is None else value.score
    assert isinstance(found, int | float)
    return found
