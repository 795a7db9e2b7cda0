"""Why a request goes where it goes: the one form of `explain --json`, `--batch` and the debug headers."""

from __future__ import annotations

import json
from typing import Any

from pointsman.gateway.routing import Routed
from pointsman.signals.base import SignalValue

MAX_HEADER = 6 * 1024
"""Bytes of a debug header; there are two of them, and Node refuses answers with more than 16 KB of headers."""


def explain_signals(routed: Routed) -> dict[str, Any]:
    elapsed = routed.readings.elapsed
    return {name: _signal(value, elapsed.get(name, 0.0)) for name, value in routed.readings.values.items()}


def _signal(signal: SignalValue, seconds: float) -> dict[str, Any]:
    form: dict[str, Any] = {"value": signal.value, "score": signal.score, "ms": round(seconds * 1000, 4)}
    if signal.labels:
        form["labels"] = dict(signal.labels)
    if signal.spans:
        form["spans"] = [
            {"start": s.start, "end": s.end, "type": s.type, "score": s.score, "message": s.message}
            for s in signal.spans
        ]
    return form


def explain(identifier: str | float | None, routed: Routed, skipped: list[str], overhead: float) -> dict[str, Any]:
    """`overhead` in seconds, of the whole decision."""
    choice = routed.choice
    return {
        "id": identifier,
        "decision": routed.decision,
        "models": list(routed.candidates),
        "cache_category": routed.category,
        "signals": explain_signals(routed),
        "skipped": skipped,
        "selection": {
            "by": choice.by,
            "choice": routed.pools[0].name if routed.pools else None,
            "propensity": choice.propensity,
            "scores": dict(choice.scores),
            "quality": {**_stated(routed), **choice.quality},
            **({} if choice.strong is None else {"strong_probability": choice.strong}),
            "reason": _reason(routed),
            **_steps(routed),
        },
        "encoder_ms": round(routed.readings.encoder_seconds * 1000, 4),
        "overhead_ms": round(overhead * 1000, 4),
    }


def _steps(routed: Routed) -> dict[str, Any]:
    procedure = routed.choice.procedure
    steps = procedure.steps([pool.name for pool in routed.pools]) if procedure is not None else []
    return {"steps": steps} if steps else {}


def _stated(routed: Routed) -> dict[str, float]:
    """What the file says, where the selector predicts nothing itself."""
    return {pool.name: pool.config.quality["default"] for pool in routed.pools if "default" in pool.config.quality}


def _reason(routed: Routed) -> str:
    wanted = routed.choice.pools[0] if routed.choice.pools else None
    if wanted is None or wanted == routed.pools[0].name:
        return routed.choice.reason
    return f"the context window of {wanted} is too small"


def debug_headers(identifier: str, routed: Routed, skipped: list[str], overhead: float) -> list[tuple[bytes, bytes]]:
    trace = explain(identifier, routed, skipped, overhead)
    signals = trace.pop("signals")
    return [
        (b"x-pointsman-signals", _compact(signals)),
        (b"x-pointsman-trace", _compact(trace)),
    ]


def _compact(form: dict[str, Any]) -> bytes:
    """ASCII JSON; the members that do not fit are left out, so that it stays JSON."""
    members, room = [], MAX_HEADER - len("{}")
    for name, value in form.items():
        member = json.dumps({name: value}, separators=(",", ":"))[1:-1]
        if len(member) < room:
            members.append(member)
            room -= len(member) + len(",")
    return f"{{{','.join(members)}}}".encode("ascii")
