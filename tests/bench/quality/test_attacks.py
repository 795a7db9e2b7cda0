from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.bench.quality import attacks
from pointsman.bench.quality.sets import Sets
from tests.bench.quality import samples

DOCUMENT = "one two three four five six"


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("start", "ATTACK\none two three four five six"),
        ("middle", "one two three\nATTACK\nfour five six"),
        ("end", "one two three four five six\nATTACK"),
    ],
)
def test_an_attack_has_its_place(place: str, text: str) -> None:
    assert attacks.put("ATTACK", DOCUMENT, place) == text


def test_a_document_without_spaces_keeps_its_characters() -> None:
    assert attacks.put("ATTACK", "x" * 9, "middle") == f"{'x' * 9}\nATTACK\n"


def test_long_texts_are_long_and_different(tmp_path: Path) -> None:
    samples.write(tmp_path)
    texts = attacks.long_texts(Sets(tmp_path).benign()[1], 3)
    assert all(3000 <= len(text.split()) < 3300 for text in texts)
    assert len(set(texts)) == 3
    assert attacks.long_texts([], 3) == []


def test_benign_text_of_equal_length() -> None:
    rows = [{"prompt": "short"}, {"prompt": "a longer prompt"}]
    assert [len(text) for text in attacks.as_long(["x" * 7, "x" * 90], rows)] == [7, 90]


def test_every_attack_is_pasted_and_comes_from_a_tool() -> None:
    found = list(attacks.injected([{"text": "EVIL", "kind": "text"}] * 3, [{"context": "one two"}]))
    assert [one.carrier for one in found] == ["pasted", "tool result"] * 3
    roles = [[message["role"] for message in one.body["messages"]] for one in found[:2]]
    assert roles == [["user"], ["user", "assistant", "tool"]]
    last = [one.body["messages"][-1]["content"] for one in found[1::2]]
    assert last == ["EVIL\none two", "one\nEVIL\ntwo", "one two\nEVIL"]
