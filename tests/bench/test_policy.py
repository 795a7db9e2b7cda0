"""The measured policy must be what the page says that it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from pointsman.bench import canned, policy
from pointsman.gateway.app import build_runtime
from pointsman.gateway.config import load
from pointsman.gateway.routing import Routed, route_request
from pointsman.gateway.runtime import Runtime
from pointsman.gateway.wire.inbound import Inbound
from pointsman.gateway.wire.reading import build_facts
from pointsman.signals.facts import Route
from pointsman.signals.readings import Readings

UPSTREAM = "http://127.0.0.1:9"
Build = Callable[[str, Path], dict[str, Any]]


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in policy.SECRETS.items():
        monkeypatch.setenv(name, value)


def runtime_of(build: Build, folder: Path) -> Runtime:
    path = folder / "pointsman.yaml"
    path.write_text(yaml.safe_dump(build(UPSTREAM, folder)))
    return build_runtime(load(path))


def routed_by(runtime: Runtime) -> Routed:
    raw = canned.request_body()
    assert runtime.keys is not None
    identity = runtime.keys.authenticate(policy.CLIENT)
    inbound = Inbound(Route.CHAT, "POST", "/chat/completions", b"", policy.CLIENT, raw, orjson.loads(raw))
    facts = build_facts(inbound, identity, runtime.load)._replace(now=datetime(2026, 3, 2, 12, tzinfo=UTC))
    return route_request(runtime, facts, inbound.path, Readings(runtime.signals, facts), None)


@pytest.mark.parametrize("build", [policy.heuristic, policy.logged])
def test_it_has_the_signals_and_decisions_that_it_is_named_for(build: Build, tmp_path: Path) -> None:
    runtime = runtime_of(build, tmp_path)
    assert len(runtime.signals) == policy.SIGNALS == 20
    assert len(runtime.policy.decisions) == policy.DECISIONS == 50


def test_no_signal_is_spared_and_the_last_decision_catches(tmp_path: Path) -> None:
    runtime = runtime_of(policy.heuristic, tmp_path)
    routed = routed_by(runtime)
    assert routed.decision == runtime.policy.decisions[-1].name == "everything"
    assert set(routed.readings.values) == set(runtime.signals)
    assert not routed.readings.failures


def test_every_decision_but_the_last_has_two_conditions_or_more(tmp_path: Path) -> None:
    conditions = [decision["when"] for decision in policy.heuristic(UPSTREAM, tmp_path)["decisions"]]
    assert all(" and " in when or " or " in when for when in conditions[:-1])
    assert len(set(conditions)) == policy.DECISIONS


def test_the_trivial_policy_has_nothing_but_a_pool_to_choose(tmp_path: Path) -> None:
    runtime = runtime_of(policy.trivial, tmp_path)
    assert not runtime.signals
    assert [decision.name for decision in runtime.policy.decisions] == ["everything"]
    assert runtime.keys is None


def test_the_decision_log_is_on_only_where_its_cost_is_measured(tmp_path: Path) -> None:
    logged = policy.logged(UPSTREAM, tmp_path)
    assert logged.pop("log") == {"decisions": {"path": str(tmp_path / "decisions.jsonl")}}
    assert logged == policy.heuristic(UPSTREAM, tmp_path)
