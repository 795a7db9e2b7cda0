"""Which changes of files are noticed, and when."""

from __future__ import annotations

import os
from pathlib import Path

from pointsman.gateway.reloading import FileWatch


def looks(watch: FileWatch, times: int = 4) -> list[bool]:
    return [watch.changed() for _ in range(times)]


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_change_is_told_once_when_it_has_ended(tmp_path: Path) -> None:
    path = write(tmp_path / "policy.yaml", "version: 1\n")
    watch = FileWatch(path)
    assert looks(watch) == [False] * 4
    write(path, "version: 1  # changed\n")
    assert looks(watch) == [False, True, False, False]


def test_a_burst_is_one_change(tmp_path: Path) -> None:
    path = write(tmp_path / "policy.yaml", "version: 1\n")
    watch = FileWatch(path)
    for number in range(5):
        write(path, f"version: 1  # {'x' * number} half of it\n")
        assert not watch.changed()
    assert looks(watch) == [True, False, False, False]


def test_a_file_that_is_renamed_over_it(tmp_path: Path) -> None:
    path = write(tmp_path / "policy.yaml", "version: 1\n")
    watch = FileWatch(path)
    times = path.stat()
    other = write(tmp_path / ".policy.yaml.swp", "version: 1\n")  # of the same size and time
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(path)
    assert looks(watch) == [False, True, False, False]


def test_a_file_that_is_away_for_a_moment(tmp_path: Path) -> None:
    path = write(tmp_path / "policy.yaml", "version: 1\n")
    watch = FileWatch(path)
    path.unlink()
    assert not watch.changed()
    write(path, "version: 1  # again\n")
    assert looks(watch) == [False, True, False, False]


def test_a_config_map_whose_link_is_swapped(tmp_path: Path) -> None:
    for version in ("..1", "..2"):
        (tmp_path / version).mkdir()
        write(tmp_path / version / "policy.yaml", "version: 1\ninclude: [signals.yaml]\n")
        write(tmp_path / version / "signals.yaml", f"signals: {{}}  # {version}\n")
    data = tmp_path / "..data"
    data.symlink_to("..1")
    for name in ("policy.yaml", "signals.yaml"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    watch = FileWatch(tmp_path / "policy.yaml")
    assert not watch.changed()
    new = tmp_path / "..data_tmp"
    new.symlink_to("..2")
    new.replace(data)
    assert looks(watch) == [False, True, False, False]


def test_files_that_are_included_now_and_from_then_on(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    part = write(tmp_path / "parts" / "signals.yaml", "include: [more.yaml]\n")
    more = write(tmp_path / "parts" / "more.yaml", "signals: {}\n")
    path = write(tmp_path / "policy.yaml", "version: 1\n")
    watch = FileWatch(path)
    write(more, "signals: {}  # nobody reads it yet\n")
    assert True not in looks(watch)
    write(path, "version: 1\ninclude: [parts/signals.yaml]\n")
    assert True in looks(watch)
    write(more, "signals: {}  # read by now\n")
    assert looks(watch) == [False, True, False, False]
    write(part, "signals: {}\n")
    assert True in looks(watch)


def test_a_file_that_is_not_there_yet_or_broken_is_waited_for(tmp_path: Path) -> None:
    path = write(tmp_path / "policy.yaml", "version: 1\ninclude: [signals.yaml]\n")
    watch = FileWatch(path)
    part = write(tmp_path / "signals.yaml", "signals: [\n")
    assert looks(watch) == [False, True, False, False]
    write(part, "signals: {}\n")
    assert looks(watch) == [False, True, False, False]
    path.unlink()
    assert looks(watch) == [False, True, False, False]


def test_a_change_while_it_is_read_is_not_missed(tmp_path: Path) -> None:
    path = write(tmp_path / "policy.yaml", "version: 1\n")
    watch = FileWatch(path)
    write(path, "version: 1  # first\n")
    assert looks(watch, 2) == [False, True]
    write(path, "version: 1  # second, while the first is read\n")
    assert looks(watch, 3) == [False, True, False]
