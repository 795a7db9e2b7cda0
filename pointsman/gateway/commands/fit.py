"""`pointsman fit`: learn from labelled texts what signals need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

fit = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=False,
    help="Learn from labelled texts: a classifier, thresholds, or the heads of another encoder.",
)

Data = Annotated[Path, typer.Argument(metavar="DATA", help="JSON lines of labelled texts.", show_default=False)]
Out = Annotated[Path, typer.Option(metavar="FILE", help="Where the result is written.", show_default=False)]
Encoding = Annotated[
    Path | None,
    typer.Option(
        metavar="CONFIG", help="The YAML file whose encoder is used; else the shipped one.", show_default=False
    ),
]


@fit.command("classifier")
def classifier(data: Data, out: Out, config: Encoding = None) -> None:
    """Learn the labels of {"text", "label"} lines for a `classifier` signal, and say how well it knows other texts."""
    from pointsman.gateway.commands.fit_classifier import fit_classifier  # numpy: not needed for help

    for line in fit_classifier(data, out, config):
        typer.echo(line)


@fit.command("thresholds")
def thresholds(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file.", show_default=False)],
    data: Data,
    fpr: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", min=0, max=1, help="False alarms that are allowed; else the best F1.", show_default=False
        ),
    ] = None,
) -> None:
    """Propose thresholds for boolean signals from lines of {"text", "NAME": true} or {"text", "label": NAME}."""
    from pointsman.gateway.commands.fit_thresholds import fit_thresholds

    for line in fit_thresholds(config, data, fpr):
        typer.echo(line)


@fit.command("heads")
def heads(
    data: Annotated[Path, typer.Option(metavar="FOLDER", help="NAME.jsonl and NAME_*.jsonl.", show_default=False)],
    out: Out,
    config: Encoding = None,
) -> None:
    """Fit the shipped signals' heads for another encoder, from {"text", "label"} lines in FOLDER/HEAD.jsonl."""
    from pointsman.gateway.commands.fit_heads import fit_heads

    for line in fit_heads(data, out, config):
        typer.echo(line)
