"""`pointsman fit`: learn from labelled texts what signals need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

fit = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=False,
    help="Learn from labelled texts: a classifier, thresholds, the heads of another encoder, or which model to choose.",
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


@fit.command("selector")
def selector(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="JSON lines of scores, or a decision log.", show_default=False)
    ],
    out: Out,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="CONFIG",
            help="The YAML file whose encoder and prices are used; else the shipped encoder.",
            show_default=False,
        ),
    ] = None,
    strong_share: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            min=0,
            max=1,
            help="Of two models: requests that the better one shall answer.",
            show_default=False,
        ),
    ] = None,
    cost_share: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            min=0,
            max=1,
            help="Of two models: what may be spent of the cost of the better one alone.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Learn which model to choose from {"text", "scores": {MODEL: 0 to 1}} lines, or from a decision log's rewards."""
    from pointsman.gateway.commands.fit_selector import Target, fit_selector

    for line in fit_selector(data, out, config, Target(strong_share, cost_share)):
        typer.echo(line)
