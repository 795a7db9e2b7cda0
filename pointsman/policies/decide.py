"""Which decision a request meets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pointsman.policies.compiled import first_of
from pointsman.policies.types import Decision, Pools, Readings, Strategy
from pointsman.signals.base import Signal


@dataclass(frozen=True, slots=True)
class Verdict:
    decision: Decision | None


def in_order(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """As they are asked: higher priority first, then as they stand in the file."""
    return tuple(sorted(decisions, key=lambda decision: -decision.priority))


def tiers(decisions: Iterable[Decision], strategy: Strategy) -> list[list[Decision]]:
    """The decisions in order, with those together that are compared with each other."""
    ordered = in_order(decisions)
    if strategy == "confidence":
        return [list(tier) for _, tier in groupby(ordered, key=lambda decision: decision.priority)]
    return [[decision] for decision in ordered]


class Policy:
    """Built once per reload from decisions whose expressions have no `resolve.problems`."""

    def __init__(
        self,
        decisions: Iterable[Decision],
        signals: Mapping[str, Signal[Any]],
        strategy: Strategy = "priority",
    ) -> None:
        ranked = tiers(decisions, strategy)
        self.decisions = tuple(decision for tier in ranked for decision in tier)
        self.strategy: Strategy = strategy
        self._signals = signals
        self._first = first_of([[decision.when for decision in tier] for tier in ranked], signals)
        self._verdicts = (*map(Verdict, self.decisions), Verdict(None))  # index -1 is no match

    def decide(self, readings: Readings, pools: Pools) -> Verdict:
        """The decision that wins. Signals that cannot change that are not read."""
        return self._verdicts[self._first(readings, pools)]

    def guards(self) -> Policy | None:
        """What of it matters where only its own answers do; None if it has none."""
        ranked = tiers(self.decisions, self.strategy)
        while ranked and all(decision.respond is None for decision in ranked[-1]):
            ranked.pop()
        kept = [decision for tier in ranked for decision in tier]
        return Policy(kept, self._signals, self.strategy) if kept else None
