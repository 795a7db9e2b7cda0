from __future__ import annotations

from typing import Any

import pytest

from pointsman.gateway.errors import ConfigError
from pointsman.gateway.policy import build_policy
from pointsman.gateway.schema.config import Config
from pointsman.signals.base import FALSE, TRUE
from pointsman.signals.facts import PoolLoad


def config(*decisions: dict[str, Any]) -> Config:
    return Config.model_validate(
        {
            "version": 1,
            "pools": {
                "small": {"model": "s", "endpoints": ["http://127.0.0.1:8001"]},
                "large": {"model": "l", "endpoints": ["http://127.0.0.1:8003"]},
            },
            "signals": {"urgent": {"type": "keyword", "any": ["urgent"]}},
            "decisions": decisions,
        }
    )


LOW = {"name": "low", "priority": -5, "when": True, "models": ["small"]}
WAIT = {
    "name": "wait",
    "when": "urgent and pool.large.load > 0.5",
    "respond": {"status": 503, "message": "Later."},
}
URGENT = {
    "name": "urgent",
    "when": "urgent",
    "models": ["large", "small"],
    "select": {"by": "weighted", "weights": {"large": 1}},
}


@pytest.mark.parametrize(("urgent", "load", "name"), [(True, 0.9, "wait"), (True, 0.1, "urgent"), (False, 0.9, "low")])
def test_priority_then_order(urgent: bool, load: float, name: str) -> None:
    _, policy, _ = build_policy(config(LOW, WAIT, URGENT))
    verdict = policy.decide({"urgent": TRUE if urgent else FALSE}, lambda pool: PoolLoad(load=load))
    assert verdict.decision is not None
    assert verdict.decision.name == name


def test_what_the_decisions_hold() -> None:
    signals, policy, _ = build_policy(config(LOW, WAIT, URGENT))
    wait, urgent, low = policy.decisions
    assert list(signals) == ["urgent"]
    assert wait.respond is not None
    assert (wait.respond.status, wait.respond.message, wait.models) == (503, "Later.", ())
    assert urgent.models == ("large", "small")
    assert urgent.selector is not None
    assert urgent.selector.options.by == "weighted"
    assert low.selector is not None
    assert low.selector.options.by == "static"


def test_what_cannot_be_built_is_a_config_error() -> None:
    bad = {**URGENT, "select": {"by": "weighted", "weights": {"other": 1}}}
    with pytest.raises(ConfigError) as caught:
        build_policy(config({**LOW, "when": "urgnt"}, bad))
    messages = [problem.message for problem in caught.value.problems]
    assert messages == [
        "there is no signal `urgnt`; did you mean `urgent`?",
        "`weights` names `other`, which is not in `models`; known are large, small",
    ]
