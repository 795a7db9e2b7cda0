from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pointsman.bench.fleet.traces import Row, Slo, load
from tests.bench.fleet import samples


def test_azure(tmp_path: Path) -> None:
    folder = tmp_path / "azure_llm_2023"
    folder.mkdir()
    (folder / "a.csv").write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:46.6805900,374,44\n"
        "2023-11-16 18:15:47.0805900,9,1\n"
        "2023-11-16 18:15:48.6805900,5,0\n"
    )
    first, second = load(tmp_path)[0]["azure"].rows  # nothing was generated for the third
    assert (first.prompt, first.output, first.blocks, first.session) == (374, 44, (), None)
    assert second.time - first.time == pytest.approx(0.4)


def test_mooncake(tmp_path: Path) -> None:
    folder = tmp_path / "mooncake_trace"
    folder.mkdir()
    with gzip.open(folder / "a.jsonl.gz", "wt") as lines:
        lines.write('{"timestamp": 3000, "input_length": 1100, "output_length": 5, "hash_ids": [0, 7, 9]}\n')
    assert load(tmp_path)[0]["mooncake"].rows == (Row(3.0, 1100, 5, (0, 7, 9), "0/7"),)


def test_the_turns_of_a_conversation_are_one_session(tmp_path: Path) -> None:
    samples.mooncake_file(tmp_path, conversations=5, turns=3)
    rows = load(tmp_path)[0]["mooncake"].rows
    assert len({row.session for row in rows}) == 5


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    samples.azure_file(tmp_path)
    found, missing = load(tmp_path)
    assert list(found) == ["azure"]
    assert len(missing) == 1
    assert "Mooncake conversation is skipped" in missing[0]
    assert "--data" in missing[0]


def test_the_span_ends_where_the_next_row_would_come() -> None:
    assert samples.plain_trace(rows=10, gap=2.0).span == pytest.approx(20.0)


def test_an_objective_reads_well() -> None:
    assert str(Slo(0.5, 0.1)) == "first token within 0.5 s, then 100 ms a token"
