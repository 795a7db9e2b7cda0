"""How findings and changes of a configuration look in the admin API."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pointsman.gateway.errors import BadRequest, Problem
from pointsman.gateway.policy_diff import Change
from pointsman.policies.nearest import did_you_mean

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


class InvalidConfig(BadRequest):
    code = "invalid_config"


def finding(problem: Problem) -> dict[str, Any]:
    """As `pointsman check --json` has it."""
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "severity": problem.severity,
        "message": problem.message,
    }


def change(change: Change) -> dict[str, Any]:
    return {"text": str(change), **change._asdict()}


def check_parameters(given: Mapping[str, str], known: Collection[str]) -> None:
    for name in given:
        if name not in known:
            raise BadRequest(f"There is no parameter `{name[:64]}`{did_you_mean(name[:64], known)}.", param=name[:64])


def flag(given: Mapping[str, str], name: str, usually: bool) -> bool:
    text = given.get(name)
    if text is None:
        return usually
    if text not in _FLAGS:
        raise BadRequest(f"`{name}` must be true or false.", param=name)
    return _FLAGS[text]
