"""What an answer of a cascade must pass. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

TESTS = ("finish", "min_chars", "max_chars", "logprob", "margin", "gate", "self_check", "judge")
"""In the order in which they are made: from the cheapest."""

_USUAL = 0.35
"""Mean surprise of a token, in nats, of an answer that came without log-probabilities."""


class Measured(NamedTuple):
    """What an answer tells of itself."""

    finish: str | None = "stop"  # as chat completions name it
    chars: int = 0
    tokens: int = 0
    parses: bool | None = None  # of its tool calls; None: it has none
    logprob: float | None = None  # mean of its tokens, in nats
    margin: float | None = None  # mean of the probability of the likeliest token less that of the second


@dataclass(frozen=True, slots=True)
class Gate:
    """How likely it is that another look at an answer would mend it: a logistic model of what is known of prompt and
    answer, as in SEVRA (2606.19808). `above` is the probability from which on an answer is doubted."""

    above: float
    weights: Mapping[str, float]

    def score(self, prompt: Mapping[str, float], answer: Measured) -> float:
        """`prompt` has `need` and `difficulty`."""
        told: dict[str, float] = {
            "bias": 1.0,
            "need": prompt.get("need", 0.5),
            "difficulty": prompt.get("difficulty", 0.5),
            "truncated": float(answer.finish == "length"),
            "length": math.log1p(answer.tokens),
            "surprise": _USUAL if answer.logprob is None else min(-answer.logprob, 10.0),
        }
        total = sum(weight * told[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, total))))


@dataclass(frozen=True, slots=True)
class Judge:
    pool: str
    score: float  # from 0 to 10


@dataclass(frozen=True, slots=True)
class Accept:
    """What an answer must pass; None is a test that is not made."""

    finish: bool = True
    min_chars: int | None = None
    max_chars: int | None = None
    logprob: float | None = None
    margin: float | None = None
    gate: Gate | None = None
    self_check: float | None = None
    judge: Judge | None = None

    @property
    def reads_tokens(self) -> bool:
        """Whether the probabilities of tokens are of use."""
        return not (self.logprob is None and self.margin is None and self.gate is None)

    @property
    def evidence(self) -> frozenset[str]:
        """The tests that tell of an answer's worth, and not only of its form."""
        return frozenset(t for t in ("logprob", "margin", "self_check", "judge") if getattr(self, t) is not None)

    def shown(self) -> dict[str, Any]:
        form: dict[str, Any] = {"finish": self.finish}
        for name in ("min_chars", "max_chars", "logprob", "margin", "self_check"):
            if (value := getattr(self, name)) is not None:
                form[name] = value
        if self.gate is not None:
            form["gate"] = self.gate.above
        if self.judge is not None:
            form["judge"] = {"pool": self.judge.pool, "score": self.judge.score}
        return form
