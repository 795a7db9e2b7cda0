from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from pointsman.gateway.observe.rotating import RotatingFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.jsonl"


def test_only_the_owner_reads_a_new_file(path: Path) -> None:
    file = RotatingFile(path, 100, 1)
    file.write(b"one\n")
    file.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_appends_to_what_is_there(path: Path) -> None:
    path.write_bytes(b"before\n")
    for line in (b"one\n", b"two\n"):
        file = RotatingFile(path, 100, 1)
        file.write(line)
        file.close()
    assert path.read_bytes() == b"before\none\ntwo\n"


def test_rotates_before_it_grows_too_large_and_keeps_so_many(path: Path) -> None:
    file = RotatingFile(path, 10, 2)
    for number in range(7):
        file.write(b"line%d\n" % number)
    file.close()
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == {
        "decisions.jsonl": b"line6\n",
        "decisions.jsonl.1": b"line5\n",
        "decisions.jsonl.2": b"line4\n",
    }


def test_a_line_that_is_too_large_has_a_file_of_its_own(path: Path) -> None:
    file = RotatingFile(path, 10, 3)
    for data in (b"a\n", b"b" * 50 + b"\n", b"c\n"):
        file.write(data)
    file.close()
    assert [p.stat().st_size for p in (path, Path(f"{path}.1"), Path(f"{path}.2"))] == [2, 51, 2]


def test_a_full_disk_leaves_no_half_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = RotatingFile(path, 100, 1)
    file.write(b"whole\n")
    write, calls = os.write, []

    def full(fd: int, data: memoryview) -> int:
        calls.append(bytes(data))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data[:3])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        file.write(b"broken\n")
    monkeypatch.undo()
    file.write(b"again\n")
    file.close()
    assert path.read_bytes() == b"whole\nagain\n"


def test_a_file_taken_away_while_open_is_made_anew_after_a_reopen(path: Path) -> None:
    file = RotatingFile(path, 100, 1)
    file.write(b"one\n")
    path.rename(f"{path}.taken")
    file.close()
    file.write(b"two\n")
    file.close()
    assert path.read_bytes() == b"two\n"


def test_every_file_begins_with_the_head(path: Path) -> None:
    file = RotatingFile(path, 20, 2, b"head\n")
    for number in range(5):
        file.write(b"line%d\n" % number)
    file.close()
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == {
        "decisions.jsonl": b"head\nline4\n",
        "decisions.jsonl.1": b"head\nline2\nline3\n",
        "decisions.jsonl.2": b"head\nline0\nline1\n",
    }


def test_a_head_that_is_too_large_does_not_make_files_that_hold_it_alone(path: Path) -> None:
    file = RotatingFile(path, 10, 3, b"a head too large\n")
    file.write(b"")
    for data in (b"one\n", b"two\n"):
        file.write(data)
    file.close()
    assert path.read_bytes() == b"a head too large\ntwo\n"
    assert Path(f"{path}.1").read_bytes() == b"a head too large\none\n"
    assert not Path(f"{path}.2").exists()


def test_devices_are_not_rotated() -> None:
    file = RotatingFile(Path("/dev/null"), 1, 1)
    for _ in range(3):
        file.write(b"line\n")
    file.close()
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
