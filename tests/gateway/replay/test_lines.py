from __future__ import annotations

import gzip
import io
from pathlib import Path
from types import SimpleNamespace

import pytest

from pointsman.gateway.replay.lines import MAX_LINE, CannotRead, read_lines


def read(*paths: Path | str) -> list[bytes]:
    return list(read_lines(map(str, paths)))


def test_one_file_after_the_other_whether_gzipped_or_not(tmp_path: Path) -> None:
    plain, packed = tmp_path / "decisions.jsonl.1", tmp_path / "decisions.jsonl.2"  # whatever its name says
    plain.write_bytes(b"three\n\n \nfour")
    packed.write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    assert read(packed, plain) == [b"one\n", b"two\n", b"three\n", b"four"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_stdin(pack, monkeypatch: pytest.MonkeyPatch) -> None:
    given = io.BufferedReader(io.BytesIO(pack(b"one\ntwo\n")))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=given))
    assert read("-") == [b"one\n", b"two\n"]


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    assert read(path) == []


def test_a_line_without_end_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"x" * (2 * MAX_LINE + 10) + b"\nnext\n" + b"y" * (MAX_LINE - 1) + b"\nlast\n")
    assert [len(line) for line in read(path)] == [MAX_LINE, 5, MAX_LINE, 5]


@pytest.mark.parametrize("cut", [0, 1])
def test_trouble_names_the_file(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "decisions.gz"
    if cut:
        path.write_bytes(gzip.compress(b"one\n" * 1000)[:-5])
    with pytest.raises(CannotRead, match=r"cannot read .*decisions\.gz: \w+"):
        read(path)
