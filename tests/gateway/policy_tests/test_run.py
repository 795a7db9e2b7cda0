from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pointsman.gateway import encoders
from pointsman.gateway.config import load
from pointsman.gateway.errors import ConfigError
from pointsman.gateway.policy_tests.run import Examiner, Result
from pointsman.gateway.schema.cases import CaseConfig
from pointsman.signals.encoder.encoding import EncoderError
from tests.support.encoders import LetterEncoder, head

POLICY = """\
version: 1
auth: {keys: [{key: env:TEAM_KEY, tenant: team-a, roles: [premium]}]}
pools:
  small: {model: shared, endpoints: [http://127.0.0.1:9], context: 400}
  large: {model: shared, discover: {dns: 'http://nowhere.invalid'}}
signals:
  secret:  {type: keyword, any: [forbidden]}
  urgent:  {type: keyword, any: [urgent]}
  size:    {type: context}
  tenant:  {type: tenant}
  premium: {type: role, any: [premium]}
  batch:   {type: header, name: x-workload, any: [batch]}
  night:   {type: schedule, hours: "22:00-06:00", timezone: Europe/Berlin}
  tools:   {type: tools_offered}
  domain:  {type: domain}
  effort:  {type: projection, weights: {domain.math: 1.0, urgent: 1.0}, bands: {low: 1.5, high: null}}
  factual: {type: fact_check, on_unknown: true}
decisions:
  - {name: block, priority: 90, when: secret, respond: {status: 403, message: "No."}}
  - {name: polite, priority: 85, when: pool.small.kv > 0.9, respond: {message: "Later."}}
  - {name: overflow, priority: 80, when: pool.small.load > 0.9 or pool.small.queue > 5, models: [large]}
  - {name: hurry, priority: 70, when: urgent and not domain.math, models: [small, large]}
  - {name: night, priority: 60, when: batch and night, models: [large, small]}
  - {name: members, priority: 50, when: premium or tenant.team_a, models: [large]}
  - {name: agents, priority: 40, when: tools, models: [large]}
  - {name: both, priority: 30, when: effort.high, models: [large]}
  - {name: long, priority: 20, when: size > 1000, models: [small, large]}
  - {name: check, priority: 10, when: factual and pool.large.inflight > 3, models: [small]}
  - {name: maths, when: domain.math, models: [small]}
virtual_models:
  cheap: {decisions: [{name: frugal, when: true, models: [small]}]}
"""

Run = Callable[..., Result]
NOTHING = {"domain": "law", "factual": False}  # so that nothing asks for the encoder


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEAM_KEY", "k-123")
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def run(path: Path) -> Run:
    examiner = Examiner(load(path))

    def run(expect: dict[str, Any], signals: dict[str, Any] = NOTHING, **case: Any) -> Result:
        return examiner.run(CaseConfig.model_validate({**case, "signals": signals, "expect": expect}), path.parent)

    return run


def found(result: Result) -> dict[str, tuple[str, str]]:
    return {mismatch.what: (mismatch.expected, mismatch.got) for mismatch in result.mismatches}


PASSING: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"prompt": "forbidden"}, {"decision": "block", "status": 403, "models": []}),
    ({"pools": {"small": {"kv": 0.95}}}, {"decision": "polite", "status": 200}),
    ({"prompt": "urgent"}, {"decision": "hurry", "models": ["small", "large"], "pool": "small", "status": 200}),
    ({"prompt": "urgent"}, {"not_decision": "block", "signals": {"urgent": True, "secret": False}}),
    ({"prompt": "urgent", "signals": {"domain": "math"}}, {"decision": "both"}),
    ({"signals": {**NOTHING, "urgent": True}}, {"decision": "hurry"}),
    ({"signals": {**NOTHING, "urgent": None}}, {"status": 404, "signals": {"urgent": None, "effort": None}}),
    ({"signals": {"domain": None, "factual": None}, "pools": {"large": {"inflight": 4}}}, {"decision": "check"}),
    ({"prompt": "urgent", "pools": {"small": {"healthy": False}}}, {"pool": "large", "status": 200}),
    ({"prompt": "urgent", "pools": {"small": {"healthy": False}, "large": {"healthy": False}}}, {"status": 503}),
    ({"pools": {"small": {"load": 0.95}}}, {"decision": "overflow", "pool": "large"}),
    ({"pools": {"small": {"queue": 6}}}, {"decision": "overflow"}),
    ({"pools": {"small": {"load": None, "queue": None}}}, {"status": 404}),
    ({"headers": {"X-Workload": "batch"}, "now": "2026-03-02T23:30+01:00"}, {"decision": "night"}),
    ({"headers": {"x-workload": "batch"}, "now": "2026-03-02T22:30"}, {"decision": "night"}),  # UTC
    ({"headers": {"x-workload": "batch"}}, {"status": 404, "signals": {"night": False}}),  # noon, whenever it runs
    ({"tenant": "team-a"}, {"decision": "members", "signals": {"tenant": "team-a", "premium": False}}),
    ({"roles": ["premium"]}, {"decision": "members"}),
    ({"headers": {"authorization": "Bearer k-123"}}, {"decision": "members", "signals": {"premium": True}}),
    ({"headers": {"authorization": "Bearer wrong"}}, {"status": 401}),
    ({"request": {"messages": [], "tools": [{"type": "function", "function": {"name": "f"}}]}}, {"decision": "agents"}),
    ({"prompt": "urgent", "model": "small"}, {"decision": "explicit", "models": ["small"]}),
    ({"prompt": "urgent", "model": "cheap"}, {"decision": "frugal", "models": ["small"]}),
    ({"prompt": "forbidden", "model": "cheap"}, {"decision": "block"}),
    ({"request": {"messages": [], "model": "nobody"}}, {"status": 404}),
    ({"request": {"messages": 1}}, {"status": 400}),
    (
        {"request": {"messages": [], "model": "shared"}, "pools": {"small": {"load": 0.5}}},
        {"decision": "explicit", "models": ["large", "small"]},
    ),
    ({"prompt": "word " * 2000}, {"decision": "long", "pool": "large", "signals": {"size": "> 1000"}}),
]


@pytest.mark.parametrize(("case", "expect"), PASSING)
def test_what_passes(run: Run, case: dict[str, Any], expect: dict[str, Any]) -> None:
    result = run(expect, **case)
    assert result.passed, result.mismatches


def test_what_fails_names_each_side(run: Run) -> None:
    wanted = {
        "decision": "maths",
        "models": ["small"],
        "pool": "large",
        "status": 403,
        "signals": {"urgent": False, "size": "> 100", "domain": ["math", "law"], "tenant": "team-a"},
    }
    result = run(wanted, prompt="urgent")
    assert not result.passed
    assert found(result) == {
        "decision": ("maths", "hurry"),
        "models": ("small", "small, large"),
        "pool": ("large", "small"),
        "status": ("403", "200"),
        "signals.urgent": ("false", "true"),
        "signals.size": ("> 100", "1"),
        "signals.domain": ("math, law", "law"),
        "signals.tenant": ("team-a", "unknown"),
    }


def test_a_decision_that_should_not_be(run: Run) -> None:
    assert found(run({"not_decision": ["block", "hurry"]}, prompt="urgent")) == {"decision": ("not hurry", "hurry")}


def test_no_decision_is_said_as_clients_are_told(run: Run) -> None:
    result = run({"decision": "maths", "models": ["small"], "pool": "small", "signals": {"urgent": True}}, prompt="Hi")
    assert result.form["error"]["code"] == "no_route"
    expected, got = found(result)["decision"]
    assert (expected, got[:52]) == ("maths", "none: 404 no_route: No decision of the gateway's pol")
    assert found(result)["models"] == ("small", "none")
    assert found(result)["pool"] == ("small", "none")
    assert found(result)["signals.urgent"] == ("true", "false")


def test_a_request_that_nobody_could_read_has_no_signals(run: Run) -> None:
    result = run({"signals": {"urgent": True}}, request={"messages": 1})
    assert found(result) == {"signals.urgent": ("true", "no request that signals could read")}


def test_a_request_from_a_file_beside_the_policy(run: Run, path: Path) -> None:
    body = {"messages": [{"role": "user", "content": "this is urgent"}]}
    (path.parent / "requests").mkdir()
    (path.parent / "requests" / "a.json").write_text(json.dumps(body))
    assert run({"decision": "hurry"}, request="requests/a.json").passed


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [("none.json", None, "No such file"), ("bad.json", "{", "not valid JSON"), ("a\0b", None, "not a file name")],
)
def test_a_request_that_cannot_be_read(run: Run, path: Path, name: str, content: str | None, says: str) -> None:
    if content is not None:
        (path.parent / name).write_text(content)
    assert says in found(run({"decision": "hurry"}, request=name))["decision"][1]


class Encoders:
    """Stands for `build_encoder`."""

    def __init__(self) -> None:
        self.built: list[LetterEncoder] = []
        self.error: EncoderError | None = None

    def __call__(self, config: object) -> LetterEncoder:
        if self.error is not None:
            raise self.error
        heads = {"domain": head(["math", "law"], ["a", "e"]), "fact_check": head(["yes"], ["s"])}
        self.built.append(LetterEncoder(heads))
        return self.built[-1]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Encoders:
    built = Encoders()
    monkeypatch.setattr(encoders, "build_encoder", built)
    return built


def test_the_encoder_is_loaded_once_and_only_if_some_test_needs_it(run: Run, built: Encoders) -> None:
    assert run({"decision": "hurry"}, prompt="urgent").passed
    assert run({"decision": "maths"}, {"domain": "math", "factual": False}, prompt="eleven").passed
    assert built.built == []
    assert run({"decision": "maths", "signals": {"domain": "math"}}, {}, prompt="a data bazaar").passed
    assert run({"signals": {"domain": "law", "effort": "low", "factual": False}}, {}, prompt="eleven trees").passed
    assert len(built.built) == 1


def test_a_signal_that_the_encoder_could_not_serve_fails_the_test(run: Run, built: Encoders) -> None:
    assert run({"decision": "maths"}, {}, prompt="a data bazaar").passed
    built.built[0].error = EncoderError("it broke")
    result = run({"status": 404}, {"factual": False}, prompt="a new prompt")
    assert not result.passed
    assert result.mismatches == ()
    assert result.failures == {"domain": "it broke"}


def test_an_encoder_that_cannot_be_loaded_is_an_error_of_the_file(run: Run, built: Encoders) -> None:
    built.error = EncoderError("there is no such model")
    with pytest.raises(ConfigError, match="there is no such model"):
        run({"decision": "maths"}, {}, prompt="a data bazaar")
