"""A policy's own tests."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    Strict,
    model_validator,
)

from pointsman.gateway.schema.forms import Float, Int, Name, Section, Text, of_form


class PoolState(Section):
    """What is not written is as in a pool that is idle."""

    load: Float | None = Field(default=None, ge=0)
    """Requests in flight relative to the pool's limit; 1 is full."""
    queue: Int | None = Field(default=None, ge=0)
    """Requests that wait."""
    inflight: Int = Field(default=0, ge=0)
    """Requests that this gateway has running in the pool."""
    kv: Float | None = Field(default=None, ge=0, le=1)
    """Highest use of the KV cache by an endpoint."""
    healthy: bool = True
    """Whether an endpoint can take a request."""


COMPARISON = re.compile(r"(<=|>=|==|!=|<|>) ?(-?[0-9]+(?:\.[0-9]+)?)")


def _comparison(text: str) -> str:
    if text[:1] in ("<", ">", "=", "!") and not COMPARISON.fullmatch(text):
        raise ValueError('a comparison is an operator and a number, such as "> 8000"')
    return text


def _time(text: object) -> datetime:
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) and "T" in text else None
    except ValueError:
        time = None
    if time is None:
        raise ValueError("a time is written as 2026-03-02T22:30, with +01:00 or another zone at its end if not UTC")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _listed(names: object) -> object:
    return [names] if isinstance(names, str) else names


_MONDAY = datetime(2026, 1, 5, 12, tzinfo=UTC)

Flag = Annotated[bool, Strict()]

Assumed = Flag | Int | Float | Text | list[Text] | None

Wanted = Flag | Int | Float | Annotated[Text, AfterValidator(_comparison)] | list[Text] | None


class ExpectConfig(Section):
    decision: Text | None = None
    """Name of the decision; `explicit` if the request names a pool or a model."""
    not_decision: Annotated[list[Text], BeforeValidator(_listed, json_schema_input_type=Text | list[Text])] = []
    """A decision that it must not be, or a list of them."""
    models: list[Text] | None = None
    """The decision's candidates, in their order."""
    pool: Text | None = None
    """The pool that is asked first: of the chosen order the first healthy one."""
    status: Int | None = Field(default=None, ge=100, le=599)
    """HTTP status: 200 where a model answers, else of the decision's own answer or of the error."""
    signals: dict[str, Wanted] = {}
    """Values of signals: `true`, `false`, a number, a comparison such as `"> 8000"`, a label that is there, a list of
    exactly the labels that are there, or `null` for unknown."""

    @model_validator(mode="after")
    def _something(self) -> ExpectConfig:
        single = (self.decision, self.models, self.pool, self.status)
        if not self.not_decision and not self.signals and all(wanted is None for wanted in single):
            raise ValueError("a test needs something to expect, such as {decision: NAME}")
        return self


class CaseConfig(Section):
    name: Text | None = None
    """Stands in the report; without it the prompt does."""
    prompt: str | None = None
    """The last user message."""
    model: Text | None = None
    """The model that the request names; without it the decisions choose."""
    request: dict[str, Any] | Text | None = None
    """A whole chat completion request instead of `prompt` and `model`, or a JSON file with one, whose path begins where
    this file is."""
    headers: dict[str, str] = {}
    """Request headers."""
    tenant: Name | None = None
    """The client's tenant; no key is needed for it."""
    roles: list[Name] = []
    """The client's roles."""
    now: Annotated[datetime, BeforeValidator(_time), of_form("^[0-9]{4}-?[0-9W]")] = _MONDAY
    """When the request comes, such as `2026-03-02T22:30+01:00`; UTC without a zone. By default a Monday at noon."""
    pools: dict[str, PoolState] = {}
    """The state of pools; those that are not listed are idle and healthy."""
    signals: dict[str, Assumed] = {}
    """Values of signals that are assumed and not evaluated: `true`, `false`, a label or a list of labels, a number, or
    `null` for unknown."""
    expect: ExpectConfig
    """What must come of it."""

    @model_validator(mode="after")
    def _one_request(self) -> CaseConfig:
        for key in ("prompt", "model"):
            if self.request is not None and getattr(self, key) is not None:
                raise ValueError(f"a test has either `{key}` or `request`; write it into the request")
        return self
