from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pointsman.gateway.errors import ConfigError
from pointsman.gateway.replay.whatif import load_with, read_overrides
from tests.support.logged import write_policy

POOL = {"model": "s", "endpoints": ["http://127.0.0.1:9"]}


def decision(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "when": True, "models": ["small", "large"], **more}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    virtual = {"fast": {"decisions": [decision("quick")]}}
    pools = {"small": POOL, "large": POOL}
    write_policy(
        tmp_path / "p.yaml",
        {"version": 1, "pools": pools, "decisions": [decision("all")], "virtual_models": virtual},
    )
    return tmp_path / "p.yaml"


def test_another_selector_in_the_place_of_the_files(path: Path) -> None:
    texts = ["all={by: weighted, weights: {small: 1}}", "quick = {by: round_robin}"]
    config = load_with(str(path), read_overrides(texts))
    assert {d.name: d.select.by for d in config.all_decisions} == {"all": "weighted", "quick": "round_robin"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("al={by: static}", "--select al: error: there is no such decision; did you mean `all`?"),
        ("all={by: statc}", "there is no selector `statc`"),
        ("all={by: weighted, weights: {smal: 1}}", "`weights` names `smal`"),
        ("all={by: static, tempo: 3}", "unknown key `tempo`"),
        ("all={by: [}", "--select all:1:"),
        ("all=static", "write DECISION={by: …}"),
        ("log.jsonl", "write DECISION={by: …}"),
    ],
)
def test_mistakes_are_told(path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_with(str(path), read_overrides([text]))
    assert complaint in str(caught.value)
