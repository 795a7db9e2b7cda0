"""`pointsman cache`: what helps to set up a cache."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

cache = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=False,
    help="Choose the cache's thresholds, fill it, and carry it elsewhere.",
)


@cache.callback()
def commands() -> None:
    """Choose the cache's thresholds, fill it, and carry it elsewhere."""


@cache.command("tune")
def tune(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file.", show_default=False)],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="JSON lines of pairs, or a decision log.", show_default=False)
    ],
    error: Annotated[str, typer.Option(metavar="SHARE", help="Share of the hits that may be wrong.")] = "2%",
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw precision by hit rate.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Propose a threshold for each category from {"a", "b", "same": true} lines, or from a log's `cache` lines."""
    from pointsman.gateway.commands.cache_tune import share_of, tune_cache

    for line in tune_cache(config, data, share_of(error), plot, json):
        typer.echo(line)


Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file.", show_default=False)]
File = Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines; `-` is stdin.", show_default=False)]


@cache.command("warm")
def warm(
    config: Config,
    file: File,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A running gateway that is told; else the store itself.", show_default=False),
    ] = None,
) -> None:
    """Keep the answers of {"prompt" | "request", "answer"} lines as if a model had just given them."""
    from pointsman.gateway.commands.cache_warm import warm_cache

    if warm_cache(config, file, url, typer.echo):
        raise typer.Exit(1)


@cache.command("export")
def export(
    config: Config,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where it goes; else stdout.", show_default=False)
    ] = None,
) -> None:
    """Print all that the store has as JSON lines, with the secret that its entries are found by."""
    from pointsman.gateway.commands.cache_transfer import export_cache

    typer.echo(export_cache(config, out), err=True)


@cache.command("import")
def import_(config: Config, file: File) -> None:
    """Put what `export` has written into the store, if it is still young enough."""
    from pointsman.gateway.commands.cache_transfer import import_cache

    typer.echo(import_cache(config, file))
