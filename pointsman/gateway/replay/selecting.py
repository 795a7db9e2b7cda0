"""What a configuration's selectors would have been worth for the requests of a log, as far as the log can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from pointsman.gateway.replay import columns
from pointsman.gateway.replay.asked import Asked
from pointsman.gateway.replay.columns import KEPT, Row, Utility, first, numbers
from pointsman.gateway.replay.entries import Entry, Form, is_number
from pointsman.gateway.replay.kept import KeptFacts, kept_prompt
from pointsman.gateway.replay.replayer import Replayed, Replayer, rebuilt
from pointsman.gateway.replay.sample import Sample
from pointsman.policies.offpolicy.estimate import Chances, Measured, measure
from pointsman.policies.offpolicy.logged import Logged, Overlap, overlap
from pointsman.policies.offpolicy.verdict import Verdict, judge
from pointsman.policies.replay import NotKept
from pointsman.policies.select.base import Selector
from pointsman.policies.select.sums import NOTHING, Sums
from pointsman.policies.select.utility import Weights
from pointsman.policies.types import EXPLICIT, Decision
from pointsman.signals.prompt import Prompt

MAX_ROWS = 20_000
"""Requests of one decision that are evaluated."""
MAX_ALL = 100_000
"""Of all decisions."""
MAX_WAITING = 100_000
"""Rewards of requests that were not read yet."""

NO_MODEL = "no model was chosen"
NAMED = "the request named its model"
SEVERAL = "several models were asked then"
SEVERAL_NOW = "several models would be asked"
TWICE = "the id was there before"
NO_PROMPT = "the prompt was not kept"


class Evaluated(NamedTuple):
    decision: str
    by: str
    then: Mapping[str, int]  # requests by the selector that chose
    requests: int
    left_out: Mapping[str, int]  # by why; those from `evaluated` on are of the sample
    evaluated: int  # in the sample, with a choice of then and of now
    sampled: bool
    rewarded: int
    overlap: Overlap
    utility: Utility
    measures: Mapping[str, tuple[Measured | None, Verdict]]
    notes: Sequence[str]


@dataclass(slots=True)
class _Group:
    decision: Decision
    selector: Selector[Any]
    sample: Sample[Row]
    view: Any  # that it has before anything is learned
    requests: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


class Selecting:
    def __init__(
        self,
        replayer: Replayer,
        only: frozenset[str] | None = None,
        learn: bool = False,
        learned: Mapping[tuple[str, str], Sums] = MappingProxyType({}),
    ) -> None:
        """`only` are names of decisions; `learn`: from outcomes that came earlier in the log; `learned` before that, by
        decision and selector."""
        self._replayer, self._learn, self._learned = replayer, learn, learned
        self._random = Random(0)  # so that the same log gives the same answer
        decisions = [d for d in replayer.decisions if d.selector is not None and (only is None or d.name in only)]
        size = min(MAX_ROWS, MAX_ALL // max(1, len(decisions)))
        self._groups = {
            d.name: _Group(d, d.selector, Sample(size), d.selector.view(NOTHING))
            for d in decisions
            if d.selector is not None
        }
        self._waiting: Sample[float | None] = Sample(MAX_WAITING)

    def rewarded(self, form: Form) -> None:
        """A line of the log that says how good an answer was; the latest one of a request counts. ValueError if it
        does not."""
        identifier, reward, weight = form.get("id"), form.get("reward"), form.get("weight", 1)
        if not isinstance(identifier, str) or not (reward is None or (is_number(reward) and 0 <= reward <= 1)):
            raise ValueError("reward")
        value = None if reward is None or not weight else float(reward)
        key = _key(form.get("tenant"), identifier)
        for group in self._groups.values():
            row = group.sample.get(key)
            if row is not None:
                row.reward = value
                return
        self._waiting.put(key, value)

    def add(self, replayed: Replayed) -> None:
        """After the requests before it."""
        decision, entry = replayed.decision, replayed.entry
        group = self._groups.get(decision.name) if decision is not None else None
        if group is None:
            return
        group.requests += 1
        key = _key(entry.tenant, entry.id)
        unfit = _unfit(entry) if group.sample.get(key) is None else TWICE
        if unfit is not None:
            group.left_out[unfit] += 1
        elif group.sample.takes(key):
            row = self._row(group, replayed)
            row.reward = self._waiting.get(key)
            group.sample.put(key, row)

    def _row(self, group: _Group, replayed: Replayed) -> Row:
        selector, entry = group.selector, replayed.entry
        assert replayed.readings is not None

        def ask(prompt: Prompt | None) -> Prompt | None:
            selector.choose(rebuilt(KeptFacts.of(entry), prompt, 0), group.view, self._random)
            return prompt

        try:
            prompt, told = self._replayer.with_prompt(selector, replayed.readings, ask), True
        except NotKept:
            prompt, told = None, False
        prompt = prompt or kept_prompt(entry)
        selection = {key: value for key, value in (entry.selection or {}).items() if key in KEPT}
        entry.selection, entry.messages, entry.signals = selection, None, {}  # there may be many of them
        return Row(entry, prompt, told)

    def evaluate(self, clip: float | None = None) -> list[Evaluated]:
        return [self._evaluated(group, clip) for group in self._groups.values()]

    def _evaluated(self, group: _Group, clip: float | None) -> Evaluated:
        selector = group.selector
        rows = sorted(group.sample, key=lambda row: (row.entry.time, row.entry.id))
        learned = self._learned.get((group.decision.name, selector.options.by), NOTHING)
        asked = Asked(selector, learned, self._learn, self._random)
        told = [
            (row, choice)
            for row in rows
            if row.told and (choice := asked.choose(row.entry, row.prompt, row.reward)) is not None
        ]
        left_out = group.left_out.copy()
        left_out[NO_PROMPT] = sum(not row.told for row in rows)
        left_out[SEVERAL_NOW] = len(rows) - len(told) - left_out[NO_PROMPT]
        kept = [row for row, _ in told]
        arms = list(dict.fromkeys([*selector.models, *(first(row.entry) for row in kept)]))
        logged, target = columns.logged(kept, arms), columns.target([choice for _, choice in told], arms)
        utility = self._utility(selector, kept, logged, arms)
        chances, found = Chances.of(np.random.default_rng(0), len(kept)), overlap(logged, target)
        measures = {}
        for name, outcomes in columns.outcomes(kept, utility).items():
            measured = measure(logged, target, outcomes, chances, clip) if kept else None
            measures[name] = (measured, judge(found, measured, outcomes.less_is_better))
        return Evaluated(
            group.decision.name, selector.options.by, Counter(row.entry.by or "" for row in kept), group.requests,
            {why: count for why, count in left_out.items() if count}, len(kept),
            len(rows) < group.requests - group.left_out.total(),
            sum(row.reward is not None for row in kept), found, utility, measures, asked.notes,
        )  # fmt: skip

    def _utility(self, selector: Selector[Any], rows: Sequence[Row], logged: Logged, arms: Sequence[str]) -> Utility:
        given = getattr(selector.options, "weights", None)
        weights = given if isinstance(given, Weights) else Weights()
        prices = [self._replayer.price(arm) for arm in arms]
        costs = [
            max(usage.cost(price.input, price.output) for price in prices)
            for row in rows
            if (usage := row.entry.usage) is not None
        ]
        seconds = numbers([row.entry.seconds for row in rows])
        took = [seconds[(logged.action == arm) & ~np.isnan(seconds)] for arm in range(len(arms))]
        means = [float(each.mean()) for each in took if len(each)]
        return Utility(weights, float(np.mean(costs)) if costs else 0.0, max(means, default=0.0))


def _key(tenant: object, identifier: str) -> str:
    """Clients may choose their ids, and those of different tenants the same; no id has a space."""
    return f"{tenant} {identifier}" if tenant else identifier


def _unfit(entry: Entry) -> str | None:
    if entry.by == EXPLICIT:
        return NAMED
    if entry.several:
        return SEVERAL
    return None if first(entry) else NO_MODEL
