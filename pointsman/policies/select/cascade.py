"""The cheapest model first; the next one if its answer is not good enough.

FrugalGPT (2305.05176), AutoMix (2310.12963) for self-checks, SEVRA (2606.19808) for the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, Strict

from pointsman.policies.accept import Accept, Gate, Judge
from pointsman.policies.cascade import Cascade
from pointsman.policies.select.base import SelectOptions, Selector
from pointsman.policies.select.context import Candidate, Context
from pointsman.policies.select.quality import Priors
from pointsman.policies.select.utility import Weights, Worth, output_tokens
from pointsman.policies.types import Choice

if TYPE_CHECKING:
    from random import Random

    from pointsman.signals.prompt import Prompt

Number = Annotated[float, Strict()]
Share = Annotated[float, Strict(), Field(ge=0, le=1)]

GATE: Mapping[str, float] = MappingProxyType(
    {"bias": -4.0, "need": 3.0, "difficulty": 1.0, "truncated": 2.0, "length": 0.15, "surprise": 2.0}
)
"""Chosen by hand, not fitted: an easy prompt with a sure answer is doubted with 5 %, a hard one with an unsure answer
with 90 %. SEVRA's own gate is linear in the same features; its weights belong to one model and one benchmark."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class JudgeOptions(_Part):
    pool: str
    """The pool whose model judges."""
    score: Number = Field(default=7.0, ge=0, le=10)
    """What it must give at least, of 10."""


class GateWeights(_Part):
    """Of a logistic model; see `fit`."""

    bias: Number = GATE["bias"]
    need: Number = GATE["need"]
    difficulty: Number = GATE["difficulty"]
    truncated: Number = GATE["truncated"]
    length: Number = GATE["length"]
    surprise: Number = GATE["surprise"]


class GateOptions(_Part):
    above: Share
    """Probability of being worth another look from which on an answer is doubted."""
    weights: GateWeights = GateWeights()
    """Of its features; the shipped ones unless given."""


class AcceptOptions(_Part):
    finish: bool = True
    """The answer is complete: it ended by itself, and is not empty."""
    min_chars: int | None = Field(default=None, ge=1)
    """Characters that it has at least."""
    max_chars: int | None = Field(default=None, ge=1)
    """Characters that it has at most."""
    logprob: Number | None = Field(default=None, le=0)
    """Mean log-probability of its tokens, at least."""
    margin: Share | None = None
    """Mean lead of the likeliest token over the second, at least."""
    gate: Share | GateOptions | None = None
    """Only answers that are worth another look with at least this probability are doubted at all."""
    self_check: Share | None = None
    """The share of certainty that the model must have in its own answer when asked."""
    judge: JudgeOptions | None = None
    """Another model's score."""

    def read(self) -> Accept:
        gate = GateOptions(above=self.gate) if isinstance(self.gate, float) else self.gate
        return Accept(
            self.finish, self.min_chars, self.max_chars, self.logprob, self.margin,
            None if gate is None else Gate(gate.above, gate.weights.model_dump()),
            self.self_check,
            None if self.judge is None else Judge(self.judge.pool, self.judge.score),
        )  # fmt: skip


class CascadeOptions(SelectOptions):
    by: Literal["cascade"]
    """The cheapest model first, and the next one if its answer is not good enough."""
    accept: AcceptOptions = AcceptOptions()
    """What an answer must pass."""
    order: Literal["price", "listed"] = "price"
    """Cheapest first, or as `models` lists them."""
    skip: Share | None = None
    """Prompts that need the strong model as much as this begin with the last one."""
    max_cost: Annotated[float, Strict(), Field(gt=0)] | None = None
    """USD that all answers to a request may cost."""
    max_seconds: Annotated[float, Strict(), Field(gt=0)] | None = None
    """Seconds after which no other model is asked or waited for."""
    stream: Literal["buffer", "optimistic"] = "buffer"
    """Whether a stream is kept until its answer is accepted, or sent at once."""

    def asks(self) -> Mapping[tuple[str, ...], str]:
        return {} if self.accept.judge is None else {("accept", "judge", "pool"): self.accept.judge.pool}


class CascadeSelector(Selector[CascadeOptions]):
    Options = CascadeOptions
    reads_prompt = True

    def __init__(self, options: CascadeOptions, candidates: Sequence[Candidate]) -> None:
        by_price = sorted(candidates, key=lambda c: c.input_price + c.output_price)
        super().__init__(options, by_price if options.order == "price" else candidates)
        accept = options.accept
        if accept.min_chars is not None and accept.max_chars is not None and accept.min_chars > accept.max_chars:
            raise ValueError(f"`min_chars` ({accept.min_chars}) is more than `max_chars` ({accept.max_chars})")
        if accept == AcceptOptions(finish=False):
            raise ValueError("`accept` judges nothing, so the first answer would always do; give it a test")
        self._priors = Priors(self.candidates)
        self._worth = Worth(self.candidates, Weights())
        self._accept = accept.read()
        # What is asked first scores highest.
        self._scores = dict(zip(self.models, np.linspace(1, 0, len(self.models)).tolist(), strict=True))
        self._backwards = dict(zip(self.models, reversed(self._scores.values()), strict=True))

    def choose(self, context: Context, view: None, random: Random | None) -> Choice:
        prompt, skip, cap = context.prompt, self.options.skip, self._cap(context)
        direct = prompt is not None and skip is not None and prompt.need >= skip
        direct = direct and (cap is None or self._dearest(context) <= cap)
        order = self.models[::-1] if direct else self.models
        return Choice(
            order,
            "cascade",
            scores=self._backwards if direct else self._scores,
            reason=self._reason(prompt, direct=direct),
            quality=dict(zip(self.models, np.clip(self._priors.of(prompt), 0, 1).tolist(), strict=True)),
            strong=None if prompt is None else prompt.need,
            procedure=self._procedure(prompt, cap, direct=direct),
        )

    def _procedure(self, prompt: Prompt | None, cap: float | None, *, direct: bool) -> Cascade:
        known = {} if prompt is None else {"need": prompt.need, "difficulty": prompt.difficulty}
        options = self.options
        return Cascade(self._accept, known, cap, options.max_seconds, options.stream == "optimistic", direct)

    def _cap(self, context: Context) -> float | None:
        """USD"""
        return min((cap for cap in (self.options.max_cost, context.budget) if cap is not None), default=None)

    def _dearest(self, context: Context) -> float:
        """USD that the last model's answer is expected to cost."""
        return float(self._worth.cost(context, output_tokens(context, self._worth.forecasts(context)))[-1])

    def _reason(self, prompt: Prompt | None, *, direct: bool) -> str:
        if direct and prompt is not None:
            return f"the prompt needs the strong model ({prompt.need:.2f}): the cascade begins with {self.models[-1]}"
        if len(self.models) == 1:
            return f"{self.models[0]} is the only model"
        first = "the first listed" if self.options.order == "listed" else "the cheapest"
        return f"{self.models[0]} is {first}; its answer is judged"
