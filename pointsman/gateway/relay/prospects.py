"""What to expect of the questions that a cascade may still ask: time, money, and whether anybody is there."""

from __future__ import annotations

from collections.abc import Sequence

from pointsman.gateway.observe.outcome import Usage
from pointsman.gateway.pools.pool import Pool
from pointsman.gateway.relay.errand import Errand
from pointsman.gateway.relay.verify import LONGEST_REPLY
from pointsman.policies.accept import Judge
from pointsman.policies.cascade import Prospect
from pointsman.policies.select.utility import OUTPUT_TOKENS

_BESIDE = 200
"""Tokens of a question about an answer, without the two."""


class Prospects:
    def __init__(self, errand: Errand, judge: Judge | None) -> None:
        self._errand = errand
        self._judge = judge
        self._usage: Usage | None = None

    def learn(self, usage: Usage | None) -> None:
        """Of an answer: the next one to the same request will be much like it."""
        self._usage = usage or self._usage

    def model(self, place: int) -> Prospect:
        pool, claim = self._pools[place], self._errand.claim
        tpot = pool.forecast().tpot or 0.0
        judged = not claim.stream or place + 1 < len(self._pools)  # only when it is whole
        seconds = self._first_token(pool) + (tpot * self._tokens(pool) if judged else 0.0)
        return Prospect(pool.live, seconds, self.cost(pool))

    def test(self, test: str, place: int) -> Prospect:
        pool = self.checker(test, place)
        if pool is None:
            return Prospect(able=False)
        price = pool.config.price
        tokens = self._prompt_tokens + self._tokens(pool) + _BESIDE
        cost = (tokens * price.input + LONGEST_REPLY * price.output) / 1e6
        return Prospect(pool.live, self._first_token(pool), cost)

    def checker(self, test: str, place: int) -> Pool | None:
        """Who is asked about the answer of the model at `place`."""
        if test == "judge":
            return self._errand.others.get(self._judge.pool) if self._judge is not None else None
        return self._pools[place]

    def cost(self, pool: Pool) -> float:
        """USD of an answer."""
        price = pool.config.price
        return (self._prompt_tokens * price.input + self._tokens(pool) * price.output) / 1e6

    @property
    def _pools(self) -> Sequence[Pool]:
        return self._errand.pools

    def _first_token(self, pool: Pool) -> float:
        return (pool.predicted_wait(self._errand.claim) or 0.0) + (pool.forecast().ttft or 0.0)

    def _tokens(self, pool: Pool) -> float:
        usual = pool.forecast().output_tokens or OUTPUT_TOKENS
        expected = usual if self._usage is None else self._usage.completion
        facts = self._errand.line.journal.facts
        most = facts.max_tokens if facts is not None else None
        return expected if most is None else min(expected, most)

    @property
    def _prompt_tokens(self) -> int:
        if self._usage is not None:
            return self._usage.prompt
        facts = self._errand.line.journal.facts
        return facts.prompt_tokens if facts is not None else 0
