"""Our own training examples are what their tasks expect."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from pointsman.signals.domain import LABELS as DOMAINS
from pointsman.signals.feedback import LABELS as FEEDBACK
from pointsman.signals.modality import LABELS as MODALITIES
from training.compound import CHANCE, compound

EXAMPLES = Path(__file__).parents[2] / "training" / "examples"
LABELS = {
    "domain_a": set(DOMAINS),
    "domain_b": set(DOMAINS),
    "fact_check": {"needed", "not_needed"},
    "feedback": set(FEEDBACK),
    "jailbreak_attacks": {1},
    "jailbreak_benign": {0},
    "modality": set(MODALITIES),
    "reask": {0, 1},
}


def rows(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (EXAMPLES / f"{name}.jsonl").read_text("utf-8").splitlines()]


def test_every_file_is_known() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.jsonl")} == {*LABELS, "pii_templates", "compound"}


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_those_of_the_signal_and_texts_differ(name: str) -> None:
    found = rows(name)
    assert {row["label"] for row in found} <= LABELS[name]
    assert all(isinstance(row["text"], str) and row["text"].strip() for row in found)
    texts = Counter((row.get("previous"), row["text"]) for row in found)
    assert [text for text, count in texts.items() if count > 1] == []


def test_all_domains_have_examples() -> None:
    counts = Counter(row["label"] for name in ("domain_a", "domain_b") for row in rows(name))
    assert set(counts) == set(DOMAINS)
    assert min(counts.values()) >= 100


def test_what_verdicts_are_asked_on_is_of_kinds_that_are_known() -> None:
    found = rows("compound")
    assert {row["kind"] for row in found} == {"deed_wrong", "deed_fine", "claim", *CHANCE} - {"deeds"}
    assert len({row["text"] for row in found}) == len(found)
    for row in found:
        options = row.get("options", ["1", "2", "3", "4"])
        assert isinstance(options, list)
        assert len(set(options)) == 4
        assert ("field" in row) == (row["kind"] == "claim")


def test_questions_for_verdicts_are_many_and_their_targets_probabilities() -> None:
    found = list(compound())
    assert len(found) > 1000
    assert all(0.1 < row.target < 0.7 and row.weight > 0 and row.text.strip() for row in found)
