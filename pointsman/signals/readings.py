"""What the signals say of one request: each is asked at most once, and only when somebody needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pointsman.signals.base import UNKNOWN, Cost, Signal, SignalValue
from pointsman.signals.facts import Facts


class Readings:
    """`readings[name]` evaluates on first use; KeyError for a name that no signal has."""

    __slots__ = ("_facts", "_signals", "elapsed", "failures", "values")

    def __init__(self, signals: Mapping[str, Signal[Any]], facts: Facts) -> None:
        self._signals = signals
        self._facts = facts
        self.values: dict[str, SignalValue] = {}
        self.elapsed: dict[str, float] = {}  # seconds, of those that were timed
        self.failures: dict[str, str] = {}

    def __getitem__(self, name: str, /) -> SignalValue:
        values = self.values
        if name in values:
            return values[name]
        signal = self._signals[name]
        try:
            value = values[name] = signal.evaluate(self._facts)
        # Signals are the part that others extend, and run on text that anyone may send: whatever one of them
        # raises is its own failure, reported by name, and never that of the request.
        except Exception as error:  # noqa: BLE001
            value = values[name] = UNKNOWN
            self.failures[name] = f"{type(error).__name__}: {error}"
        return value

    def read_texts(self) -> None:
        """Evaluate the signals that read text, in whichever thread that is best done."""
        for name, signal in self._signals.items():
            if signal.cost > Cost.FREE:
                _ = self[name]


class TimedReadings(Readings):
    __slots__ = ("_clock",)

    def __init__(self, signals: Mapping[str, Signal[Any]], facts: Facts, clock: Callable[[], float]) -> None:
        super().__init__(signals, facts)
        self._clock = clock

    def __getitem__(self, name: str, /) -> SignalValue:
        if name in self.values:
            return self.values[name]
        start = self._clock()
        value = super().__getitem__(name)
        self.elapsed[name] = self._clock() - start
        return value
