"""One line of the decision log. Its keys are a contract (docs/decision-log.md); all are always there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson

from pointsman.gateway.fingerprint import Fingerprints
from pointsman.gateway.observe.outcome import Attempt, Cached, Chosen, Outcome, Selected, Step, Timings, Usage
from pointsman.gateway.observe.told import Compared, Told
from pointsman.signals.base import SignalValue
from pointsman.signals.facts import Facts, Message
from pointsman.signals.prompt import Prompt

VERSION = 1

MAX_TEXT = 256 * 1024
"""Characters of message text in one entry; the last messages are kept."""

MAX_PARTS = 64
"""Parts of a message that are no text."""

MAX_VALUE = 256
"""Characters of a value that the client wrote: the model's name, a header."""

DOMAINS = 3
"""The likeliest ones are kept."""

_DIGITS = 4
_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z | orjson.OPT_SERIALIZE_NUMPY


def encode(outcome: Outcome, text: bool) -> bytes:
    """The line with its newline. TypeError if the outcome holds what JSON cannot."""
    return orjson.dumps(describe(outcome, text), option=_OPTIONS)


def encode_config(declared: Fingerprints) -> bytes:
    """The line that says what an entry's `config` stands for."""
    form = {"v": VERSION, "event": "config", **declared._asdict()}
    return orjson.dumps(form, option=orjson.OPT_APPEND_NEWLINE)


def encode_reward(told: Told) -> bytes:
    """The line that something became known of an answer."""
    form = {
        "v": VERSION,
        "event": "reward",
        "time": datetime.fromtimestamp(told.time, UTC),
        "id": told.id,
        "tenant": told.tenant,
        "decision": told.decision,
        "pool": told.pool,
        "source": told.source,
        "quality": told.quality,
        "reward": told.reward,
        "weight": told.weight,
    }
    return orjson.dumps(form, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def encode_compared(compared: Compared, text: bool) -> bytes:
    """The line that it became known whether a kept answer was right for another question."""
    form = {
        "v": VERSION,
        "event": "cache",
        "time": datetime.fromtimestamp(compared.time, UTC),
        "category": compared.category,
        "entry": compared.entry,
        "similarity": round(compared.similarity, _DIGITS),
        "source": compared.source,
        "same": compared.same,
    }
    if text:
        form |= {"a": compared.kept[:MAX_TEXT], "b": compared.asked[:MAX_TEXT]}
    return orjson.dumps(form, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def describe(outcome: Outcome, text: bool) -> dict[str, Any]:
    source = outcome.error_source
    entry = {
        "v": VERSION,
        "time": datetime.fromtimestamp(outcome.time, UTC),
        "id": outcome.id,
        "route": outcome.route,
        "stream": outcome.stream,
        "tenant": outcome.tenant,
        "status": outcome.status,
        "error": {"source": source, "code": outcome.error_code} if source else None,
        "disconnect": outcome.disconnect,
        "decision": outcome.decision,
        "config": outcome.config,
        "facts": _facts(outcome),
        "signals": _signals(outcome.signals, outcome.signal_seconds),
        "pools": {name: load._asdict() for name, load in outcome.pools.items()},
        "candidates": outcome.candidates,
        "choice": _choice(outcome.chosen),
        "selection": _selection(outcome.selected),
        "attempts": [_attempt(a) for a in outcome.attempts],
        "steps": [_step(step) for step in outcome.steps],
        "cache": outcome.cache,
        "lookup": _lookup(outcome.cached, text),
        "timings": _timings(outcome.timings),
        "events": outcome.events,
        "gap_ms": _ms(outcome.gaps / (outcome.events - 1)) if outcome.events > 1 else None,
        "usage": _usage(outcome.usage),
        "cost_usd": outcome.cost,
        "finish": outcome.finish and outcome.finish[:MAX_VALUE],
    }
    if text:
        entry["messages"] = _messages(outcome.facts)
    return entry


def _ms(seconds: float) -> float:
    return int(seconds * 1e6 + 0.5) / 1000  # a third of what round() costs, thirty times per entry


def _facts(outcome: Outcome) -> dict[str, Any] | None:
    facts = outcome.facts
    if facts is None:
        return None
    return {
        "model": facts.model and facts.model[:MAX_VALUE],
        "bytes": facts.size,
        "messages": len(facts.messages),
        "tools": len(facts.tools),
        "choices": facts.choices,
        "max_tokens": facts.max_tokens,
        "prompt_tokens": facts.prompt_tokens,
    }


def _signals(values: Mapping[str, SignalValue], seconds: Mapping[str, float]) -> dict[str, Any]:
    return {name: _signal(value, seconds.get(name)) for name, value in values.items()}


def _signal(signal: SignalValue, seconds: float | None) -> dict[str, Any]:
    value = signal.value[:MAX_VALUE] if isinstance(signal.value, str) else signal.value
    ms = None if seconds is None else _ms(seconds)
    entry: dict[str, Any] = {"value": value, "score": signal.score, "ms": ms}
    if signal.labels:
        entry["labels"] = dict(signal.labels)
    if signal.spans:
        entry["spans"] = signal.spans
    return entry


def _choice(chosen: Chosen | None) -> dict[str, Any] | None:
    if chosen is None:
        return None
    return {
        "pool": chosen.pool,
        "model": chosen.model,
        "endpoint": chosen.endpoint,
        "by": chosen.by,
        "propensity": chosen.propensity,
    }


def _selection(selected: Selected | None) -> dict[str, Any] | None:
    if selected is None:
        return None
    choice, context = selected
    form: dict[str, Any] = {
        "first": choice.pools[0],
        "propensity": choice.propensity,
        "scores": _rounded(choice.scores),
        "quality": _rounded(choice.quality),
        "strong": choice.strong,
        "stayed": choice.stayed,
        "turn": context.turn,
    }
    if choice.propensity < 1 and choice.shares:
        form["shares"] = dict(choice.shares)
    if context.prompt is not None:
        form |= _prompt(context.prompt)
    if context.previous is not None:
        form["previous"] = context.previous._asdict()
    if context.budget is not None:
        form["budget"] = context.budget
    return form


def _prompt(prompt: Prompt) -> dict[str, Any]:
    likeliest = sorted(prompt.domains.items(), key=lambda item: -item[1])[:DOMAINS]
    return {
        "features": np.round(prompt.features, _DIGITS),
        "need": round(prompt.need, _DIGITS),
        "difficulty": round(prompt.difficulty, _DIGITS),
        "domains": _rounded(dict(likeliest)),
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, _DIGITS) for name, value in values.items()}


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "pool": attempt.pool,
        "endpoint": attempt.endpoint,
        "result": attempt.result,
        "ms": _ms(attempt.seconds),
        "cause": attempt.cause,
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "pool": step.pool,
        "verdict": step.verdict,
        "reason": step.reason,
        "measures": dict(step.measures),
        "unmeasured": step.unmeasured,
        "ms": _ms(step.seconds),
        "cost_usd": step.cost,
    }


def _lookup(cached: Cached | None, text: bool) -> dict[str, Any] | None:
    if cached is None:
        return None
    return {
        "category": cached.category,
        "refused": cached.refused,
        "kept": cached.kept,
        "flight": cached.flight,
        "entry": cached.entry,
        "similarity": cached.similarity and round(cached.similarity, _DIGITS),
        "age_s": cached.age and round(cached.age, 1),
        "guard": (cached.guard and cached.guard[:MAX_VALUE]) if text else None,  # it quotes what was asked
        "ms": _ms(cached.seconds),
        "examples": cached.reused and cached.reused._asdict(),
    }


def _timings(timings: Timings) -> dict[str, Any]:
    return {
        "total_ms": _ms(timings.total),
        "overhead_ms": _ms(timings.overhead),
        "upstream_ms": _ms(timings.upstream),
        "ttft_ms": None if timings.ttft is None else _ms(timings.ttft),
        "stages_ms": {stage.value: _ms(seconds) for stage, seconds in timings.stages.items()},
    }


def _usage(usage: Usage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    return {"prompt": usage.prompt, "completion": usage.completion, "cached": usage.cached}


def _messages(facts: Facts | None) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    room = MAX_TEXT
    for message in reversed(facts.messages if facts else ()):
        if room <= 0:
            break
        kept.append(_message(message, room))
        room -= len(message.text)
    return kept[::-1]


def _message(message: Message, room: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"role": message.role, "text": message.text[:room]}
    if message.parts:
        entry["parts"] = message.parts[:MAX_PARTS]
    if message.tool_calls:
        entry["tool_calls"] = message.tool_calls
    return entry
