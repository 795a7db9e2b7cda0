"""Rules, and what becomes of the requests that meet them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from pointsman.cache.categories import GENERAL
from pointsman.cache.examples import Reuse
from pointsman.gateway.schema.forms import Float, Int, Interval, Name, Section, SignalName, Text, distinct
from pointsman.gateway.units import Share
from pointsman.policies.select.registry import SelectConfig, StaticOptions
from pointsman.policies.types import EXPLICIT, Strategy


class RespondConfig(Section):
    status: Int = 200
    """HTTP status: 200 is an assistant message, 400 to 599 an error object."""
    message: Text
    """The text of the answer or of the error."""

    @field_validator("status")
    @classmethod
    def _answer_or_error(cls, status: int) -> int:
        if status != 200 and not 400 <= status <= 599:
            raise ValueError("a status is 200 (an assistant message) or from 400 to 599 (an error)")
        return status


class Slo(Section):
    first_token: Interval | None = None
    """From the request's arrival to a stream's first token; requests that are predicted to miss it go no further."""
    per_token: Interval | None = None
    """For each further token; `select: {by: fused}` keeps to endpoints that are predicted to keep it, if there are
    any."""
    miss: Literal["next", "refuse"] = "next"
    """What then happens, and if a client's own deadline would be missed: the `next` model, or refuse at once."""


class Hedge(Section):
    after: Literal["p50", "p90", "p95", "p99"] | Interval = "p95"
    """How long a first token is waited for before a second endpoint of the pool is asked, too: as long as that share
    of the pool's recent first tokens took, or a duration."""
    budget: Share = 0.05
    """Hedges that may run, as a share of the pool's requests; one always may."""


def literal(when: object) -> object:
    """`when: true` is a boolean in YAML and a literal of the expression language."""
    return str(when).lower() if isinstance(when, bool) else when


Expression = Annotated[Text, BeforeValidator(literal), WithJsonSchema({"type": ["boolean", "string"]})]


def _category(value: object) -> object:
    return {True: GENERAL, False: None}[value] if isinstance(value, bool) else value


CategoryName = Annotated[
    Annotated[str, Field(max_length=64)] | None,
    BeforeValidator(_category, json_schema_input_type=bool | Annotated[str, Field(max_length=64)]),
]


class CacheByConfig(Section):
    by: SignalName
    """The signal whose label names the category."""
    default: Name = GENERAL
    """The category of requests whose label names none, or is unknown."""


def _kind(value: object) -> str:
    return "signal" if isinstance(value, dict | CacheByConfig) else "category"


CacheChoice = Annotated[
    Annotated[CategoryName, Tag("category")] | Annotated[CacheByConfig, Tag("signal")], Discriminator(_kind)
]


class ReuseConfig(Section):
    sources: Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)] = Field(alias="from")
    """Pools whose kept answers are examples; all are among the decision's `models`."""
    into: Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)]
    """Pools that are shown them, likewise."""
    examples: Int = Field(default=2, ge=1, le=8)
    """How many at most."""
    tokens: Int = Field(default=1000, ge=1, le=100_000)
    """How long all of them together may be."""
    similarity: Float = Field(default=0.7, ge=0.3, le=1)
    """Cosine of the two questions from which an answer is an example."""
    share: Share = 0.5
    """Share of the requests with examples that are shown them; the others are what they are compared with."""
    auto: bool = False
    """Whether they are left out for an hour when answers are worse with them."""

    @model_validator(mode="after")
    def _compared(self) -> ReuseConfig:
        if self.auto and not 0 < self.share < 1:
            raise ValueError("`auto` compares answers with and without examples; write a `share` such as 90%")
        return self

    @property
    def rule(self) -> Reuse:
        return Reuse(
            frozenset(self.sources), frozenset(self.into), self.examples, self.tokens, self.similarity, self.share,
            self.auto,
        )  # fmt: skip


class DecisionConfig(Section):
    name: Name
    """Shown in `x-pointsman-decision`, logs and metrics."""
    priority: Int = 0
    """Higher ones are asked first, equal ones in the file's order; may be negative."""
    when: Expression
    """The condition, an expression over signals; `true` always holds."""
    models: Annotated[list[str], AfterValidator(distinct)] = []
    """Candidates: names of pools, best first."""
    select: SelectConfig = StaticOptions()
    """How one of the candidates is chosen."""
    slo: Slo | None = None
    """How soon an answer must begin, and what happens to a request that cannot have it so soon."""
    hedge: Hedge | None = None
    """Asks a second endpoint for a stream that is late; the first token wins, the other is cancelled."""
    cache: CacheChoice = None
    """The category in which answers are cached, or the signal that names it; `true` is `general`, and without it they
    are not cached."""
    reuse: ReuseConfig | None = None
    """Shows a small model kept answers of a large one to similar questions, as examples."""
    respond: RespondConfig | None = None
    """An answer without a model, instead of `models`."""

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if name == EXPLICIT:
            raise ValueError(f"'{EXPLICIT}' is the decision of requests that name a pool; choose another name")
        return name

    @model_validator(mode="after")
    def _one_outcome(self) -> DecisionConfig:
        if bool(self.models) == (self.respond is not None):
            raise ValueError("a decision needs either `models` (names of pools) or `respond`")
        return self


class VirtualModelConfig(Section):
    decisions: list[DecisionConfig] = Field(min_length=1)
    """Its own rules, as those of the main list."""
    strategy: Strategy = "priority"
    """Which of its decisions that hold wins: `priority` or `confidence`."""
    guards: bool = True
    """Whether the main list's own answers (`respond`) hold for it, too."""
