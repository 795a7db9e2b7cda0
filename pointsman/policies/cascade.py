"""The course of a cascade: models are asked one after the other until an answer is good enough.

Pure: no IO, no clock, no chance. Whoever runs it does what it says, and tells what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from pointsman.policies.accept import TESTS, Accept, Measured
from pointsman.policies.types import Procedure

_WHOLE = frozenset(("stop", "tool_calls", None))
"""Finish reasons of an answer that is all there; some servers give none."""


class Verdict(StrEnum):
    """What became of one model's turn."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  # a test found its answer wanting
    FAILED = "failed"  # it gave none
    SKIPPED = "skipped"  # it was not asked


@dataclass(frozen=True, slots=True)
class Cascade(Procedure):
    accept: Accept
    prompt: Mapping[str, float] = field(default_factory=dict)  # `need` and `difficulty`, if they are known
    max_cost: float | None = None  # USD, all models together
    max_seconds: float | None = None  # after which no other model is asked or waited for
    optimistic: bool = False
    direct: bool = False  # the first model's answer is the one, whatever it is

    def steps(self, pools: Sequence[str]) -> list[dict[str, Any]]:
        """What would be done with `pools`, in their order."""
        if self.direct:
            return [{"pool": pools[0], "accept": "always"}] if pools else []
        accept = [self.accept.shown()] * (len(pools) - 1)
        return [{"pool": p, "accept": how} for p, how in zip(pools, [*accept, "always"], strict=False)]


class Prospect(NamedTuple):
    """What to expect of a question that was not asked yet."""

    able: bool = True
    seconds: float = 0.0  # until its answer begins
    cost: float = 0.0  # USD


class Standing(NamedTuple):
    """Where the cascade stands."""

    seconds: float  # since it began
    left: float  # seconds until the answer is of no use any more
    cost: float  # USD spent
    model: Callable[[int], Prospect] = lambda place: Prospect()
    test: Callable[[str], Prospect] = lambda test: Prospect()  # of `self_check` and `judge`


class Ask(NamedTuple):
    place: int
    patience: float | None = None  # seconds; None: there is nothing else to deliver, so as long as it takes


class Check(NamedTuple):
    test: str  # `self_check` or `judge`
    place: int
    patience: float


class Deliver(NamedTuple):
    """The answer that the model at `place` gave."""

    place: int


class GiveUp(NamedTuple):
    """There is no answer: tell of the failure."""


Action = Ask | Check | Deliver | GiveUp


@dataclass(slots=True)
class Turn:
    """What became of the model at `place`."""

    place: int
    verdict: Verdict
    reason: str = ""
    measures: dict[str, float] = field(default_factory=dict)
    unmeasured: tuple[str, ...] = ()


class Course:
    """`start`, and then whatever happened; each answers with what to do next. `turns` tells what has become of whom."""

    def __init__(self, cascade: Cascade, models: int) -> None:
        self._cascade = cascade
        self._accept = cascade.accept
        self._models = models
        self._place = 0
        self._answer: Measured | None = None  # that is being judged
        self._measures: dict[str, float] = {}
        self._made: set[str] = set()
        self._unmeasured: list[str] = []
        self._left: list[str] = []  # tests that take another model
        self._best: int | None = None  # place of the answer that would be delivered now
        self._best_whole = False
        self.turns: list[Turn] = []

    def start(self) -> Action:
        return Ask(0)

    def answered(self, answer: Measured | None, now: Standing) -> Action:
        """None: it is an answer, but cannot be read."""
        self._answer, self._measures, self._made, self._unmeasured = answer, {}, set(), []
        wanting = _incomplete(answer)
        if self._best is None or not wanting or not self._best_whole:
            earlier, self._best, self._best_whole = self._best, self._place, not wanting
        else:
            earlier = self._best
        if self._place + 1 == self._models:
            if self._best == earlier:
                return self._reject(wanting, now)
            return self._accepted("last")
        if answer is not None and answer.parses:
            return self._accepted("tool_calls")
        if rejected := self._first_look(answer, wanting):
            return self._reject(rejected, now)
        return self._doubt(answer, now)

    def _first_look(self, answer: Measured | None, wanting: str) -> str:
        """Why the answer is bad enough to reject it unread; '' if it is not."""
        accept = self._accept
        if answer is None:
            given = (accept.finish, accept.min_chars is not None, accept.max_chars is not None)
            self._unmeasured += [t for t, is_given in zip(TESTS, given, strict=False) if is_given]
            return ""
        if accept.finish:
            self._made.add("finish")
            if wanting:
                return wanting
        for test, limit, sign in (("min_chars", accept.min_chars, 1), ("max_chars", accept.max_chars, -1)):
            if limit is None:
                continue
            self._made.add(test)
            if sign * answer.chars < sign * limit:
                return self._measure(test, answer.chars)
        return ""

    def _doubt(self, answer: Measured | None, now: Standing) -> Action:
        accept = self._accept
        if accept.gate is not None:
            if answer is None:
                self._unmeasured.append("gate")
            else:
                doubt = accept.gate.score(self._cascade.prompt, answer)
                shown = self._measure("gate", doubt)
                if doubt < accept.gate.above:
                    return self._accepted(shown)
                if not accept.evidence:
                    return self._reject(shown, now)
        for test, least in (("logprob", accept.logprob), ("margin", accept.margin)):
            if least is None:
                continue
            value = None if answer is None else getattr(answer, test)
            if value is None:
                self._unmeasured.append(test)
                continue
            shown = self._measure(test, value)
            if value < least:
                return self._reject(shown, now)
        asked = (("self_check", accept.self_check is not None), ("judge", accept.judge is not None))
        # what cannot be read cannot be shown to anybody
        self._left = [test for test, wanted in asked if wanted and answer is not None]
        self._unmeasured += [test for test, wanted in asked if wanted and answer is None]
        return self._next_check(now)

    def checked(self, score: float | None, now: Standing) -> Action:
        """What came of the check: in [0, 1] for `self_check`, 0 to 10 for `judge`; None if nothing did."""
        test, accept = self._left.pop(0), self._accept
        if score is None:
            self._unmeasured.append(test)
            return self._next_check(now)
        shown = self._measure(test, score)
        least = accept.self_check if test == "self_check" else accept.judge and accept.judge.score
        return self._reject(shown, now) if score < (least or 0.0) else self._next_check(now)

    def _next_check(self, now: Standing) -> Action:
        while self._left:
            patience = self._patience(now)
            prospect = now.test(self._left[0])
            if prospect.able and prospect.seconds < patience and self._affords(prospect, now):
                return Check(self._left[0], self._place, patience)
            self._unmeasured.append(self._left.pop(0))
        if self._convinced():
            return self._accepted("")
        return self._reject("unmeasured", now)

    def _convinced(self) -> bool:
        """Something was measured of what was asked for; whether an answer came whole says nothing of its worth."""
        wanted = self._accept.evidence
        return not wanted.isdisjoint(self._made) if wanted else bool(self._made)

    def failed(self, reason: str, now: Standing, *, final: bool = False) -> Action:
        """`final`: another model would say the same."""
        self.turns.append(Turn(self._place, Verdict.FAILED, reason))
        return self._end() if final else self._advance(now)

    def through(self, why: str) -> None:
        """The client has the answer, unjudged."""
        self._measures, self._unmeasured = {}, []
        self._accepted(why)

    def _measure(self, test: str, value: float) -> str:
        self._made.add(test)
        self._measures[test] = value
        return f"{test} {value:.3g}"

    def _accepted(self, reason: str) -> Action:
        self._turn(Verdict.ACCEPTED, reason)
        return Deliver(self._place)

    def _reject(self, reason: str, now: Standing) -> Action:
        self._turn(Verdict.REJECTED, reason)
        return self._advance(now)

    def _turn(self, verdict: Verdict, reason: str) -> None:
        self.turns.append(Turn(self._place, verdict, reason, self._measures, tuple(self._unmeasured)))

    def _advance(self, now: Standing) -> Action:
        """To the next model that can still help (the pool-aware cascade of 2603.21354, opportunity 14)."""
        while self._place + 1 < self._models:
            self._place += 1
            if self._best is None:
                return Ask(self._place)  # an answer late or dear is better than none
            why = self._hopeless(now)
            if not why:
                return Ask(self._place, self._patience(now))
            self.turns.append(Turn(self._place, Verdict.SKIPPED, why))
        return self._end()

    def _hopeless(self, now: Standing) -> str:
        prospect, cap = now.model(self._place), self._cascade.max_seconds
        if not prospect.able:
            return "unavailable"
        if not self._affords(prospect, now):
            return "max_cost"
        if cap is not None and now.seconds + prospect.seconds >= cap:
            return "max_seconds"
        return "too late" if prospect.seconds >= now.left else ""

    def _affords(self, prospect: Prospect, now: Standing) -> bool:
        cap = self._cascade.max_cost
        return cap is None or now.cost + prospect.cost <= cap

    def _patience(self, now: Standing) -> float:
        cap = self._cascade.max_seconds
        return now.left if cap is None else min(now.left, cap - now.seconds)

    def _end(self) -> Action:
        return GiveUp() if self._best is None else Deliver(self._best)


def _incomplete(answer: Measured | None) -> str:
    """How the answer is not whole; '' if it is."""
    if answer is None:
        return ""
    if answer.finish not in _WHOLE:
        return f"finish {answer.finish}"
    if answer.parses is False:
        return "tool_calls broken"
    return "" if answer.chars or answer.parses else "empty"
