"""The command line: one module of `commands/` per command, imported when it is called."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from io import TextIOWrapper
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from pointsman import __version__
from pointsman.gateway.errors import ConfigError, PointsmanError
from pointsman.policies.nearest import did_you_mean

PACKAGE = "pointsman.gateway.commands"
COMMANDS: Mapping[str, str] = {
    "demo": "Simulated pools, the gateway and some traffic; needs nothing else.",
    "serve": "Run the gateway.",
    "check": "Check a configuration file.",
    "explain": "Show how prompts would be routed; no backend is called.",
    "test": "Run the tests of a configuration file.",
    "replay": "Show what would change for the requests of a decision log.",
    "schema": "Print the JSON Schema of configuration files.",
    "sim": "Run one simulated vLLM server.",
    "cache": "Choose the cache's thresholds, fill it, and carry it elsewhere.",
    "fit": "Learn from labelled texts what signals need.",
    "bench": "Measure the gateway next to bare relays and other gateways.",
}
"""Module `commands/NAME.py` has a function NAME, whose signature gives the options, or a Typer of this name."""

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells do."""


class _Commands(TyperGroup):
    """Imports a command only to run it, so that help and the light commands stay quick."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name in COMMANDS if find_spec(f"{PACKAGE}.{name}")]

    def get_command(self, ctx: Any, name: str) -> Any:
        names = self.list_commands(ctx)
        if name not in names:
            ctx.fail(f"there is no command `{name}`{did_you_mean(name, names)}")
        function = getattr(import_module(f"{PACKAGE}.{name}"), name)
        if isinstance(function, typer.Typer):  # it has commands of its own
            return typer.main.get_command(function)
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(name)(function)
        return typer.main.get_command(single)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pointsman {__version__}")
        raise typer.Exit


app = typer.Typer(cls=_Commands, add_completion=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def pointsman(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Semantic routing gateway for LLM traffic."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help(), err=True)
        raise typer.Exit(2)


def main(args: Sequence[str] | None = None) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # text that the terminal cannot show is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(args))


def run(args: Sequence[str] | None = None) -> int:
    """The exit status; each thing that went wrong is one line on stderr."""
    try:
        status = typer.main.get_command(app).main(args, prog_name="pointsman", standalone_mode=False)
    except typer.TyperException as error:
        return _complain(_usage(error), error.exit_code)
    except typer.Abort:
        return INTERRUPTED
    except ConfigError as error:
        return _complain(str(error), 2)
    except PointsmanError as error:
        return _complain(f"pointsman: error: {error}", 1)
    return status if isinstance(status, int) else 0


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "pointsman"
    message = " ".join(error.format_message().split())
    return f"{command}: error: {message} (see {command} --help)"


def _complain(message: str, status: int) -> int:
    typer.echo(message, err=True)
    return status
