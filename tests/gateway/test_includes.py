from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from pointsman.gateway import includes
from pointsman.gateway.config import examine, load
from pointsman.gateway.errors import ConfigError
from pointsman.gateway.includes import MAX_FILES, read_documents

MAIN = """\
version: 1
include: [signals.yaml, team/b.yaml]
pools: {small: {model: s, endpoints: [http://127.0.0.1:8001]}}
signals: {size: {type: context}}
decisions:
  - {name: long, when: size > 8000, models: [small]}
  - {name: everything, when: true, models: [small]}
"""
SIGNALS = """\
signals:
  urgent: {type: keyword, any: [urgent]}
decisions:
  - {name: wait, when: urgent, respond: {message: Later.}}
"""
TEAM = """\
pools: {b: {model: b, endpoints: [http://127.0.0.1:8002], api_key: env:P_KEY}}
decisions:
  - name: team
    when: >-
      size < 100 and
      not urgent
    models: [b]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("P_KEY", "sk-of-the-team")
    (tmp_path / "team").mkdir()
    write(tmp_path, {"main.yaml": MAIN, "signals.yaml": SIGNALS, "team/b.yaml": TEAM})
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(dedent(text), "utf-8")


def found(folder: Path, files: dict[str, str] | None = None) -> list[str]:
    write(folder, files or {})
    return [str(problem).replace(f"{folder}/", "") for problem in examine(folder / "main.yaml").problems]


def test_maps_are_merged_and_what_is_included_comes_first(folder: Path) -> None:
    config = load(folder / "main.yaml")
    assert set(config.signals) == {"size", "urgent"}
    assert set(config.pools) == {"small", "b"}
    assert [decision.name for decision in config.decisions] == ["wait", "team", "long", "everything"]
    key = config.pools["b"].api_key
    assert key is not None
    assert key.get_secret_value() == "sk-of-the-team"


def test_an_error_has_the_place_in_its_own_file(folder: Path) -> None:
    errors = found(
        folder,
        {
            "main.yaml": MAIN.replace("size > 8000", "siez > 8000"),
            "signals.yaml": SIGNALS.replace("any:", "ayn:"),
            "team/b.yaml": TEAM.replace("not urgent", "not pool.smal.healthy").replace("models: [b]", "models: [c]"),
        },
    )
    assert [error.split(": ")[0] for error in errors] == [
        "main.yaml:6:24",
        "signals.yaml:2:27",
        "team/b.yaml:6:11",
        "team/b.yaml:7:14",
    ]


def test_files_include_others_beside_them(folder: Path) -> None:
    write(
        folder, {"team/b.yaml": "include: [c.yaml]\n" + TEAM, "team/c.yaml": "signals: {tools: {type: tools_offered}}"}
    )
    assert "tools" in load(folder / "main.yaml").signals
    document = read_documents(folder / "main.yaml")
    assert [Path(file).name for file in document.files] == ["main.yaml", "signals.yaml", "b.yaml", "c.yaml"]


def test_what_is_there_twice_names_both_places(folder: Path) -> None:
    errors = found(folder, {"team/b.yaml": TEAM + "signals: {urgent: {type: context}, size: {type: context}}"})
    assert errors == [
        "main.yaml:4:11: error: `signals.size` is defined already, at team/b.yaml:8:36",
        "team/b.yaml:8:11: error: `signals.urgent` is defined already, at signals.yaml:2:3",
    ]


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("version: 1", []),
        ("version: 2", ["main.yaml:1:1: error: `version` is defined already, at signals.yaml:5:1"]),
        ("pools: []", ["team/b.yaml:1:1: error: `pools` is defined already, at signals.yaml:5:1",
                       "main.yaml:3:1: error: `pools` is defined already, at signals.yaml:5:1"]),
        ("server: {port: 1}", []),
        ("aliases: [one]", []),
    ],
)  # fmt: skip
def test_settings_may_be_in_any_one_file(folder: Path, section: str, expected: list[str]) -> None:
    assert sorted(found(folder, {"signals.yaml": SIGNALS + section})) == sorted(expected)


def test_lists_of_settings_are_joined(folder: Path) -> None:
    write(folder, {"main.yaml": MAIN + "aliases: [one]", "signals.yaml": SIGNALS + "aliases: [two]"})
    assert load(folder / "main.yaml").aliases == ["auto", "two", "one"]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("[none.yaml]", "main.yaml:2:11: error: none.yaml: there is no such file"),
        ("[team]", "main.yaml:2:11: error: team: this is a directory; name the YAML file in it"),
        ("[signals.yaml, ./signals.yaml]", "main.yaml:2:25: error: this file is included already, at main.yaml:2:11"),
        ("[main.yaml]", "main.yaml:2:11: error: this file includes itself: main.yaml → main.yaml"),
        ("signals.yaml", "main.yaml:2:10: error: this must be a list of files such as [signals.yaml]"),
        ("[3]", "main.yaml:2:10: error: this must be a list of files such as [signals.yaml]"),
    ],
)
def test_what_cannot_be_included(folder: Path, listed: str, expected: str) -> None:
    assert found(folder, {"main.yaml": MAIN.replace("[signals.yaml, team/b.yaml]", listed)}) == [expected]


def test_a_circle_is_shown(folder: Path) -> None:
    files = {"signals.yaml": SIGNALS + "include: [x.yaml]", "x.yaml": "include: [signals.yaml]"}
    expected = "x.yaml:1:11: error: this file includes itself: signals.yaml → x.yaml → signals.yaml"
    assert found(folder, files) == [expected]


def test_mistakes_in_the_syntax_of_several_files(folder: Path) -> None:
    errors = found(folder, {"signals.yaml": "a: @x", "team/b.yaml": "- b"})
    assert [error.split(": ")[0] for error in errors] == ["signals.yaml:1:4", "team/b.yaml:1:1"]


def test_the_number_of_files_is_bounded(folder: Path) -> None:
    names = [f"f{number}.yaml" for number in range(MAX_FILES)]
    write(folder, dict.fromkeys(names, "tests: []"))
    listed = MAIN.replace("signals.yaml, team/b.yaml", ", ".join(names))
    (error,) = found(folder, {"main.yaml": listed})
    assert error.endswith(f"error: at most {MAX_FILES} files make one configuration")


def test_the_size_of_all_files_together_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(includes, "MAX_VALUES", 40)
    with pytest.raises(ConfigError, match="all files together have more than 40 values"):
        read_documents(folder / "main.yaml")
