from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pointsman.gateway.config import load
from pointsman.gateway.fingerprint import Fingerprints, fingerprints
from pointsman.gateway.policy import build_policy

POOL = {"model": "m", "endpoints": ["http://127.0.0.1:9"]}
SIGNALS = {
    "urgent": {"type": "keyword", "any": ["urgent"]},
    "long": {"type": "context", "min": 1000},
    "effort": {"type": "projection", "weights": {"urgent": 1, "long": 2}},
    "like": {"type": "embedding", "examples": ["refund me"]},
}
DECISIONS = [{"name": "hurry", "when": "urgent", "models": ["small"]}]


def declared(tmp_path: Path, **parts: Any) -> Fingerprints:
    whole = {"version": 1, "pools": {"small": POOL, "large": POOL}, "signals": SIGNALS, "decisions": DECISIONS, **parts}
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(whole))
    config = load(path)
    return fingerprints(config, build_policy(config).signals)


def changed(before: Fingerprints, after: Fingerprints) -> set[str]:
    return {name for name in before.signals if before.signals[name] != after.signals.get(name)}


def signals(name: str, **options: Any) -> dict[str, Any]:
    return {**SIGNALS, name: {**SIGNALS[name], **options}}


def test_the_same_declaration_has_the_same_fingerprint(tmp_path: Path) -> None:
    before = declared(tmp_path)
    explicit = signals("urgent", **{"case": False, "any": ["urgent"], "in": "user"})
    reordered = dict(reversed(explicit.items()))
    assert changed(before, declared(tmp_path, signals=reordered)) == set()
    assert declared(tmp_path) == before


def test_another_option_changes_the_signal_and_what_is_made_of_it(tmp_path: Path) -> None:
    before = declared(tmp_path)
    assert changed(before, declared(tmp_path, signals=signals("urgent", any=["urgent", "now"]))) == {"urgent", "effort"}
    assert changed(before, declared(tmp_path, signals=signals("effort", bias=1))) == {"effort"}


def test_what_is_made_of_unknown_values_is_not_the_value(tmp_path: Path) -> None:
    before = declared(tmp_path)
    assert changed(before, declared(tmp_path, signals=signals("urgent", on_unknown=True))) == set()


def test_another_encoder_changes_what_reads_by_it(tmp_path: Path) -> None:
    before = declared(tmp_path)
    assert changed(before, declared(tmp_path, encoder={"url": "http://127.0.0.1:9", "model": "e"})) == {"like"}
    assert changed(before, declared(tmp_path, encoder={"budget": "1s"})) == set()


def test_the_content_of_a_file_counts_and_not_its_place(tmp_path: Path) -> None:
    def kb(name: str, text: str) -> Fingerprints:
        file = tmp_path / name
        file.write_text(f'{{"text": "{text}", "label": "a"}}\n{{"text": "y", "label": "b"}}\n')
        return declared(tmp_path, signals={**SIGNALS, "kb": {"type": "kb", "data": str(file)}})

    before = kb("one.jsonl", "x")
    assert changed(before, kb("two.jsonl", "x")) == set()
    assert changed(before, kb("one.jsonl", "z")) == {"kb"}


def test_a_decision_is_where_it_sends_requests(tmp_path: Path) -> None:
    def decision(**changes: Any) -> str:
        return declared(tmp_path, decisions=[{**DECISIONS[0], **changes}]).decisions["hurry"]

    assert decision(when="not urgent", priority=5) == decision()
    assert decision(models=["large"]) != decision()
    weights = [{"by": "weighted", "weights": {"small": share, "large": 1}} for share in (1, 2)]
    assert len({decision(models=["small", "large"], select=select) for select in weights}) == 2


def test_the_whole_is_all_that_decides(tmp_path: Path) -> None:
    before = declared(tmp_path)
    assert declared(tmp_path, server={"port": 9999}).config == before.config
    assert declared(tmp_path, strategy="confidence").config != before.config
    conditions = {"soon": "urgent or long"}
    assert declared(tmp_path, conditions=conditions).config != before.config
