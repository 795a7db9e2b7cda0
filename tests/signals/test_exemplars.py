from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.signals.exemplars import read_exemplars


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.jsonl"


def test_labels_are_written_as_conditions_write_them_and_repeated_rows_count_once(path: Path):
    path.write_text('{"text": "a", "label": "Code Review"}\n\n' * 2 + '{"text": "b", "label": true, "note": 1}\n')
    assert read_exemplars(path) == (("a", "b"), ("code_review", "true"), ("code_review", "true"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "has no rows"),
        ("[]\n", "data.jsonl:1: this is not JSON"),
        ('{"text": "a", "label": "x"}\n{"text": ', "data.jsonl:2: this is not JSON"),
        ('{"text": " ", "label": "x"}', 'data.jsonl:1: "text" must be text'),
        ('{"text": 5, "label": "x"}', 'data.jsonl:1: "text" must be text'),
        ('{"text": "a"}', 'data.jsonl:1: "label" must be a name'),
        ('{"text": "a", "label": "?"}', 'data.jsonl:1: "label" must be a name'),
        ("".join(f'{{"text": "{n}", "label": "l{n}"}}\n' for n in range(300)), "300 different labels"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(path: Path, content: str, complaint: str):
    path.write_text(content)
    with pytest.raises(ValueError, match=complaint):
        read_exemplars(path)


def test_files_that_cannot_be_read(path: Path):
    with pytest.raises(ValueError, match="No such file"):
        read_exemplars(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not UTF-8"):
        read_exemplars(path)


def test_the_number_of_rows_may_be_bounded(path: Path):
    path.write_text("".join(f'{{"text": "{n}", "label": "x"}}\n' for n in range(3)))
    assert len(read_exemplars(path, 3).texts) == 3
    with pytest.raises(ValueError, match="more than 2 rows"):
        read_exemplars(path, 2)
