from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pointsman.gateway.observe.outcome import Attempt, Cause, Chosen, Outcome, Result, Stage, Step, Timings, Usage
from pointsman.policies.cascade import Verdict
from pointsman.signals.base import FALSE, TRUE, UNKNOWN, SignalValue
from pointsman.signals.facts import Facts, Message, PoolLoad, Route

MakeOutcome = Callable[..., Outcome]

FACTS = Facts(
    Route.CHAT,
    model="auto",
    read_messages=lambda: [Message("system", "Be brief."), Message("user", "Prove it. 证明")],
    read_tools=lambda: ["search"],
    headers={"authorization": "Bearer sk-client-secret"},
    size=321,
    max_tokens=64,
)


@pytest.fixture
def make_outcome() -> MakeOutcome:
    """A successful stream, with what the test wants different."""

    def make(**changes: Any) -> Outcome:
        usual: dict[str, Any] = {
            "id": "req-1",
            "route": Route.CHAT,
            "status": 200,
            "timings": Timings(1.5, 0.0002, 1.4998, 0.3, {Stage.DECIDE: 0.00004}),
            "time": 1_700_000_000.25,
            "facts": FACTS,
            "tenant": "team-a",
            "stream": True,
            "decision": "hard-math",
            "config": "0123456789abcdef",
            "candidates": ("small", "large"),
            "chosen": Chosen("large", "Qwen-72B", "a", "static", 1.0),
            "events": 5,
            "gaps": 0.08,
            "usage": Usage(10, 20, 4),
            "cost": 0.000027,
            "finish": "stop",
            "signals": {
                "urgent": TRUE,
                "zh": FALSE,
                "late": UNKNOWN,
                "size": SignalValue(9),
                "domain": SignalValue("math", 0.9, {"math": 0.9}),
            },
            "pools": {"small": PoolLoad(0.5, 2, 3, None, True)},
            "signal_seconds": {"urgent": 0.00001, "domain": 0.002},
            "attempts": (
                Attempt("small", "a", Result.CONNECT, 0.01),
                Attempt("small", "b", Result.TIMEOUT, 0.2, Cause.RETRY),
                Attempt("large", "a", Result.OK, 1.2, Cause.FAILOVER),
            ),
            "steps": (
                Step("small", Verdict.REJECTED, "logprob -1", {"logprob": -1.0}, ("judge",), 0.2, 0.00001),
                Step("large", Verdict.ACCEPTED, "last"),
            ),
        }
        return Outcome(**(usual | changes))

    return make
