from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from pointsman import __version__
from pointsman.gateway import cli
from pointsman.gateway.cli import COMMANDS, app, run
from pointsman.gateway.errors import PointsmanError

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")

GROUP: Any = typer.main.get_command(app)
CONTEXT = GROUP.make_context("pointsman", ["check"], resilient_parsing=True)
NAMES = GROUP.list_commands(CONTEXT)


def section(name: str) -> str:
    _, found, rest = PAGE.partition(f"\n## `pointsman {name}")
    assert found, f"docs/cli.md has no section for {name}"
    return rest.partition("\n## ")[0]


def parameters(name: str) -> list[Any]:
    """Also those of its own commands."""
    command = GROUP.get_command(CONTEXT, name)
    return [p for each in (command, *getattr(command, "commands", {}).values()) for p in each.params]


def options(name: str) -> set[str]:
    return {flag for p in parameters(name) for flag in (*p.opts, *p.secondary_opts) if flag.startswith("--")}


@pytest.mark.parametrize("name", NAMES)
def test_every_flag_is_documented_and_none_that_is_not_there(name: str) -> None:
    assert set(re.findall(r"^\| `(--[\w-]+)", section(name), re.MULTILINE)) == options(name) - {"--help"}


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_is_documented(name: str) -> None:
    arguments = [p for p in parameters(name) if p.param_type_name == "argument"]
    for argument in arguments:
        assert f"`{argument.metavar or argument.name.upper()}`" in section(name)


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    assert "check" in NAMES
    for name in NAMES:
        assert re.search(rf"^ +{name} +{re.escape(COMMANDS[name])}$", out, re.MULTILINE)


def test_help_imports_no_command() -> None:
    code = "import sys; from pointsman.gateway.cli import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not {name for name in loaded if name.startswith("pointsman.gateway.commands.")}
    assert not loaded & {"pydantic", "fastapi", "aiohttp", "uvicorn", "lark"}


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"pointsman {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["chekc"], "pointsman: error: there is no command `chekc`; did you mean `check`? (see pointsman --help)"),
        (["--loud"], "pointsman: error: No such option: --loud (see pointsman --help)"),
        (["check"], "pointsman check: error: Missing argument 'CONFIG'. (see pointsman check --help)"),
        (["check", "a", "--[bold]"], "pointsman check: error: No such option: --[bold] (see pointsman check --help)"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr() == ("", f"{expected}\n")


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Commands:" in captured.err


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (KeyboardInterrupt(), 130, ""),
        (
            PointsmanError("port 8080 is in use [x]; choose another"),
            1,
            "pointsman: error: port 8080 is in use [x]; choose another\n",
        ),
    ],
)
def test_how_commands_end(
    error: BaseException,
    status: int,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def check(config: str) -> None:
        raise error

    module = cli.import_module(f"{cli.PACKAGE}.check")
    monkeypatch.setattr(module, "check", check)
    assert run(["check", "x"]) == status
    assert capsys.readouterr() == ("", expected)


def test_text_that_the_terminal_cannot_show(tmp_path: Path) -> None:
    path = tmp_path / "策略.yaml"
    code = "from pointsman.gateway.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "check", str(path)],
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    assert done.returncode == 2
    assert b"there is no such file" in done.stdout
    assert done.stderr == b""
