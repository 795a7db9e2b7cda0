"""What a candidate would have decided, against what was decided."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

MAX_PAIRS = 1024
"""Pairs of decisions that are counted apart."""
EXAMPLES = 3
"""Ids of requests that are kept of each pair that differs, the latest ones."""


class Disagreement:
    def __init__(self) -> None:
        self.compared = 0
        self.disagreed = 0
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], deque[str]] = {}

    def add(self, live: str, candidate: str, request: str) -> None:
        pair = (live, candidate)
        self.compared += 1
        self.disagreed += live != candidate
        if pair not in self._pairs and len(self._pairs) >= MAX_PAIRS:
            return
        self._pairs[pair] += 1
        if live != candidate:
            self._examples.setdefault(pair, deque(maxlen=EXAMPLES)).append(request)

    def report(self) -> dict[str, Any]:
        """The pairs, those that differ first and of these the most frequent."""
        ranked = sorted(self._pairs.items(), key=lambda item: (item[0][0] == item[0][1], -item[1], item[0]))
        return {
            "compared": self.compared,
            "disagreed": self.disagreed,
            "disagreement": round(self.disagreed / self.compared, 6) if self.compared else None,
            "matrix": [
                {"decision": live, "candidate": candidate, "count": count, "examples": self._ids(live, candidate)}
                for (live, candidate), count in ranked
            ],
        }

    def _ids(self, live: str, candidate: str) -> list[str]:
        return list(self._examples.get((live, candidate), ()))
