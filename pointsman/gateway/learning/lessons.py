"""What was learned about one decision by one kind of selector, and what the selectors of that kind make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pointsman.policies.select.base import Rewarded, Selector
from pointsman.policies.select.sums import NOTHING, Array, Sums, merged, total
from pointsman.policies.types import Decision

Subject = tuple[str, str]
"""A decision's name and a selector's."""

MAX_QUEUE = 100_000
"""Outcomes of one subject that may wait to be learned; those that come then are lost."""


def subject_of(decision: Decision) -> Subject:
    assert decision.selector is not None
    return decision.name, decision.selector.options.by


class Studied(NamedTuple):
    sums: Sums
    views: Sequence[Any]  # of each selector


class Notebook:
    """The sums of one subject: they stay over reloads, and the live configuration and a canary share them."""

    __slots__ = ("_observed", "_queue", "arms", "discount", "since", "subject", "sums", "turns", "used")

    def __init__(self, subject: Subject, since: float) -> None:
        self.subject = subject
        self.sums = NOTHING
        self.arms: dict[str, Array] = {}  # outcomes, evidence and reward that were told of each pool, never forgotten
        self.turns = 0  # choices so far
        self.since = since  # what was said before, it does not know
        self.used = since  # when some configuration last had it
        self._queue: list[Rewarded] = []
        self._observed: list[Sums] = []

    @property
    def waits(self) -> int:
        return len(self._queue) + len(self._observed)

    def tell(self, rewarded: Rewarded) -> None:
        if len(self._queue) >= MAX_QUEUE:
            return
        self._queue.append(rewarded)
        told = self.arms.setdefault(rewarded.arm, np.zeros(3))
        told += (rewarded.outcomes, rewarded.weight, rewarded.reward)

    def observe(self, delta: Sums) -> None:
        if (delta.count or delta.arrays) and len(self._observed) < MAX_QUEUE:
            self._observed.append(delta)

    def take(self) -> tuple[list[Rewarded], list[Sums]]:
        """What waits to be learned."""
        found = self._queue, self._observed
        self._queue, self._observed = [], []
        return found


class Lesson:
    """One selector, and its view of a notebook."""

    __slots__ = ("notebook", "observes", "selector", "stays", "view")

    def __init__(self, selector: Selector[Any], notebook: Notebook) -> None:
        self.selector = selector
        self.notebook = notebook
        self.observes = type(selector).observe is not Selector.observe
        self.stays = bool(getattr(selector.options, "stay", 0))  # whether it wants to know the conversation
        self.view = selector.view(notebook.sums)

    @property
    def turns(self) -> int:
        return self.notebook.turns


def study(
    selectors: Sequence[Selector[Any]], sums: Sums, told: Sequence[Rewarded], observed: Sequence[Sums]
) -> Studied:
    """Pure, and takes its time. The first of the selectors is the one that learns; the others are of its kind."""
    teacher = selectors[0]
    parts = [*(teacher.learn(rewarded) for rewarded in told), *observed]
    sums = merged(sums, total(parts, teacher.discount), teacher.discount)
    return Studied(sums, [selector.view(sums) for selector in selectors])


def is_large(sums: Sums, waiting: int) -> bool:
    """Whether the event loop should not wait for it."""
    return waiting > _MANY or sum(array.size for array in sums.arrays.values()) > _LARGE


_MANY = 32
_LARGE = 2048


def arms_of(arms: Mapping[str, Array]) -> dict[str, dict[str, float | int | None]]:
    """Of which those of several gateways may be added up, but for the mean."""
    return {
        name: {
            "outcomes": round(float(told[0])),
            "weight": round(float(told[1]), 6),
            "reward": round(float(told[2]), 6),
            "mean_reward": round(float(told[2] / told[1]), 6) if told[1] > 1e-9 else None,
        }
        for name, told in sorted(arms.items())
    }
