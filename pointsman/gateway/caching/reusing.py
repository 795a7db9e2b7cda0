"""Which requests are shown kept answers as examples, and whether that does them good: chance decides who has them, and
the rewards of those with and without are compared. Of what is learned all ends with the process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import NamedTuple

from pointsman.cache.effect import Effect, Sums, difference, is_harmful
from pointsman.cache.entry import Entry
from pointsman.cache.examples import Example, Past, Reuse, ranked
from pointsman.gateway.caching.stored import answer_in
from pointsman.gateway.learning.requests import Key
from pointsman.gateway.observe.outcome import Reused
from pointsman.gateway.observe.told import Told
from pointsman.gateway.wire.checks import Object
from pointsman.gateway.wire.examples import turns_of
from pointsman.signals.tokens import estimate_tokens

REQUESTS = 20_000
"""Whose reward may still become known, or change."""
STUDIES = 256
REST = 3600.0
"""Seconds without examples after they did harm."""

_SPARE = 2
"""Documents beyond those wanted that are read, where some do not fit."""
_BETWEEN = 8
"""Tokens that chat templates write around two turns."""

Document = Callable[[Entry], Awaitable[bytes | None]]


class Study:
    """Of one decision's rule and one pool."""

    __slots__ = ("given", "off_until", "without")

    def __init__(self) -> None:
        self.given, self.without = Sums(), Sums()
        self.off_until = 0.0


class _Asked:
    __slots__ = ("auto", "reused", "said", "study")

    def __init__(self, study: Study, reused: Reused, auto: bool) -> None:
        self.study, self.reused, self.auto = study, reused, auto
        self.said: tuple[float, float] | None = None  # weight and reward


class Fitting(NamedTuple):
    entries: tuple[str, ...]
    turns: tuple[Object, ...]
    tokens: int


class Reusing:
    """Belongs to the event loop, and outlasts reloads."""

    def __init__(self, random: Random, clock: Callable[[], float] = time.time) -> None:
        self.random = random
        self.clock = clock
        self._studies: OrderedDict[tuple[str, str, Reuse], Study] = OrderedDict()
        self._asked: OrderedDict[Key, _Asked] = OrderedDict()
        self._past = Past()

    async def offer(
        self, request: Key, decision: str, pool: str, rule: Reuse, tokens: int, found: Sequence[Example], read: Document
    ) -> tuple[Reused, Fitting] | None:
        """What fits into so many tokens, and whether the pool is to be shown it; None if nothing does.

        The requests that are not shown anything are those that could have been: else they would be others."""
        study = self._study(decision, pool, rule)
        if not found or study.off_until > self.clock():
            return None
        fitting = await self._fit(ranked(found, self._past, rule.tokens), rule, tokens, read)
        if not fitting.entries:
            return None
        given = self.random.random() < rule.share
        reused = Reused(pool, given, rule.share if given else 1 - rule.share, fitting.entries, fitting.tokens)
        self._asked[request] = _Asked(study, reused, rule.auto)
        if len(self._asked) > REQUESTS:
            self._asked.popitem(last=False)
        return reused, fitting

    def rewarded(self, told: Told) -> None:
        """Something became known of an answer; what was known of it before is a part of it."""
        asked = self._asked.get((told.tenant, told.id))
        if asked is None:
            return
        if asked.said is not None:
            self._tell(asked, *asked.said, -1)
        asked.said = told.weight, told.reward
        self._tell(asked, *asked.said, 1)
        study = asked.study
        if asked.auto and study.off_until == 0.0 and is_harmful(study.given, study.without):
            study.off_until = self.clock() + REST

    def forget(self, decision: str) -> bool:
        """Whether there was anything to forget."""
        gone = [key for key in self._studies if key[0] == decision]
        for key in gone:
            del self._studies[key]
        return bool(gone)

    def effects(self) -> list[Effect]:
        """Of each decision and pool by the rule that it had last."""
        now, last = self.clock(), {(decision, pool): study for (decision, pool, _), study in self._studies.items()}
        return [_effect(*names, study, now) for names, study in last.items()]

    def _study(self, decision: str, pool: str, rule: Reuse) -> Study:
        key = decision, pool, rule
        study = self._studies.get(key)
        if study is None or 0.0 < study.off_until <= self.clock():
            study = self._studies[key] = Study()  # also after a rest: by then it may be otherwise
        self._studies.move_to_end(key)
        if len(self._studies) > STUDIES:
            self._studies.popitem(last=False)
        return study

    async def _fit(self, examples: Sequence[Example], rule: Reuse, tokens: int, read: Document) -> Fitting:
        """Whole texts only; the oldest first, so that one set of them is always the same prefix."""
        taken: list[tuple[Entry, str]] = []
        left = min(tokens, rule.tokens)
        for example in examples[: rule.examples + _SPARE]:
            document = await read(example.entry)
            answer = None if document is None else answer_in(document)
            if answer is None or answer.calls or not answer.text.strip():
                continue
            cost = estimate_tokens(example.entry.text) + estimate_tokens(answer.text) + _BETWEEN
            if cost <= left:
                left -= cost
                taken.append((example.entry, answer.text))
            if len(taken) == rule.examples:
                break
        taken.sort(key=lambda each: (each[0].created, each[0].id))
        turns = tuple(turn for entry, answer in taken for turn in turns_of(entry.text, answer))
        return Fitting(tuple(entry.id for entry, _ in taken), turns, min(tokens, rule.tokens) - left)

    def _tell(self, asked: _Asked, weight: float, reward: float, sign: int) -> None:
        study, reused = asked.study, asked.reused
        if not reused.given:
            study.without = study.without.plus(weight, reward, sign)
            return
        study.given = study.given.plus(weight, reward, sign)
        for entry in reused.entries:
            self._past.add(entry, sign * weight, reward)


def _effect(decision: str, pool: str, study: Study, now: float) -> Effect:
    given, without = study.given, study.without
    return Effect(decision, pool, given, without, difference(given, without), max(0.0, study.off_until - now))
