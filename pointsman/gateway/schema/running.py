"""Logs, the encoder, and learning."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
)

from pointsman.gateway.schema.forms import Int, Interval, Name, Section, Text, distinct
from pointsman.gateway.schema.pools import EndpointUrl
from pointsman.gateway.secrets import Secret
from pointsman.gateway.units import Duration, Share, Size


class DecisionLogConfig(Section):
    path: Text
    """The file, one JSON object per request."""
    text: bool = False
    """Whether the text of messages is logged."""
    max_size: Annotated[Size, Field(gt=0)] = 64 * 1024**2
    """Size at which the file is rotated."""
    keep: Int = Field(default=5, ge=1)
    """Rotated files that are kept."""


class LogConfig(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is logged to stderr."""
    decisions: DecisionLogConfig | None = None
    """The decision log; without it none is written."""


class EncoderConfig(Section):
    model: Text | None = None
    """Instead of the shipped encoder: a folder with encoder.onnx and tokenizer.json, or a sentence-transformers one."""
    url: EndpointUrl | None = None
    """Instead of the shipped encoder: an OpenAI-style API with `/v1/embeddings`; `model` names the one to ask for."""
    api_key: Secret | None = None
    """The key of that API."""
    heads: Text | None = None
    """The heads that `pointsman fit heads` made for this encoder; without them only signals with examples work."""
    budget: Interval = 0.05
    """How long a request waits for the encoder; past it neural signals are unknown."""


class JudgeConfig(Section):
    pool: Name
    """The pool whose model grades answers of the others."""
    share: Share = 0.02
    """Share of the answers that is graded."""
    decisions: Annotated[list[Text], AfterValidator(distinct)] | None = None
    """Decisions whose answers are graded; by default all."""
    criteria: Text | None = None
    """What the judge is to heed above all, in words."""
    timeout: Interval = 30.0
    """How long a grade may take."""
    max_pending: Int = Field(default=64, ge=1, le=10_000)
    """Answers that wait for their grade at most; beyond them samples are dropped."""


class LearningConfig(Section):
    path: Text | None = None
    """An SQLite file that keeps what was learned over restarts; without it that ends with the process."""
    keep: Annotated[Duration, Field(gt=0)] = 7 * 86400.0
    """How long a request is remembered for feedback, and what was learned of a decision that is gone."""
    requests: Int = Field(default=100_000, ge=1, le=10_000_000)
    """Requests that are remembered at most; the oldest are dropped."""
    implicit: bool = True
    """Whether selectors also learn from what the conversation's next turn says of an answer."""
    judge: JudgeConfig | None = None
    """A model that grades a sample of the answers."""
