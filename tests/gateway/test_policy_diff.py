from __future__ import annotations

from typing import Any

import pytest

from pointsman.gateway.policy_diff import MAX_CHANGES, MAX_TEXT, policy_diff
from pointsman.gateway.schema.config import Config

BASE: dict[str, Any] = {
    "version": 1,
    "pools": {
        "small": {"model": "org/small", "endpoints": ["http://127.0.0.1:1"]},
        "large": {"model": "org/large", "endpoints": ["http://127.0.0.1:2"]},
    },
    "signals": {
        "urgent": {"type": "keyword", "any": ["asap", "urgent"]},
        "size": {"type": "context"},
        "again": {"type": "reask", "threshold": 0.6},
    },
    "conditions": {"long": "size > 4000"},
    "decisions": [
        {"name": "rush", "priority": 10, "when": "urgent", "models": ["large"]},
        {"name": "big", "when": "long", "models": ["large"]},
        {"name": "rest", "when": "true", "models": ["small", "large"]},
    ],
}


def changed(**sections: Any) -> dict[str, Any]:
    return BASE | sections


def decision(name: str, **changes: Any) -> list[dict[str, Any]]:
    return [{**each, **changes} if each["name"] == name else each for each in BASE["decisions"]]


def lines(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [str(change) for change in policy_diff(Config.model_validate(old), Config.model_validate(new))]


def test_nothing_changes_between_two_of_the_same() -> None:
    tests = [{"prompt": "Hello", "expect": {"decision": "rest"}}]
    assert lines(BASE, BASE) == []
    assert lines(BASE, changed(tests=tests, aliases=["auto"])) == []


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (changed(decisions=decision("rush", when="urgent and\n size > 9")), ["when: urgent → urgent and size > 9"]),
        (changed(decisions=decision("rush", priority=20)), ["priority: 10 → 20"]),
        (changed(decisions=decision("rush", models=["small"])), ["models: [large] → [small]"]),
        (
            changed(decisions=decision("rush", models=["small", "large"], select={"by": "round_robin"})),
            ["models: [large] → [small, large]", "select.by: static → round_robin"],
        ),
        (
            changed(decisions=decision("rush", models=[], respond={"status": 403, "message": "No."})),
            ["models: [large] → []", "respond: now status: 403, message: No."],
        ),
        (
            changed(decisions=decision("rush", slo={"first_token": "2s"})),
            ["slo: now first_token: 2s, per_token: null, miss: next"],
        ),
    ],
)
def test_what_changes_of_a_decision(new: dict[str, Any], expected: list[str]) -> None:
    assert lines(BASE, new) == [f"decision `rush`: {line}" for line in expected]


def test_decisions_that_come_and_go() -> None:
    new = [BASE["decisions"][2], {"name": "new", "when": "urgent", "models": ["large"]}]
    assert lines(BASE, changed(decisions=new)) == [
        "decision `rush`: removed",
        "decision `big`: removed",
        "decision `new`: added: when: urgent, models: [large]",
    ]


def test_the_order_in_which_they_are_asked() -> None:
    swapped = [BASE["decisions"][0], BASE["decisions"][2], BASE["decisions"][1]]
    assert lines(BASE, changed(decisions=swapped)) == ["decisions: order: big, rest → rest, big"]
    assert lines(BASE, changed(decisions=decision("rest", priority=20))) == [
        "decision `rest`: priority: 0 → 20",
        "decisions: order: rush, big, rest → rest, rush, big",
    ]
    last_first = [BASE["decisions"][1], BASE["decisions"][2], BASE["decisions"][0]]
    assert lines(BASE, changed(decisions=last_first)) == []  # its priority puts it first again


def test_signals_thresholds_conditions_and_pools() -> None:
    new = changed(
        signals={
            "urgent": {"type": "keyword", "any": ["asap"]},
            "again": {"type": "reask", "threshold": 0.7},
            "tokens": {"type": "context"},
        },
        conditions={"long": "tokens > 8000"},
        pools={"small": BASE["pools"]["small"] | {"price": {"input": 0.5}}, "large": BASE["pools"]["large"]},
        aliases=["gpt-4o"],
    )
    assert lines(BASE, new) == [
        "pool `small`: price.input: 0.0 → 0.5",
        "signal `size`: removed",
        "signal `urgent`: any: [asap, urgent] → [asap]",
        "signal `again`: threshold: 0.6 → 0.7",
        "signal `tokens`: added: type: context",
        "condition `long`: size > 4000 → tokens > 8000",
        "aliases: [auto] → [auto, gpt-4o]",
    ]


def test_a_virtual_model_and_a_decision_that_moves_to_it() -> None:
    fast = {"fast": {"decisions": [{"name": "quick", "when": "true", "models": ["small"]}]}}
    old = changed(virtual_models=fast)
    moved = {"fast": {"decisions": [BASE["decisions"][1], *fast["fast"]["decisions"]], "guards": False}}
    new = changed(virtual_models=moved, decisions=[BASE["decisions"][0], BASE["decisions"][2]])
    assert lines(old, new) == [
        "decision `big`: virtual_model: now fast",
        "virtual model `fast`: guards: true → false",
    ]


def test_of_a_long_list_what_came_and_went() -> None:
    words = [f"word-{number}" for number in range(100)]
    old = changed(signals={"w": {"type": "keyword", "any": words}}, conditions={}, decisions=BASE["decisions"][2:])
    new = {**old, "signals": {"w": {"type": "keyword", "any": [*words[1:], "new"]}}}
    assert lines(old, new) == ["signal `w`: any: … [word-0] → … [new]"]


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLD", "s3cret-old")
    monkeypatch.setenv("NEW", "s3cret-new")
    of = {key: changed(admin={"keys": [f"env:{key}"]}) for key in ("OLD", "NEW")}
    assert lines(of["OLD"], of["NEW"]) == ["admin: keys: changed"]


def test_it_is_bounded() -> None:
    many = {f"s{number}": {"type": "keyword", "any": ["x" * 1000]} for number in range(MAX_CHANGES + 5)}
    found = lines(BASE, changed(signals=BASE["signals"] | many))
    assert len(found) == MAX_CHANGES + 1
    assert found[-1] == "more: added: 5 further changes"
    assert max(map(len, found)) < MAX_TEXT + 50
