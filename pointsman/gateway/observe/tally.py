"""How often each signal had each value."""

from __future__ import annotations

from collections.abc import Mapping

from pointsman.gateway.observe.families import Counter
from pointsman.gateway.observe.known import value_words
from pointsman.signals.base import SignalValue, Value

_REMEMBERED = 1024
"""Values of one signal that are counted apart between two scrapes."""


class Tally:
    """Counts the values as they are, which is all that a request pays for; what they are called is asked when
    somebody reads the metrics."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._seen: dict[str, dict[Value, int]] = {}

    @property
    def remembered(self) -> int:
        """Values that wait to be counted under their words."""
        return sum(map(len, self._seen.values()))

    def record(self, values: Mapping[str, SignalValue]) -> None:
        seen = self._seen
        for name, signal in values.items():
            try:
                seen[name][signal.value] += 1
            except KeyError:
                self._first(name, signal.value)

    def _first(self, name: str, value: Value) -> None:
        counts = self._seen.setdefault(name, {})
        if len(counts) < _REMEMBERED:
            counts[value] = 1
        else:
            self._count(name, value, 1)

    def flush(self) -> None:
        for name, counts in self._seen.items():
            for value, times in counts.items():
                self._count(name, value, times)
        self._seen.clear()

    def _count(self, name: str, value: Value, times: int) -> None:
        for word in value_words(value):
            self._counter.add((name, word), times)
