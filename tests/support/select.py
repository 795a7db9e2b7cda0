"""What tests of selectors ask: contexts, candidates, prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from pointsman.policies.select.base import Selector
from pointsman.policies.select.context import Candidate, Context
from pointsman.policies.select.registry import SelectConfig, build
from pointsman.policies.select.sums import NOTHING
from pointsman.signals.facts import Facts, Message, PoolLoad, Route
from pointsman.signals.prompt import FEATURES, Prompt

_read = TypeAdapter(SelectConfig).validate_python

SMALL = Candidate("small", 0.1, 0.3, {"default": 0.5})
LARGE = Candidate("large", 1.0, 3.0, {"default": 0.8})


def candidates(*names: str) -> list[Candidate]:
    return [Candidate(name) for name in names]


def selector(options: Mapping[str, Any], models: Sequence[Candidate] = (SMALL, LARGE)) -> Selector[Any]:
    """As the YAML says."""
    return build(_read(options), models)


def context(text: str = "hello", *, session: str | None = None, down: Sequence[str] = (), **given: Any) -> Context:
    facts = Facts(Route.CHAT, read_messages=lambda: [Message("user", text)], session=session)
    return Context(facts, lambda pool: PoolLoad(healthy=pool not in down), **given)


def prompt(need: float = 0.25, difficulty: float = 0.45, features: Sequence[float] = (), **domains: float) -> Prompt:
    x = np.zeros(FEATURES)
    x[: len(features)] = features
    vector = np.zeros(8, np.float32)
    vector[0] = 1
    return Prompt(need, difficulty, domains, x, vector)


def fresh(chooser: Selector[Any]) -> Any:
    """The view of one that has learned nothing."""
    return chooser.view(NOTHING)
