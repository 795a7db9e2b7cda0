"""One line of the decision log. Its keys are a contract (docs/decision-log.md); all are always there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from pointsman.gateway.fingerprint import Fingerprints
from pointsman.gateway.observe.outcome import Attempt, Chosen, Outcome, Timings, Usage
from pointsman.signals.base import SignalValue
from pointsman.signals.facts import Facts, Message

VERSION = 1

MAX_TEXT = 256 * 1024
"""Characters of message text in one entry; the last messages are kept."""

MAX_PARTS = 64
"""Parts of a message that are no text."""

MAX_VALUE = 256
"""Characters of a value that the client wrote: the model's name, a header."""


def encode(outcome: Outcome, text: bool) -> bytes:
    """The line with its newline. TypeError if the outcome holds what JSON cannot."""
    return orjson.dumps(describe(outcome, text), option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def encode_config(declared: Fingerprints) -> bytes:
    """The line that says what an entry's `config` stands for."""
    form = {"v": VERSION, "event": "config", **declared._asdict()}
    return orjson.dumps(form, option=orjson.OPT_APPEND_NEWLINE)


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
        "attempts": [_attempt(a) for a in outcome.attempts],
        "cache": outcome.cache,
        "timings": _timings(outcome.timings),
        "events": outcome.events,
        "gap_ms": _ms(outcome.gaps / (outcome.events - 1)) if outcome.events > 1 else None,
        "usage": _usage(outcome.usage),
        "cost_usd": outcome.cost,
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


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "pool": attempt.pool,
        "endpoint": attempt.endpoint,
        "result": attempt.result,
        "ms": _ms(attempt.seconds),
        "cause": attempt.cause,
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
