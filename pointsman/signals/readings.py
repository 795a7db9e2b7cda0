"""What the signals say of one request: each is asked at most once, and only when somebody needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pointsman.signals.base import UNKNOWN, Cost, Signal, SignalValue
from pointsman.signals.facts import Facts


class Readings:
    """`readings[name]` evaluates on first use; KeyError for a name that no signal has. No clock: nothing is timed."""

    __slots__ = ("_clock", "_facts", "_signals", "elapsed", "failures", "values")

    def __init__(
        self, signals: Mapping[str, Signal[Any]], facts: Facts, clock: Callable[[], float] | None = None
    ) -> None:
        self._signals = signals
        self._facts = facts
        self._clock = clock
        self.values: dict[str, SignalValue] = {}
        self.elapsed: dict[str, float] = {}  # seconds
        self.failures: dict[str, str] = {}

    def __getitem__(self, name: str, /) -> SignalValue:
        value = self.values.get(name)
        if value is not None:
            return value
        signal, clock = self._signals[name], self._clock
        start = clock() if clock else 0.0
        try:
            value = signal.evaluate(self._facts)
        # Signals are the part that others extend, and run on text that anyone may send: whatever one of them
        # raises is its own failure, reported by name, and never that of the request.
        except Exception as error:  # noqa: BLE001
            value = UNKNOWN
            self.failures[name] = f"{type(error).__name__}: {error}"
        if clock:
            self.elapsed[name] = clock() - start
        self.values[name] = value
        return value

    def read_texts(self) -> None:
        """Evaluate the signals that read text, in whichever thread that is best done."""
        for name, signal in self._signals.items():
            if signal.cost > Cost.FREE:
                _ = self[name]
