"""A selector that is asked about the requests of a log, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from pointsman.gateway.replay.entries import Entry
from pointsman.gateway.replay.kept import KeptFacts
from pointsman.gateway.replay.pace import Pace
from pointsman.gateway.replay.replayer import rebuilt
from pointsman.policies.replay import NotKept
from pointsman.policies.select.base import Rewarded, Seen, Selector
from pointsman.policies.select.context import NO_FLEET, Context, Fleet
from pointsman.policies.select.scored import Scored
from pointsman.policies.select.sums import NOTHING, Sums, merged
from pointsman.policies.types import Choice
from pointsman.signals.prompt import Prompt

_FOLD = 50
"""Outcomes after which a selector that learns as it goes has learned from them."""


class Asked:
    """The selector, and what it has learned so far."""

    def __init__(self, selector: Selector[Any], learned: Sums, learn: bool, random: Random) -> None:
        self._selector, self._random = selector, random
        self._learns = learn and selector.learns
        self._sums: Sums = learned
        self._pending: Sums = NOTHING
        self._view = selector.view(learned)
        self._knows = learned is not NOTHING
        self._pace = Pace()
        self._turn = 0
        self._blind = False

    @property
    def notes(self) -> list[str]:
        found = []
        if self._blind:
            found.append("the endpoints count as idle: the log does not have their load")
        if self._knows:
            found.append("what it has learned may be of these very outcomes: it may do worse on others")
        elif self._selector.learns and not self._learns:
            found.append("it has learned nothing: --learn lets it learn from the outcomes that came earlier in the log")
        return found

    def choose(self, entry: Entry, prompt: Prompt | None, reward: float | None) -> Choice | None:
        """None if it is no choice of one model."""
        turn = (entry.selection or {}).get("turn")
        context = rebuilt(KeptFacts.of(entry), prompt, turn if isinstance(turn, int) else self._turn)
        context = context._replace(forecast=self._pace.forecast, fleet=self._fleet)
        self._turn += 1
        choice = self._selector.choose(context, self._view, self._random)
        self._pace.add(entry)
        if self._learns and reward is not None and entry.answered is not None:
            self._learned(context, entry, reward)
        return None if choice.procedure is not None else choice

    def _fleet(self, pools: Sequence[str], prompt_tokens: int) -> Fleet:
        self._blind = True
        return NO_FLEET

    def _learned(self, context: Context, entry: Entry, reward: float) -> None:
        selector, arm, prompt = self._selector, entry.answered or "", context.prompt
        prior = None
        if isinstance(selector, Scored) and arm in selector.models:
            prior = float(selector.priors.of(prompt)[selector.models.index(arm)])
        seen = Seen(prompt and prompt.features, _vector(prompt), prior, context.facts.prompt_tokens)
        tokens = entry.usage.completion if entry.usage else None
        rewarded = Rewarded(arm, seen, 1.0, min(1.0, max(0.0, reward)), 1, tokens)
        self._pending = merged(self._pending, selector.learn(rewarded), selector.discount)
        if self._pending.count >= _FOLD:
            self._fold()

    def _fold(self) -> None:
        self._sums = merged(self._sums, self._pending, self._selector.discount)
        self._pending, self._view = NOTHING, self._selector.view(self._sums)


def _vector(prompt: Prompt | None) -> Any:
    try:
        return prompt and prompt.vector
    except NotKept:
        return None
