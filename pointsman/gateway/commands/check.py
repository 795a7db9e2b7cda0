"""`pointsman check`: what is wrong with a configuration file, and what it would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from pointsman.gateway.errors import Problem

if TYPE_CHECKING:
    from pointsman.gateway.schema.config import Config


def check(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="The YAML file.")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if there are warnings.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
) -> None:
    """Check a configuration file: its form, its names and conditions, and rules that can never apply.

    Exits with 0 if it can be used, 2 if it cannot."""
    from pointsman.gateway.config import examine  # pydantic and all signals: not needed for help

    examined = examine(config)
    problems, loaded = [*examined.problems, *_unready(examined.config)], _loaded(examined.config)
    if as_json:
        typer.echo(orjson.dumps(_report(config, problems, loaded)))
    else:
        for line in _lines(config, problems, loaded):
            typer.echo(line)
    raise typer.Exit(_status(problems, strict))


def _unready(config: Config | None) -> list[Problem]:
    """What the signals need and the file alone does not show: models, heads and data that can be read."""
    from pointsman.gateway.app import build_rules
    from pointsman.gateway.errors import ConfigError

    if config is None:
        return []
    try:
        build_rules(config)
    except ConfigError as error:
        return error.problems
    return []


def _loaded(config: Config | None) -> dict[str, int]:
    if config is None:
        return {}
    return {"pools": len(config.pools), "signals": len(config.signals), "decisions": len(config.all_decisions)}


def _count(problems: list[Problem], severity: str) -> int:
    return sum(problem.severity == severity for problem in problems)


def _status(problems: list[Problem], strict: bool) -> int:
    if _count(problems, "error"):
        return 2
    return 1 if strict and _count(problems, "warning") else 0


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _lines(config: str, problems: list[Problem], loaded: dict[str, int]) -> list[str]:
    """The findings, then how many there are and what was loaded."""
    found = [_plural(n, severity) for severity in ("error", "warning") if (n := _count(problems, severity))]
    parts = [", ".join(found) or "ok"]
    if loaded:
        parts.append(", ".join(_plural(number, section[:-1]) for section, number in loaded.items()))
    return [*map(str, problems), f"{config}: {'; '.join(parts)}"]


def _report(config: str, problems: list[Problem], loaded: dict[str, int]) -> dict[str, object]:
    findings = [
        {"file": p.file, "line": p.line, "column": p.column, "severity": p.severity, "message": p.message}
        for p in problems
    ]
    return {"config": config, "loaded": loaded, "findings": findings}
