"""What selectors have learned, by decision: kept here, so that selectors stay pure and a reload loses nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pointsman.policies.select.base import Rewarded, Selector
from pointsman.policies.select.context import Context
from pointsman.policies.select.sums import NOTHING, Sums, merged
from pointsman.policies.types import Choice, Decision


class Lesson:
    """The sums of one decision's selector, and what was made of them."""

    __slots__ = ("_pending", "_selector", "sums", "turns", "view")

    def __init__(self, selector: Selector[Any], sums: Sums = NOTHING) -> None:
        self._selector = selector
        self._pending = NOTHING
        self.sums = sums
        self.turns = 0
        self.view = selector.view(sums)

    @property
    def selector(self) -> Selector[Any]:
        return self._selector

    def add(self, delta: Sums) -> None:
        self._pending = merged(self._pending, delta, self._selector.discount)

    def fold(self) -> bool:
        """Make what was added count; whether there was anything."""
        pending = self._pending
        if not pending.count and not pending.arrays:
            return False
        self._pending = NOTHING
        self.sums = merged(self.sums, pending, self._selector.discount)
        self.view = self._selector.view(self.sums)
        return True


class Learner:
    """Single-threaded: everything happens on the event loop."""

    def __init__(self) -> None:
        self._lessons: dict[str, Lesson] = {}

    def lesson(self, decision: Decision) -> Lesson:
        """Of the decision's selector as it is configured now."""
        lesson = self._lessons.get(decision.name)
        selector = decision.selector
        assert selector is not None
        if lesson is None or lesson.selector is not selector:
            known = lesson.sums if lesson is not None and lesson.selector.options.by == selector.options.by else NOTHING
            lesson = self._lessons[decision.name] = Lesson(selector, known)
        return lesson

    def chosen(self, decision: Decision, context: Context, choice: Choice) -> None:
        """A request is on its way."""
        lesson = self.lesson(decision)
        lesson.turns += 1
        if lesson.selector.learns:
            lesson.add(lesson.selector.observe(context, choice))

    def rewarded(self, decision: Decision, rewarded: Rewarded) -> None:
        lesson = self.lesson(decision)
        lesson.add(lesson.selector.learn(rewarded))

    def fold(self) -> None:
        """Make what was learned count."""
        for lesson in self._all():
            lesson.fold()

    def _all(self) -> Iterable[Lesson]:
        return self._lessons.values()
