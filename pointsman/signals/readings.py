"""What the signals say of one request: each is asked at most once, and only when somebody needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pointsman.signals.base import UNKNOWN, Signal, SignalValue
from pointsman.signals.facts import Facts


class Readings:
    """`readings[name]` evaluates on first use; KeyError for a name that no signal has."""

    __slots__ = ("_clock", "_facts", "_signals", "elapsed", "failures", "values")

    def __init__(self, signals: Mapping[str, Signal[Any]], facts: Facts, clock: Callable[[], float]) -> None:
        self._signals = signals
        self._facts = facts
        self._clock = clock
        self.values: dict[str, SignalValue] = {}
        self.elapsed: dict[str, float] = {}  # seconds
        self.failures: dict[str, str] = {}

    def __getitem__(self, name: str, /) -> SignalValue:
        value = self.values.get(name)
        return self._evaluate(name) if value is None else value

    def _evaluate(self, name: str) -> SignalValue:
        signal = self._signals[name]
        start = self._clock()
        try:
            value = signal.evaluate(self._facts)
        # Signals are the part that others extend, and run on text that anyone may send: whatever one of them
        # raises is its own failure, reported by name, and never that of the request.
        except Exception as error:  # noqa: BLE001
            value = UNKNOWN
            self.failures[name] = f"{type(error).__name__}: {error}"
        self.elapsed[name] = self._clock() - start
        self.values[name] = value
        return value
