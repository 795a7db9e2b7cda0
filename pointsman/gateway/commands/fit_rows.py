"""What `pointsman fit selector` learns from: prompts, and how good and how dear each model's answer was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pointsman.signals.exemplars import read_lines
from pointsman.signals.linear import Doubles

MAX_ROWS = 50_000
"""To encode them takes a few minutes."""

MAX_MODELS = 256

Form = Mapping[str, Any]


class Row(NamedTuple):
    text: str
    scores: Mapping[str, float]
    costs: Mapping[str, float]  # USD


class Answers(NamedTuple):
    texts: tuple[str, ...]
    models: tuple[str, ...]
    scores: Doubles  # [texts, models]; NaN where it is not known
    costs: Doubles  # [texts, models] USD; NaN where it is not known


def read_answers(path: Path) -> Answers:
    """Labelled lines or a decision log. ValueError with the place and the fix if the file cannot be used."""
    lines = read_lines(path)
    logged = any("event" in form or "choice" in form for _, form in lines)
    rows = list(_logged(path, lines) if logged else (_labelled(place, form) for place, form in lines))
    models = tuple(sorted({model for row in rows for model in row.scores}))
    if not rows:
        raise ValueError(f'{path} has no rows; write one {{"text": …, "scores": {{MODEL: 0 to 1}}}} a line')
    if len(rows) > MAX_ROWS:
        raise ValueError(f"{path} has {len(rows):,} rows; give it at most {MAX_ROWS:,} of them")
    if not 2 <= len(models) <= MAX_MODELS:
        raise ValueError(f"{path} has scores of {len(models)} models; there may be 2 to {MAX_MODELS}")
    scores, costs = _matrix([row.scores for row in rows], models), _matrix([row.costs for row in rows], models)
    return Answers(tuple(row.text for row in rows), models, scores, costs)


def _matrix(rows: list[Mapping[str, float]], models: tuple[str, ...]) -> Doubles:
    return np.array([[row.get(model, np.nan) for model in models] for row in rows], np.float64)


def _labelled(place: str, form: Form) -> Row:
    text = form.get("text", form.get("prompt"))
    text = text if isinstance(text, str) else _last_asked(form.get("messages"))
    if text is None or not text.strip():
        raise ValueError(f'{place}: "text" must be text that is not empty, or "messages" have a message of the user')
    scores = _numbers(place, form, "scores", 1.0)
    if not scores:
        raise ValueError(f'{place}: "scores" must say how good the answer of at least one model was, from 0 to 1')
    return Row(text, scores, _numbers(place, form, "cost", np.inf))


def _numbers(place: str, form: Form, key: str, most: float) -> Mapping[str, float]:
    given = form.get(key, {})
    if not isinstance(given, dict):
        raise ValueError(f'{place}: "{key}" must be an object of numbers by model')
    for model, number in given.items():
        if not isinstance(number, int | float) or not 0 <= number <= most:
            limit = "a number from 0 to 1" if most == 1 else "USD, 0 or more"
            raise ValueError(f'{place}: "{key}" of {model} must be {limit}')
    return {str(model): float(number) for model, number in given.items()}


def _logged(path: Path, lines: Iterable[tuple[str, Form]]) -> Iterable[Row]:
    """The answers that were rewarded, each of one model; the last that was said of an answer counts."""
    asked: dict[str, tuple[str, str, Mapping[str, float]]] = {}
    rewards: dict[str, float] = {}
    for _, form in lines:
        name, reward = form.get("id"), form.get("reward")
        if not isinstance(name, str):
            continue
        if form.get("event") == "reward":
            rewards.pop(name, None)
            if isinstance(reward, int | float) and 0 <= reward <= 1 and form.get("weight", 1) != 0:
                rewards[name] = float(reward)
        elif (entry := _entry(form)) is not None:
            asked[name] = entry
    found = [(*asked[name], reward) for name, reward in rewards.items() if name in asked]
    if not found:
        raise ValueError(
            f"{path} is a decision log without a rewarded request whose text was kept; it needs `log: {{decisions: "
            "{text: true}}`, and lines with the event `reward`"
        )
    return (Row(text, {pool: reward}, cost) for text, pool, cost, reward in found)


def _entry(form: Form) -> tuple[str, str, Mapping[str, float]] | None:
    """Text, pool and cost, if all is there."""
    choice, cost = form.get("choice"), form.get("cost_usd")
    pool = choice.get("pool") if isinstance(choice, dict) else None
    text = _last_asked(form.get("messages"))
    if not isinstance(pool, str) or text is None or not text.strip():
        return None
    return text, pool, {pool: float(cost)} if isinstance(cost, int | float) else {}


def _last_asked(messages: object) -> str | None:
    """The text of the last message of the user, in the form of a request or of the log."""
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("text", message.get("content"))
            if isinstance(content, list):
                parts = [part.get("text") for part in content if isinstance(part, dict)]
                return "\n".join(part for part in parts if isinstance(part, str))
            return content if isinstance(content, str) else None
    return None
