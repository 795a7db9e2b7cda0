"""`pointsman schema`: the JSON Schema of configuration files, for editors."""

from __future__ import annotations

import typer


def schema() -> None:
    """Print the JSON Schema of configuration files, by which editors complete and check them."""
    from pointsman.gateway.json_schema import json_schema  # pydantic and all signals: not needed for help

    typer.echo(json_schema(), nl=False)
