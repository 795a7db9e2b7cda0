"""How long answers were, and how long they took, so far in a log."""

from __future__ import annotations

from pointsman.gateway.replay.entries import Entry
from pointsman.policies.select.context import Forecast

_SHARE = 0.02
"""Of the latest answer in the mean; about fifty of them count."""


class Pace:
    def __init__(self) -> None:
        self._means: dict[str, Forecast] = {}

    def add(self, entry: Entry) -> None:
        if entry.answered is None:
            return
        before, tokens = self.forecast(entry.answered), None if entry.usage is None else float(entry.usage.completion)
        ttft, tpot = entry.paced
        self._means[entry.answered] = Forecast(
            _moved(before.output_tokens, tokens), _moved(before.ttft, ttft), _moved(before.tpot, tpot)
        )

    def forecast(self, pool: str) -> Forecast:
        return self._means.get(pool, _UNFORESEEN)


_UNFORESEEN = Forecast()


def _moved(mean: float | None, latest: float | None) -> float | None:
    if mean is None or latest is None:
        return latest if mean is None else mean
    return mean + _SHARE * (latest - mean)
