"""The rounds of one panel: what is asked, of whom, and what it may cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from pointsman.gateway.errors import RequestError
from pointsman.gateway.observe.outcome import Extra, PanelEnding, Step
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.relay.aside import Aside, Told, limit_key
from pointsman.gateway.relay.errand import Errand
from pointsman.gateway.relay.fenced import asked
from pointsman.gateway.relay.panel_prompts import picked, to_merge, to_pick
from pointsman.gateway.relay.purse import Purse, dearest, tokens_of
from pointsman.gateway.wire.checks import Object
from pointsman.gateway.wire.inbound import Inbound
from pointsman.policies.cascade import Verdict
from pointsman.policies.select.parallel import Panel
from pointsman.signals.facts import Route

VERDICT_TOKENS = 16
"""A judge's answer is a number."""

_JUDGING = 0.2
"""Share of the time that a judge may have."""
_SPARE = 0.95
"""Share of the request's own time: what is best must still be sent."""


class Draft(NamedTuple):
    pool: Pool
    told: Told
    round: int


class Session:
    """One panel's rounds."""

    def __init__(self, errand: Errand, panel: Panel, chat: Object) -> None:
        self._errand = errand
        self._panel = panel
        self._chat = chat
        self._aside = Aside(errand.line.upstream)
        self._claim = errand.claim._replace(stream=False, deadline=None)  # no token comes before all are there
        self._pools = {pool.name: pool for pool in errand.pools}
        self.purse = Purse(panel.max_cost)
        self._ends = asyncio.get_running_loop().time() + min(panel.max_seconds, _SPARE * errand.seconds_left)
        self._drafts: list[Draft] = []
        self._steps: list[Step] = []
        self._wanted = 0

    @property
    def answers(self) -> str:
        return f"{len(self._drafts)}/{self._wanted}"

    async def answer(self) -> tuple[Draft | None, PanelEnding]:
        """None if too few answered at first."""
        panel = self._panel
        rounds = len(panel.later)
        share = 1 / (rounds + 1) if rounds else 1 - _JUDGING
        drafts = await self._round(1, panel.members, self._chat["messages"], share)
        if len(drafts) < panel.min_answers:
            return None, PanelEnding.FAILED
        if not rounds:
            return await self._pick(drafts)
        best = drafts[0]
        for number, members in enumerate(panel.later, 2):
            messages = to_merge(self._chat["messages"], [draft.told.text for draft in drafts])
            drafts = await self._round(number, members, messages, 1 / (rounds + 2 - number))
            if not drafts:
                return best, PanelEnding.PARTIAL
            best = drafts[0]
        return best, PanelEnding.SYNTHESIZED

    async def _round(self, number: int, names: Sequence[str], messages: Sequence[Any], share: float) -> list[Draft]:
        """What was answered in that share of the time that is left, in the order of the members."""
        seconds = share * self._seconds_left
        asking = [self._member(number, self._pools[name], messages, seconds) for name in names if name in self._pools]
        self._wanted += len(asking)
        found = [draft for draft in await _all(asking) if draft is not None]
        self._drafts += found
        return found

    async def _member(self, number: int, pool: Pool, messages: Sequence[Any], seconds: float) -> Draft | None:
        body, limit = self._body(pool, messages)
        facts = self._errand.line.journal.facts
        prompt = max(tokens_of(messages), facts.prompt_tokens if facts is not None else 0)
        held = dearest(pool, prompt, limit)
        if not self.purse.hold(held):
            self._steps.append(Step(pool.name, Verdict.SKIPPED, f"round {number}: it could exceed max_cost"))
            return None
        began = time.perf_counter()
        try:
            told = await self._send(pool, body, seconds)
        except RequestError as error:
            self.purse.failed(held, error)
            spent = time.perf_counter() - began
            self._steps.append(Step(pool.name, Verdict.FAILED, f"round {number}: {error.code}", seconds=spent))
            return None
        self.purse.settle(held, told.cost)
        draft = Draft(pool, told, number)
        if told.text.strip():
            return draft
        self._steps.append(_step(draft, Verdict.FAILED, f"round {number}: it says nothing"))
        self._pay(pool, told)
        return None

    def _body(self, pool: Pool, messages: Sequence[Any]) -> tuple[Object, int]:
        """What the pool is asked, and how many tokens it may answer."""
        body = {key: value for key, value in self._chat.items() if key not in _LIMITS}
        given = [limit for key in _LIMITS if isinstance(limit := self._chat.get(key), int) and limit > 0]
        limit = min([self._panel.max_tokens, *given])
        return {**body, "messages": list(messages), limit_key(pool.config): limit}, limit

    async def _send(self, pool: Pool, body: Mapping[str, Any], seconds: float) -> Told:
        errand, journal = self._errand, self._errand.line.journal
        headers = {**errand.line.inbound.headers, "content-type": "application/json"}
        inbound = Inbound(Route.CHAT, "POST", "/chat/completions", b"", headers, orjson.dumps(body), body)
        return await self._aside.send(
            pool, inbound, timeout=seconds, request_id=journal.id, claim=self._claim, attempts=journal.attempts
        )

    async def _pick(self, drafts: Sequence[Draft]) -> tuple[Draft, PanelEnding]:
        """By the judge; the first of them without a verdict."""
        if len(drafts) == 1:
            return drafts[0], PanelEnding.PARTIAL
        shuffled = list(drafts)
        self._errand.random.shuffle(shuffled)  # judges prefer what they read first
        place = await self._judge([draft.told.text for draft in shuffled])
        if place is None:
            return drafts[0], PanelEnding.PARTIAL
        return shuffled[place], PanelEnding.PICKED

    async def _judge(self, answers: Sequence[str]) -> int | None:
        pool, journal = self._errand.others[self._panel.judge], self._errand.line.journal
        assert journal.facts is not None
        messages = to_pick(asked(journal.facts), answers)
        held = dearest(pool, tokens_of(messages), VERDICT_TOKENS)
        if self._seconds_left <= 0 or not self.purse.hold(held):
            return None
        try:
            told = await self._aside.ask(
                pool, messages, max_tokens=VERDICT_TOKENS, timeout=self._seconds_left, request_id=journal.id,
                claim=self._claim, attempts=journal.attempts,
            )  # fmt: skip
        except RequestError as error:
            self.purse.failed(held, error)
            return None
        self.purse.settle(held, told.cost)
        self._pay(pool, told)
        return picked(told.text, len(answers))

    @property
    def _seconds_left(self) -> float:
        return max(0.0, self._ends - asyncio.get_running_loop().time())

    def _pay(self, pool: Pool, told: Told) -> None:
        self._errand.line.journal.extras.append(Extra(pool.name, pool.config.model, told.usage, told.cost))

    def book(self, best: Draft | None) -> None:
        """Tell the journal of all that was asked; of `best` the cost is told with the answer."""
        journal = self._errand.line.journal
        for draft in self._drafts:
            if draft is best:
                self._steps.append(_step(draft, Verdict.ACCEPTED, f"round {draft.round}"))
            else:
                self._steps.append(_step(draft, Verdict.REJECTED, f"round {draft.round}"))
                self._pay(draft.pool, draft.told)
        journal.steps += self._steps


async def _all(asking: Sequence[Coroutine[Any, Any, Draft | None]]) -> list[Draft | None]:
    """If the client leaves, all of them stop."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in asking]
    return [task.result() for task in tasks]


def _step(draft: Draft, verdict: Verdict, reason: str) -> Step:
    return Step(draft.pool.name, verdict, reason, seconds=draft.told.seconds, cost=draft.told.cost)


_LIMITS = ("max_tokens", "max_completion_tokens")
