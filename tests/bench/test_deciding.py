"""What `bench policy` measures is what its page says."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from pointsman.bench import deciding
from pointsman.bench.deciding import CONDITIONS, DECISIONS, Effort
from pointsman.policies.expr import references
from pointsman.signals.base import SignalValue
from pointsman.signals.facts import PoolLoad
from tests.support.encoders import LetterEncoder

EXAMPLE = """\
version: 1
pools: {small: {model: s, endpoints: [http://127.0.0.1:8001], api_key: "env:P_BENCH_KEY"}}
signals: {short: {type: context, max: 30}, law: {type: embedding, examples: [a contract, a lawsuit]}}
decisions:
  - {name: quick, when: short, models: [small]}
  - {name: law, when: law, models: [small]}
"""


@pytest.mark.parametrize("strategy", ["priority", "confidence"])
def test_the_large_policy(strategy) -> None:
    policy = deciding.large(strategy)
    assert len(policy.decisions) == DECISIONS
    assert {len(list(references(d.when))) for d in policy.decisions[:-1]} == {CONDITIONS}
    values = deciding._values(deciding._signals(), deciding.Random(3))
    asked = []

    class Asked(dict[str, SignalValue]):
        def __getitem__(self, name: str) -> SignalValue:
            asked.append(name)
            return super().__getitem__(name)

    decided = policy.decide(Asked(values), lambda name: PoolLoad()).decision
    assert decided is policy.decisions[-1]
    assert "words" in asked


def test_who_needs_the_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pointsman.gateway.encoders.build_encoder", lambda config: LetterEncoder())
    (tmp_path / "data" / "prompt_mix").mkdir(parents=True)
    prompts = ["Hello", "a long question " * 20, "another one " * 30, "Thanks"]
    lines = [orjson.dumps({"id": str(n), "prompt": text}) for n, text in enumerate(prompts)]
    (tmp_path / "data" / deciding.PROMPTS).write_bytes(b"\n".join(lines))
    (tmp_path / "neural.yaml").write_text(EXAMPLE)
    (tmp_path / "plain.yaml").write_text(EXAMPLE.replace("embedding, examples:", "keyword, any:"))
    (tmp_path / "broken.yaml").write_text("version: 3")
    said: list[str] = []
    report = deciding.run(tmp_path / "data", Effort(requests=2), said.append, tmp_path)
    assert report is not None
    assert report.data["encoder"] == {"neural.yaml": 0.5}
    assert [row[0] for row in report.tables[0].rows] == ["priority", "confidence"]
    assert any("broken.yaml" in line for line in said)


def test_without_the_prompts_it_is_skipped(tmp_path: Path) -> None:
    said: list[str] = []
    assert deciding.run(tmp_path, Effort(), said.append) is None
    assert "--data" in said[0]
