from __future__ import annotations

from pathlib import Path

import yaml

from pointsman.bench.neural_policy import TOOLS, neural, signals
from pointsman.gateway.config import examine
from pointsman.signals.neural import NeuralSignal
from pointsman.signals.registry import SIGNALS


def test_it_has_every_neural_signal_and_asks_each(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(neural("http://127.0.0.1:9", tmp_path)))
    examined = examine(path)
    assert examined.config is not None, examined.problems
    assert not [problem for problem in examined.problems if problem.severity == "error"]
    declared = {options.type for options in examined.config.signals.values()}
    assert declared == {kind for kind, signal in SIGNALS.items() if issubclass(signal, NeuralSignal)}
    conditions = [decision.when.split(".")[0] for decision in examined.config.decisions]
    assert sorted(conditions) == sorted([*signals(tmp_path), "true"])


def test_the_tools_are_five_different_ones() -> None:
    assert len({tool.name for tool in TOOLS}) == len({tool.description for tool in TOOLS}) == 5
